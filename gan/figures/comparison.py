"""Several systems side by side: samples in rows, with the figures that they were judged by."""

import io
from typing import NamedTuple

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
from PIL import Image

INCHES = 0.62  # a row
COLOURS = ("#d9822b", "#2f81d6")


class Row(NamedTuple):
    """A system: its name, its grid of pictures (of which the first row is shown), and its figures."""

    name: str
    grid: Image.Image
    frechet_ratio: float
    coverage: float
    seconds: float | None


def comparison_figure(rows: list[Row], grid_rows: int = 10) -> Image.Image:
    """One row a system: the first row of its grid of `grid_rows`, Fréchet distance over that of real pictures
    (logarithmic), coverage, seconds of training."""
    count = len(rows)
    figure, axes = plt.subplots(
        1, 4, figsize=(11, INCHES * count + 0.7), layout="constrained", width_ratios=(5.2, 2, 2, 1.4)
    )
    pictures, *bars = axes
    strips = [row.grid.convert("RGB").crop((0, 0, row.grid.width, row.grid.height // grid_rows)) for row in rows]
    ratio = max(strip.width / strip.height for strip in strips)
    for i, strip in enumerate(strips):
        pictures.imshow(strip, extent=(0, ratio, i + 0.46, i - 0.46), aspect="auto", interpolation="nearest")
    pictures.set(xlim=(0, ratio), ylim=(count - 0.5, -0.5), xticks=[], title="samples")
    pictures.set_yticks(range(count), [row.name for row in rows])
    for spine in pictures.spines.values():
        spine.set_visible(False)
    values = (
        ("Fréchet ÷ real", [row.frechet_ratio for row in rows], "{:.1f}"),
        ("coverage", [row.coverage for row in rows], "{:.2f}"),
        ("seconds", [row.seconds or 0 for row in rows], "{:.0f}"),
    )
    for axis, (title, numbers, text) in zip(bars, values, strict=True):
        best = min(numbers) if title != "coverage" else max(numbers)
        colours = [COLOURS[number == best and title != "seconds"] for number in numbers]
        axis.barh(range(count), numbers, 0.6, color=colours)
        for i, number in enumerate(numbers):
            axis.annotate(
                text.format(number) if number else "cached",
                (number, i),
                (4, 0),
                textcoords="offset points",
                va="center",
            )
        axis.set(ylim=(count - 0.5, -0.5), yticks=[], title=title)
        axis.margins(x=0.35)
        axis.spines[["top", "right"]].set_visible(False)
    bars[0].set_xscale("log")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100, metadata={"Software": None})
    plt.close(figure)
    return Image.open(out)
