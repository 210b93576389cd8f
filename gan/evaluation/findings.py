"""Findings: the metrics summarized in sentences, by fixed thresholds."""

from collections.abc import Sequence

from gan.evaluation.conditional_metrics import describe
from gan.evaluation.memorization import Memorization
from gan.evaluation.summary import Metrics, Summary, best_snapshot

# Largest frechet_ratio of each grade.
QUALITY_GRADES = ((2.0, "almost like real images"), (10.0, "good"), (30.0, "fair"), (float("inf"), "poor"))
COLLAPSE_COVERAGE = 0.3  # mode collapse: coverage is below this fraction of the coverage of real images
MEMORIZING = 0.5  # minimum memorization_score of strong memorization
SLIGHTLY_MEMORIZING = 0.05  # of slight memorization; the score must also exceed three standard errors
PLATEAU_TOLERANCE = 0.05  # relative difference of Fréchet distances that counts as no difference


def summarize(
    summary: Summary,
    frechet_ratio: float,
    memorization: Memorization,
    snapshot_metrics: Sequence[Metrics],
    num_classes: int,
    *,
    conditional: Metrics | None = None,
) -> list[str]:
    """Summarize classes, quality, diversity, conditioning, memorization and training in one sentence each.

    frechet_ratio: Fréchet distance divided by that of real images. snapshot_metrics: metrics of the snapshots, with
    their `epoch`, in the order of training. conditional: metrics of gan.evaluation.conditional_metrics.
    """
    coverage = summary.means["coverage"]
    real_coverage = summary.real["coverage"]
    grade = next(grade for limit, grade in QUALITY_GRADES if frechet_ratio <= limit)
    collapsed = coverage < COLLAPSE_COVERAGE * max(real_coverage, 1e-9)
    lines = []
    if "classes_covered" in summary.means:
        lines.append(f"Classes: {summary.means['classes_covered']:.0f} of {num_classes} covered.")
    lines.append(f"Quality: Fréchet distance {frechet_ratio:.1f}× that of real images ({grade}).")
    lines.append(
        f"Diversity: {coverage:.0%} of the test images covered, {real_coverage:.0%} by real images"
        f"{'; mode collapse' if collapsed else ''}."
    )
    lines += describe(conditional or {})
    lines.append(memorization_sentence(memorization))
    if len(snapshot_metrics) > 1:
        lines.append(trend_sentence(snapshot_metrics))
    return lines


def memorization_sentence(memorization: Memorization) -> str:
    """State whether samples are closer to training images than independent images would be."""
    score = memorization.memorization_score
    grade = "none found"
    if score >= MEMORIZING:
        grade = "strong"
    elif score > max(SLIGHTLY_MEMORIZING, 3 * memorization.standard_error):
        grade = "slight"
    return (
        f"Memorization: {grade}; the nearest real image of {memorization.nearest_in_train:.0%} of the samples is a "
        f"training image ({memorization.expected:.0%} expected by chance)."
    )


def trend_sentence(snapshot_metrics: Sequence[Metrics]) -> str:
    """State whether the generator was still improving at the end of the training; needs two snapshots or more."""
    best = best_snapshot(snapshot_metrics)
    best_earlier = best_snapshot(snapshot_metrics[:-1])
    final_ratio = snapshot_metrics[-1]["frechet_ratio"]
    if final_ratio > best["frechet_ratio"] * (1 + PLATEAU_TOLERANCE):
        return (
            f"Training: best at epoch {best['epoch']:.0f} (Fréchet distance {best['frechet_ratio']:.1f}× that of real "
            "images), worse since then; train for fewer epochs."
        )
    if final_ratio < best_earlier["frechet_ratio"] * (1 - PLATEAU_TOLERANCE):
        return "Training: still improving at the end; train for more epochs."
    return f"Training: plateaued, no better at the end than at epoch {best_earlier['epoch']:.0f}."
