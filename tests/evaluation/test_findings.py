"""Findings in sentences."""

import pytest

from gan.evaluation.findings import summarize
from gan.evaluation.memorization import Memorization
from gan.evaluation.summary import Metrics, Summary


def findings(frechet_ratios: list[float], coverage: float = 0.9, nearest_in_train: float = 0.81) -> list[str]:
    summary = Summary({"coverage": coverage, "classes_covered": 9.0}, {}, {"coverage": 0.95})
    snapshots: list[Metrics] = [{"epoch": 10.0 * (i + 1), "frechet_ratio": r} for i, r in enumerate(frechet_ratios)]
    memorization = Memorization(nearest_in_train, 0.8, 0.02, 1.0, 1.0, [])
    return summarize(summary, frechet_ratios[-1], memorization, snapshots, 10)


@pytest.mark.parametrize(
    ("frechet_ratios", "expected"),
    [
        ([30, 20, 12], "still improving at the end"),
        ([30, 12, 12.2], "no better at the end than at epoch 20"),
        ([30, 12, 25], "best at epoch 20 (Fréchet distance 12.0×"),
    ],
)
def test_trend(frechet_ratios: list[float], expected: str) -> None:
    assert expected in findings(frechet_ratios)[-1]


@pytest.mark.parametrize(
    ("nearest_in_train", "grade"),
    [
        (0.81, "none found"),
        (0.811, "none found"),  # within three standard errors
        (0.85, "slight"),
        (0.95, "strong"),
    ],
)
def test_memorization(nearest_in_train: float, grade: str) -> None:
    assert findings([8.0, 3.0], nearest_in_train=nearest_in_train)[3].startswith(f"Memorization: {grade}")


def test_classes_quality_and_diversity() -> None:
    classes, quality, diversity, *_ = findings([8.0, 3.0])
    assert classes == "Classes: 9 of 10 covered."
    assert "3.0×" in quality and "good" in quality
    assert "mode collapse" not in diversity
    assert "mode collapse" in findings([8.0, 3.0], coverage=0.1)[2]
