"""Figures of several sets of samples: how large, how sure, and what real pictures reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Figures = dict[str, float]


class Meaning(NamedTuple):
    """What a figure is called in full, and which way is better."""

    title: str
    better: str


MEANINGS = {
    "frechet": Meaning("Fréchet distance", "lower"),
    "kid": Meaning("kernel distance (KID)", "lower; 0: alike"),
    "precision": Meaning("precision", "higher"),
    "recall": Meaning("recall", "higher"),
    "density": Meaning("density", "about 1"),
    "coverage": Meaning("coverage", "higher"),
    "classes_covered": Meaning("classes covered", "higher"),
    "class_kl": Meaning("KL divergence of the classes, nats", "lower"),
    "confidence": Meaning("mean confidence of the classifier", "as real"),
    "score": Meaning("inception score, by this classifier", "higher"),
    "parzen": Meaning("Parzen window, nats", "higher"),
}

# The few that DVC compares; the others stand in the details.
METRICS = ("frechet", "kid", "precision", "recall", "coverage", "classes_covered", "class_kl", "parzen")


@dataclass(frozen=True)
class Summary:
    """Figures of several sets of samples: the mean and standard deviation of each, beside the control's."""

    means: Figures
    spreads: Figures
    control: Figures

    @classmethod
    def of(cls, sets: Sequence[Figures], control: Figures) -> "Summary":
        """From the figures of at least two sets."""
        values = {name: [figures[name] for figures in sets] for name in sets[0]}
        means = {name: float(np.mean(row)) for name, row in values.items()}
        return cls(means, {name: float(np.std(row, ddof=1)) for name, row in values.items()}, control)

    def table(self) -> dict[str, dict[str, float]]:
        """Each figure's value, spread, and value for real pictures."""
        return {
            name: {"samples": short(mean), "spread": short(self.spreads[name]), "real": short(self.control[name])}
            for name, mean in self.means.items()
        }

    def metrics(self, ratio: float, memorisation: float) -> dict[str, float]:
        """The few figures that DVC compares."""
        chosen = {name: self.means[name] for name in METRICS if name in self.means}
        return {
            name: short(value)
            for name, value in {"frechet_ratio": ratio, **chosen, "memorisation": memorisation}.items()
        }


def short(value: float) -> float:
    """Five significant digits: more are noise, and differ from machine to machine."""
    return float(f"{value:.5g}")


def best_of(track: Sequence[Figures]) -> Figures:
    """The snapshot of the smallest Fréchet distance; the first of equal ones."""
    return min(track, key=lambda figures: figures["frechet_ratio"])
