"""Comparison of several experiments: an image with samples and metrics, and an HTML page with animations."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from PIL import Image, ImageSequence

from gan.images import evenly_spaced_indices
from gan.io import write_text
from gan.plots.frame_viewer import to_data_url
from gan.plots.report import json_for_html, render

ROW_HEIGHT_INCHES = 0.62
COLOR = "#d9822b"
BEST_COLOR = "#2f81d6"
MAX_BYTES = 7_000_000  # of the data URLs of all animations together
MAX_FRAMES = 50  # per animation
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
    """Result of one experiment."""

    name: str
    parameters: Mapping[str, Any]  # those that define the experiment
    metrics: Mapping[str, float]  # of the evaluation, and `seconds` of the training if known
    config: Mapping[str, Any]  # all parameters
    grid: Image.Image
    gif: Image.Image  # animation of the training


def comparison_figure(experiments: Sequence[ExperimentResult]) -> Image.Image:
    """One row per experiment: samples, Fréchet distance relative to real images (log scale), coverage, seconds."""
    figure = Figure(figsize=(11, ROW_HEIGHT_INCHES * len(experiments) + 0.7), layout="constrained")
    samples, ratio, coverage, seconds = figure.subplots(1, 4, width_ratios=(5.2, 2, 2, 1.4))
    plot_samples(samples, experiments)
    plot_bars(ratio, experiments, "frechet_ratio", "{:.1f}")
    plot_bars(coverage, experiments, "coverage", "{:.2f}")
    plot_bars(seconds, experiments, "seconds", "{:.0f}", mark_best=False)
    ratio.set_xscale("log")
    ratio.xaxis.set_minor_formatter(NullFormatter())
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100, metadata={"Software": None})
    return Image.open(out)


def plot_samples(axes: Axes, experiments: Sequence[ExperimentResult]) -> None:
    """Draw the first row of each experiment's grid, labeled with the experiment's name."""
    sample_rows = []
    for experiment in experiments:
        grid = experiment.grid.convert("RGB")
        num_rows = max(1, experiment.config.get("sample.grid_rows", 1))
        sample_rows.append(grid.crop((0, 0, grid.width, grid.height // num_rows)))
    width = max(row.width / row.height for row in sample_rows)  # in units of a row's height
    for i, row in enumerate(sample_rows):
        axes.imshow(row, extent=(0, width, i + 0.46, i - 0.46), aspect="auto", interpolation="nearest")
    axes.set(xlim=(0, width), ylim=(len(experiments) - 0.5, -0.5), xticks=[], title="samples")
    axes.set_yticks(range(len(experiments)), [experiment.name for experiment in experiments])
    axes.spines[:].set_visible(False)


def plot_bars(
    axes: Axes, experiments: Sequence[ExperimentResult], metric: str, label_format: str, mark_best: bool = True
) -> None:
    """Draw one horizontal bar per experiment. The best value has a color of its own."""
    values = [experiment.metrics.get(metric, 0) for experiment in experiments]
    best = max(values) if metric in HIGHER_IS_BETTER else min(values)
    colors = [BEST_COLOR if mark_best and value == best else COLOR for value in values]
    bars = axes.barh(range(len(values)), values, 0.6, color=colors)
    axes.bar_label(bars, [label_format.format(value) if value else "unknown" for value in values], padding=4)
    axes.set(ylim=(len(values) - 0.5, -0.5), yticks=[], title=COLUMNS[metric])
    axes.margins(x=0.35)
    axes.spines[["top", "right"]].set_visible(False)


def differing_parameters(experiments: Sequence[ExperimentResult]) -> dict[str, list[Any]]:
    """Parameters that are not the same in all experiments, with the value of each experiment."""
    names = dict.fromkeys(name for experiment in experiments for name in experiment.config)
    values = {name: [experiment.config.get(name) for experiment in experiments] for name in names}
    return {name: row for name, row in values.items() if any(value != row[0] for value in row)}


def write_comparison(experiments: Sequence[ExperimentResult], out: Path) -> None:
    """Write the HTML page, a single self-contained file."""
    animations = [load_animation(experiment.gif, MAX_FRAMES) for experiment in experiments]
    num_bytes = sum(len(frame) for animation in animations for frame in animation)
    if num_bytes > MAX_BYTES:
        max_frames = max(2, MAX_FRAMES * MAX_BYTES // num_bytes)
        animations = [[frames[i] for i in evenly_spaced_indices(len(frames), max_frames)] for frames in animations]
    columns = {name: title for name, title in COLUMNS.items() if any(name in e.metrics for e in experiments)}
    best = {}
    for metric in columns:
        values = [experiment.metrics[metric] for experiment in experiments if metric in experiment.metrics]
        best[metric] = max(values) if metric in HIGHER_IS_BETTER else min(values)
    page = render(
        "comparison.html.j2",
        experiments=experiments,
        animations=animations,
        columns=columns,
        best=best,
        differing=differing_parameters(experiments),
        animations_json=json_for_html(animations),
    )
    write_text(out, page)


def load_animation(gif: Image.Image, max_frames: int) -> list[str]:
    """At most `max_frames` evenly spaced frames of a GIF as data URLs."""
    frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(gif)]
    return [to_data_url(frames[i]) for i in evenly_spaced_indices(len(frames), max_frames)]
