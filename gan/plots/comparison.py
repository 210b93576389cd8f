"""Several trainings side by side: as a picture with their samples and figures, and as a page with their films."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import NullFormatter
from PIL import Image, ImageSequence

from gan.images import evenly_spaced_indices
from gan.io import write_text
from gan.plots.frame_viewer import to_data_url
from gan.plots.report import json_for_html, render

ROW_HEIGHT_INCHES = 0.62  # a row
COLORS = ("#d9822b", "#2f81d6")
MAX_BYTES = 7_000_000  # of all films together, as text
FRAMES = 50  # the most that a film has here
COLUMNS = {
    "frechet_ratio": "Fréchet ÷ real",
    "coverage": "coverage",
    "classes_covered": "classes",
    "class_kl": "KL",
    "gan_test": "GAN-test",
    "gan_train": "GAN-train",
    "seconds": "seconds",
}
HIGHER_IS_BETTER = ("coverage", "classes_covered", "gan_test", "gan_train")


class ExperimentResult(NamedTuple):
    """A training: its name, the parameters that make it what it is, its figures (`seconds` among them where they are
    known), all its parameters, its grid of pictures, and its film as a GIF."""

    name: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    config: Mapping[str, Any]
    grid: Image.Image
    gif: Image.Image


def comparison_figure(experiments: Sequence[ExperimentResult]) -> Image.Image:
    """A row each: the first row of its grid, Fréchet distance over that of real pictures (logarithmic), coverage,
    seconds of training."""
    count = len(experiments)
    figure, axes = plt.subplots(
        1, 4, figsize=(11, ROW_HEIGHT_INCHES * count + 0.7), layout="constrained", width_ratios=(5.2, 2, 2, 1.4)
    )
    pictures, *bars = axes
    strips = []
    for one in experiments:
        rows = max(1, one.config.get("sample.grid_rows", 1))
        strips.append(one.grid.convert("RGB").crop((0, 0, one.grid.width, one.grid.height // rows)))
    ratio = max(strip.width / strip.height for strip in strips)
    for i, strip in enumerate(strips):
        pictures.imshow(strip, extent=(0, ratio, i + 0.46, i - 0.46), aspect="auto", interpolation="nearest")
    pictures.set(xlim=(0, ratio), ylim=(count - 0.5, -0.5), xticks=[], title="samples")
    pictures.set_yticks(range(count), [one.name for one in experiments])
    for spine in pictures.spines.values():
        spine.set_visible(False)
    for axis, (key, text) in zip(
        bars, (("frechet_ratio", "{:.1f}"), ("coverage", "{:.2f}"), ("seconds", "{:.0f}")), strict=True
    ):
        numbers = [one.metrics.get(key, 0) for one in experiments]
        best = max(numbers) if key in HIGHER_IS_BETTER else min(numbers)
        axis.barh(range(count), numbers, 0.6, color=[COLORS[n == best and key != "seconds"] for n in numbers])
        for i, number in enumerate(numbers):
            words = text.format(number) if number else "not known"
            axis.annotate(words, (number, i), (4, 0), textcoords="offset points", va="center")
        axis.set(ylim=(count - 0.5, -0.5), yticks=[], title=COLUMNS[key])
        axis.margins(x=0.35)
        axis.spines[["top", "right"]].set_visible(False)
    bars[0].set_xscale("log")
    bars[0].xaxis.set_minor_formatter(NullFormatter())
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100, metadata={"Software": None})
    plt.close(figure)
    return Image.open(out)


def differing_parameters(experiments: Sequence[ExperimentResult]) -> dict[str, list[Any]]:
    """The parameters that are not the same in all of them, with each one's value."""
    names = list(dict.fromkeys(name for one in experiments for name in one.config))
    values = {name: [one.config.get(name) for one in experiments] for name in names}
    return {name: row for name, row in values.items() if any(value != row[0] for value in row)}


def write_comparison(experiments: Sequence[ExperimentResult], out: Path) -> None:
    """Write the page: one file that needs nothing else."""
    films = [load_animation(one.gif, FRAMES) for one in experiments]
    size = sum(len(frame) for film in films for frame in film)
    if size > MAX_BYTES:
        most = max(2, FRAMES * MAX_BYTES // size)
        films = [[film[i] for i in evenly_spaced_indices(len(film), most)] for film in films]
    found = {key: [one.metrics[key] for one in experiments if key in one.metrics] for key in COLUMNS}
    best = {key: max(row) if key in HIGHER_IS_BETTER else min(row) for key, row in found.items() if row}
    shown = [{**one._asdict(), "film": film} for one, film in zip(experiments, films, strict=True)]
    page = render(
        "comparison.html.j2",
        experiments=shown,
        columns={key: title for key, title in COLUMNS.items() if key in best},
        best=best,
        differences=differing_parameters(experiments),
        films=json_for_html(films),
    )
    write_text(out, page)


def load_animation(gif: Image.Image, most: int) -> list[str]:
    """Frames of a GIF as addresses that hold them."""
    frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(gif)]
    return [to_data_url(frames[i]) for i in evenly_spaced_indices(len(frames), most)]
