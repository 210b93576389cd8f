"""Metrics of several sample sets: mean, standard deviation, and the value for real images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Metrics = dict[str, float]


class MetricInfo(NamedTuple):
    """Full name of a metric, and which direction is better."""

    title: str
    better: str


METRIC_INFO = {
    "frechet": MetricInfo("Fréchet distance", "lower"),
    "kid": MetricInfo("kernel distance (KID)", "lower (0: equal)"),
    "precision": MetricInfo("precision", "higher"),
    "recall": MetricInfo("recall", "higher"),
    "density": MetricInfo("density", "about 1"),
    "coverage": MetricInfo("coverage", "higher"),
    "classes_covered": MetricInfo("classes covered", "higher"),
    "class_kl": MetricInfo("KL divergence of the classes (nats)", "lower"),
    "confidence": MetricInfo("mean confidence of the classifier", "as real images"),
    "inception_score": MetricInfo("inception score, with this classifier", "higher"),
    "parzen": MetricInfo("Parzen window log-likelihood (nats)", "higher"),
}

# Written to evaluation.json, which `dvc metrics` compares. All metrics are in evaluation_details.json.
HEADLINE_METRICS = ("frechet", "kid", "precision", "recall", "coverage", "classes_covered", "class_kl", "parzen")


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation of each metric over the sample sets, and its value for real images."""

    means: Metrics
    stds: Metrics
    real: Metrics

    @classmethod
    def from_sets(cls, metrics_per_set: Sequence[Metrics], real: Metrics) -> "Summary":
        """Summarize the metrics of at least two sample sets."""
        values = {name: [metrics[name] for metrics in metrics_per_set] for name in metrics_per_set[0]}
        means = {name: float(np.mean(of_sets)) for name, of_sets in values.items()}
        stds = {name: float(np.std(of_sets, ddof=1)) for name, of_sets in values.items()}
        return cls(means, stds, real)

    def table(self) -> dict[str, Metrics]:
        """Mean (`samples`), standard deviation (`std`) and value for real images (`real`) of each metric."""
        return {
            name: round_metrics({"samples": mean, "std": self.stds[name], "real": self.real[name]})
            for name, mean in self.means.items()
        }

    def headline_metrics(self, frechet_ratio: float, memorization_score: float) -> Metrics:
        """The metrics that DVC compares."""
        headline = {name: self.means[name] for name in HEADLINE_METRICS if name in self.means}
        return round_metrics({"frechet_ratio": frechet_ratio, **headline, "memorization": memorization_score})


def round_significant(value: float) -> float:
    """Round to five significant digits: further digits are noise, and differ between machines."""
    return float(f"{value:.5g}")


def round_metrics(metrics: Metrics) -> Metrics:
    """Apply `round_significant` to each metric."""
    return {name: round_significant(value) for name, value in metrics.items()}


def best_snapshot(snapshot_metrics: Sequence[Metrics]) -> Metrics:
    """Return the metrics of the snapshot with the smallest frechet_ratio; the first one if several are equal."""
    return min(snapshot_metrics, key=lambda metrics: metrics["frechet_ratio"])
