"""Curves of the training, as SVG."""

import csv
import io
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

INK = "#7d8590"  # readable on white and on black paper
COLOURS = {"generator_loss": "#d9822b", "discriminator_loss": "#2f81d6", "d_real": "#2f81d6", "d_fake": "#d9822b"}
LABELS = {
    "generator_loss": "generator",
    "discriminator_loss": "discriminator",
    "d_real": "D(x), real pictures",
    "d_fake": "D(G(z)), fakes",
}


def read_history(path: Path) -> dict[str, list[float]]:
    """Columns of the history table by name."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def training_curves(history: dict[str, list[float]]) -> str:
    """Losses and the discriminator's mean answers against the iteration, as an SVG element."""
    # A fixed salt and no date: the same history gives the same bytes.
    with mpl.rc_context(
        {
            "svg.hashsalt": "gan",
            "font.size": 9,
            "text.color": INK,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
        }
    ):
        figure, (losses, answers) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
        _lines(losses, history, ["generator_loss", "discriminator_loss"], "loss")
        _lines(answers, history, ["d_real", "d_fake"], "mean answer")
        answers.set_ylim(0, 1)
        answers.axhline(0.5, color=INK, linewidth=0.8, linestyle=":")
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        plt.close(figure)
    svg = out.getvalue()
    return svg[svg.index("<svg") :]


def _lines(axes: Axes, history: dict[str, list[float]], names: list[str], label: str) -> None:
    for name in names:
        axes.plot(history["step"], history[name], color=COLOURS[name], linewidth=1.4, label=LABELS[name])
    axes.set(xlabel="iteration", ylabel=label)
    axes.grid(color=INK, alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
