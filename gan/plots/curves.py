"""Curves of training and quality as SVG elements. The same data gives the same bytes."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FOREGROUND = "#7d8590"  # readable on a white and on a black background
COLORS = {"generator_loss": "#d9822b", "discriminator_loss": "#2f81d6", "d_real": "#2f81d6", "d_fake": "#d9822b"}
LABELS = {
    "generator_loss": "generator",
    "discriminator_loss": "discriminator",
    "d_real": "D(x), real images",
    "d_fake": "D(G(z)), generated images",
}
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "gan",  # without a fixed salt the ids inside the SVG are random
    "font.size": 9,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), FOREGROUND),
}
REFERENCE_LINE: dict[str, Any] = {"color": FOREGROUND, "linewidth": 0.8, "linestyle": ":"}
ANIMATION_AXES = (0.12, 0.2, 0.86, 0.75)  # left, bottom, width, height as fractions of the figure
MAX_HORIZONTAL_LABELS = 12  # with more classes their names are vertical
Table = Mapping[str, Sequence[float]]  # columns by name


def read_table(path: Path) -> dict[str, list[float]]:
    """Read a tab-separated table of numbers as columns by name."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def report_curves(reports: Path, evaluation: Mapping[str, Any], outputs_probabilities: bool) -> dict[str, str]:
    """SVG elements by name; `quality` is empty with fewer than two snapshots, `classes` without classes.

    reports: folder of history.tsv and quality.tsv. evaluation: details written by gan.evaluation.
    outputs_probabilities: the discriminator outputs probabilities, not logits.
    """
    history = read_table(reports / "history.tsv")
    quality = read_table(reports / "quality.tsv")
    training = training_curves(history, outputs_probabilities)
    curves = {"training": training, "animation": animation_curve(history), "quality": "", "classes": ""}
    if len(quality["epoch"]) > 1:
        real_coverage = evaluation["metrics"]["coverage"]["real"]
        curves["quality"] = quality_curves(quality, evaluation["best_epoch"], real_coverage)
    if classes := evaluation.get("classes"):
        curves["classes"] = class_histogram(classes["names"], classes["samples"], classes["training"])
    return curves


@mpl.rc_context(STYLE)
def training_curves(history: Table, outputs_probabilities: bool = True) -> str:
    """Both losses, and the discriminator's mean outputs, by iteration."""
    figure, (losses, outputs) = svg_figure(2)
    plot_series(losses, history, ["generator_loss", "discriminator_loss"], "loss")
    plot_series(outputs, history, ["d_real", "d_fake"], "mean output" if outputs_probabilities else "mean logit")
    if outputs_probabilities:
        outputs.set_ylim(0, 1)
    outputs.axhline(0.5 if outputs_probabilities else 0, **REFERENCE_LINE)
    return svg_element(figure)


@mpl.rc_context(STYLE)
def animation_curve(history: Table) -> str:
    """Both losses from iteration 0 to the last one. The axes are at ANIMATION_AXES, where the page draws a cursor."""
    figure = Figure(figsize=(5.2, 2.2))
    axes = figure.add_axes(ANIMATION_AXES)
    plot_series(axes, history, ["generator_loss", "discriminator_loss"], "loss")
    axes.set_xlim(0, history["step"][-1])
    return svg_element(figure)


@mpl.rc_context(STYLE)
def quality_curves(track: Table, best_epoch: float, real_coverage: float) -> str:
    """Fréchet distance relative to real images, and coverage, by epoch; real images dotted, the best epoch ringed."""
    figure, (distance, coverage) = svg_figure(2)
    best = list(track["epoch"]).index(best_epoch)
    for axes, name, real in ((distance, "frechet_ratio", 1.0), (coverage, "coverage", real_coverage)):
        axes.plot(track["epoch"], track[name], color=COLORS["generator_loss"], marker="o", markersize=4)
        axes.plot(best_epoch, track[name][best], marker="o", markersize=9, fillstyle="none", color=COLORS["d_real"])
        axes.axhline(real, **REFERENCE_LINE)
        style_axes(axes, "epoch")
    distance.set(yscale="log", ylabel="Fréchet distance ÷ that of real images")
    coverage.set(ylim=(0, 1), ylabel="coverage of the test images")
    return svg_element(figure)


@mpl.rc_context(STYLE)
def class_histogram(names: Sequence[str], generated: Sequence[float], training: Sequence[float]) -> str:
    """Class frequencies of generated images next to those of the training images."""
    figure, (axes,) = svg_figure(1)
    positions = range(len(names))
    axes.bar([x - 0.2 for x in positions], generated, 0.38, color=COLORS["d_fake"], label="generated images")
    axes.bar([x + 0.2 for x in positions], training, 0.38, color=COLORS["d_real"], label="training images")
    vertical = len(names) > MAX_HORIZONTAL_LABELS or sum(map(len, names)) > MAX_HORIZONTAL_LABELS * 3
    axes.set_xticks(positions, names, rotation=90 if vertical else 0)
    style_axes(axes, "class")
    axes.set_ylabel("fraction of the images")
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))  # above the bars
    return svg_element(figure)


def svg_figure(num_columns: int) -> tuple[Figure, list[Axes]]:
    """Figure with axes side by side."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    return figure, list(figure.subplots(1, num_columns, squeeze=False)[0])


def svg_element(figure: Figure) -> str:
    """SVG element of a figure, without the XML header."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    return svg[svg.index("<svg") :]


def plot_series(axes: Axes, history: Table, names: Sequence[str], y_label: str) -> None:
    """Plot columns of the history by iteration."""
    for name in names:
        axes.plot(history["step"], history[name], color=COLORS[name], linewidth=1.4, label=LABELS[name])
    style_axes(axes, "iteration")
    axes.set_ylabel(y_label)
    axes.legend(frameon=False)


def style_axes(axes: Axes, x_label: str) -> None:
    """Label the x axis, draw a light grid, remove the top and right border."""
    axes.set_xlabel(x_label)
    axes.grid(color=FOREGROUND, alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
