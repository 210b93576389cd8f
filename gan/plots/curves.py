"""Curves of the training, as SVG."""

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

MAX_HORIZONTAL_LABELS = 12  # class names, from which on they stand upright
FOREGROUND = "#7d8590"  # readable on white and on black paper
COLORS = {"generator_loss": "#d9822b", "discriminator_loss": "#2f81d6", "d_real": "#2f81d6", "d_fake": "#d9822b"}
LABELS = {
    "generator_loss": "generator",
    "discriminator_loss": "discriminator",
    "d_real": "D(x), real pictures",
    "d_fake": "D(G(z)), fakes",
}


def read_table(path: Path) -> dict[str, list[float]]:
    """Columns of a tab-separated table of numbers by name."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def report_curves(reports: Path, evaluation: Mapping[str, Any], probabilities: bool) -> dict[str, str]:
    """SVG elements by name: the training; the quality along it, and the classes, or nothing where they are not known.

    reports: the folder of the tables history.tsv and quality.tsv; evaluation: the details that gan.evaluation writes;
    probabilities: whether the discriminator's answers are.
    """
    history = read_table(reports / "history.tsv")
    quality, classes = read_table(reports / "quality.tsv"), evaluation.get("classes")
    coverage = evaluation["figures"]["coverage"]["real"]
    return {
        "training": training_curves(history, probabilities),
        "film": animation_curve(history),
        "quality": quality_curves(quality, evaluation["best_epoch"], coverage) if len(quality["epoch"]) > 1 else "",
        "classes": class_histogram(classes["names"], classes["samples"], classes["training"]) if classes else "",
    }


def training_curves(history: dict[str, list[float]], probabilities: bool = True) -> str:
    """Losses and the discriminator's mean answers against the iteration, as an SVG element."""
    with svg_figure(2) as (out, (losses, answers)):
        plot_series(losses, history, ["generator_loss", "discriminator_loss"], "loss")
        plot_series(answers, history, ["d_real", "d_fake"], "mean answer" if probabilities else "mean logit")
        if probabilities:
            answers.set_ylim(0, 1)
        answers.axhline(0.5 if probabilities else 0, color=FOREGROUND, linewidth=0.8, linestyle=":")
    return svg_element(out)


ANIMATION_AXES = (0.12, 0.2, 0.86, 0.75)  # left, bottom, width and height, as shares of the figure


def animation_curve(history: dict[str, list[float]]) -> str:
    """Both losses against the iteration, from 0 to the last, as an SVG element whose axes lie at FILM_AXES."""
    with mpl.rc_context(_STYLE):
        figure = plt.figure(figsize=(5.2, 2.2))
        axes = figure.add_axes(ANIMATION_AXES)
        plot_series(axes, history, ["generator_loss", "discriminator_loss"], "loss")
        axes.set_xlim(0, history["step"][-1])
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        plt.close(figure)
    return svg_element(out)


def quality_curves(track: dict[str, list[float]], best: float, real_coverage: float) -> str:
    """Fréchet distance over that of real pictures, and coverage, against the epoch, as an SVG element.

    best: the epoch of the smallest distance; real_coverage: what real pictures cover (dotted, as 1 is on the left).
    """
    with svg_figure(2) as (out, (distance, coverage)):
        for axes, name, goal in ((distance, "frechet_ratio", 1.0), (coverage, "coverage", real_coverage)):
            axes.plot(track["epoch"], track[name], color=COLORS["generator_loss"], marker="o", markersize=4)
            axes.axhline(goal, color=FOREGROUND, linewidth=0.8, linestyle=":")
            at = track["epoch"].index(best)
            axes.plot(best, track[name][at], marker="o", markersize=9, fillstyle="none", color=COLORS["d_real"])
            style_axes(axes, "epoch")
        distance.set(yscale="log", ylabel="distance, × that of real pictures")
        coverage.set(ylim=(0, 1), ylabel="coverage of the test pictures")
    return svg_element(out)


def class_histogram(names: list[str], samples: list[float], training: list[float]) -> str:
    """Shares of the classes among samples and training pictures, as an SVG element."""
    with svg_figure(1) as (out, (axes,)):
        places = range(len(names))
        for offset, shares, name, label in (
            (-0.2, samples, "generator_loss", "drawn"),
            (0.2, training, "d_real", "training pictures"),
        ):
            axes.bar([x + offset for x in places], shares, 0.38, color=COLORS[name], label=label)
        crowded = len(names) > MAX_HORIZONTAL_LABELS or sum(map(len, names)) > MAX_HORIZONTAL_LABELS * 3
        axes.set_xticks(places, names, rotation=90 if crowded else 0)
        style_axes(axes, "class")
        axes.set_ylabel("share")
        axes.legend(frameon=False)
    return svg_element(out)


# A fixed salt and no date: the same history gives the same bytes.
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "gan",
    "font.size": 9,
    "text.color": FOREGROUND,
    "axes.edgecolor": FOREGROUND,
    "axes.labelcolor": FOREGROUND,
    "xtick.color": FOREGROUND,
    "ytick.color": FOREGROUND,
}


@contextmanager
def svg_figure(columns: int) -> Iterator[tuple[io.StringIO, list[Axes]]]:
    """Axes side by side; when they are drawn, the text gets the SVG file."""
    with mpl.rc_context(_STYLE):
        figure, axes = plt.subplots(1, columns, figsize=(9, 3), layout="constrained", squeeze=False)
        out = io.StringIO()
        yield out, list(axes[0])
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        plt.close(figure)


def svg_element(out: io.StringIO) -> str:
    svg = out.getvalue()
    return svg[svg.index("<svg") :]


def plot_series(axes: Axes, history: dict[str, list[float]], names: list[str], label: str) -> None:
    for name in names:
        axes.plot(history["step"], history[name], color=COLORS[name], linewidth=1.4, label=LABELS[name])
    style_axes(axes, "iteration")
    axes.set_ylabel(label)
    axes.legend(frameon=False)


def style_axes(axes: Axes, label: str) -> None:
    axes.set_xlabel(label)
    axes.grid(color=FOREGROUND, alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
