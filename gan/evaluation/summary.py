"""Figures of several sets of samples: how large, how sure, and what real pictures reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Metrics = dict[str, float]


class MetricInfo(NamedTuple):
    """What a figure is called in full, and which way is better."""

    title: str
    better: str


METRIC_INFO = {
    "frechet": MetricInfo("Fréchet distance", "lower"),
    "kid": MetricInfo("kernel distance (KID)", "lower; 0: alike"),
    "precision": MetricInfo("precision", "higher"),
    "recall": MetricInfo("recall", "higher"),
    "density": MetricInfo("density", "about 1"),
    "coverage": MetricInfo("coverage", "higher"),
    "classes_covered": MetricInfo("classes covered", "higher"),
    "class_kl": MetricInfo("KL divergence of the classes, nats", "lower"),
    "confidence": MetricInfo("mean confidence of the classifier", "as real"),
    "score": MetricInfo("inception score, by this classifier", "higher"),
    "parzen": MetricInfo("Parzen window, nats", "higher"),
}

# The few that DVC compares; the others stand in the details.
HEADLINE_METRICS = ("frechet", "kid", "precision", "recall", "coverage", "classes_covered", "class_kl", "parzen")


@dataclass(frozen=True)
class Summary:
    """Figures of several sets of samples: the mean and standard deviation of each, beside the control's."""

    means: Metrics
    spreads: Metrics
    control: Metrics

    @classmethod
    def of(cls, sets: Sequence[Metrics], control: Metrics) -> "Summary":
        """From the figures of at least two sets."""
        values = {name: [figures[name] for figures in sets] for name in sets[0]}
        means = {name: float(np.mean(row)) for name, row in values.items()}
        return cls(means, {name: float(np.std(row, ddof=1)) for name, row in values.items()}, control)

    def table(self) -> dict[str, dict[str, float]]:
        """Each figure's value, spread, and value for real pictures."""
        return {
            name: {
                "samples": round_significant(mean),
                "spread": round_significant(self.spreads[name]),
                "real": round_significant(self.control[name]),
            }
            for name, mean in self.means.items()
        }

    def metrics(self, ratio: float, memorisation: float) -> dict[str, float]:
        """The few figures that DVC compares."""
        chosen = {name: self.means[name] for name in HEADLINE_METRICS if name in self.means}
        return {
            name: round_significant(value)
            for name, value in {"frechet_ratio": ratio, **chosen, "memorisation": memorisation}.items()
        }


def round_significant(value: float) -> float:
    """Five significant digits: more are noise, and differ from machine to machine."""
    return float(f"{value:.5g}")


def best_snapshot(track: Sequence[Metrics]) -> Metrics:
    """The snapshot of the smallest Fréchet distance; the first of equal ones."""
    return min(track, key=lambda figures: figures["frechet_ratio"])
