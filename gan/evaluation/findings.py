"""The evaluation in words, from stated thresholds."""

from collections.abc import Sequence

from gan.evaluation.conditional_metrics import describe
from gan.evaluation.memorization import Memorization
from gan.evaluation.summary import Metrics, Summary, best_snapshot

# Fréchet distance over that of real pictures, up to which a generator is called so.
QUALITY_GRADES = ((2.0, "hardly to be told from real pictures"), (10.0, "good"), (30.0, "fair"), (float("inf"), "poor"))
COLLAPSE_COVERAGE = 0.3  # coverage, over that of real pictures, below which most of the data is out of reach
MEMORIZING = 0.5  # excess of samples nearest to a training picture from which on it is memorising
SLIGHTLY_MEMORIZING = 0.05  # from which on it is worth a word, if it is three standard errors above zero as well
PLATEAU_TOLERANCE = 0.05  # relative difference of Fréchet distances that counts as none


def summarize(
    summary: Summary,
    ratio: float,
    memory: Memorization,
    track: Sequence[Metrics],
    classes: int,
    *,
    obedience: Metrics | None = None,
) -> list[str]:
    """A sentence each on classes, quality, diversity, memorising and the course of the training.

    ratio: Fréchet distance over the control's; classes: how many there are, 0 where they are not known;
    obedience: figures of gan.evaluation.conditional_metrics; track: figures of snapshots with their `epoch`, in the
    order of time.
    """
    means, real = summary.means, summary.control
    lines = []
    if "classes_covered" in means:
        lines.append(f"Covers {means['classes_covered']:.0f} of {classes} classes.")
    grade = next(word for limit, word in QUALITY_GRADES if ratio <= limit)
    lines.append(f"Quality: {ratio:.1f}× the distance of real pictures from each other ({grade}).")
    share = means["coverage"] / max(real["coverage"], 1e-9)
    warning = ": it has collapsed onto a part of the data" if share < COLLAPSE_COVERAGE else ""
    lines.append(
        f"Diversity: covers {means['coverage']:.0%} of the test pictures' neighbourhoods, "
        f"where real pictures cover {real['coverage']:.0%}{warning}."
    )
    lines += describe(obedience or {})
    lines.append(memorization_sentence(memory))
    if len(track) > 1:
        lines.append(trend_sentence(track))
    return lines


def memorization_sentence(memory: Memorization) -> str:
    """Whether samples are nearer to training pictures than pictures that do not know them."""
    found = (
        f"{memory.nearest_in_train:.0%} of the samples are nearest to a training picture, {memory.chance:.0%} by chance"
    )
    if memory.excess >= MEMORIZING:
        return f"Memorising: {found}."
    if memory.excess > max(SLIGHTLY_MEMORIZING, 3 * memory.error):
        return f"Leans on the training pictures without copying them: {found}."
    return f"No sign of memorising: {found}."


def trend_sentence(track: Sequence[Metrics]) -> str:
    """Whether more training would have helped, or less."""
    best, last, before = best_snapshot(track), track[-1], best_snapshot(track[:-1])
    if last["frechet_ratio"] > best["frechet_ratio"] * (1 + PLATEAU_TOLERANCE):
        return (
            f"It was best at epoch {best['epoch']:.0f} ({best['frechet_ratio']:.1f}×) "
            f"and has become worse since: train for fewer epochs."
        )
    if last["frechet_ratio"] < before["frechet_ratio"] * (1 - PLATEAU_TOLERANCE):
        return "Still improving at the end: train for more epochs."
    return f"It has levelled off: no better than at epoch {before['epoch']:.0f}."
