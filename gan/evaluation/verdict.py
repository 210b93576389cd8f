"""The evaluation in words, from stated thresholds."""

from collections.abc import Sequence

from gan.evaluation.memorisation import Memorisation
from gan.evaluation.obedience import sentences
from gan.evaluation.summary import Figures, Summary, best_of

# Fréchet distance over that of real pictures, up to which a generator is called so.
GRADES = ((2.0, "hardly to be told from real pictures"), (10.0, "good"), (30.0, "fair"), (float("inf"), "poor"))
COLLAPSED = 0.3  # coverage, over that of real pictures, below which most of the data is out of reach
COPIES = 0.5  # excess of samples nearest to a training picture from which on it is memorising
LEANING = 0.05  # from which on it is worth a word, if it is three standard errors above zero as well
STEADY = 0.05  # relative difference of Fréchet distances that counts as none


def verdict(
    summary: Summary,
    ratio: float,
    memory: Memorisation,
    track: Sequence[Figures],
    classes: int,
    *,
    obedience: Figures | None = None,
) -> list[str]:
    """A sentence each on classes, quality, diversity, memorising and the course of the training.

    ratio: Fréchet distance over the control's; classes: how many there are, 0 where they are not known;
    obedience: figures of gan.evaluation.obedience; track: figures of snapshots with their `epoch`, in the
    order of time.
    """
    means, real = summary.means, summary.control
    lines = []
    if "classes_covered" in means:
        lines.append(f"Covers {means['classes_covered']:.0f} of {classes} classes.")
    grade = next(word for limit, word in GRADES if ratio <= limit)
    lines.append(f"Quality: {ratio:.1f}× the distance of real pictures from each other ({grade}).")
    share = means["coverage"] / max(real["coverage"], 1e-9)
    warning = ": it has collapsed onto a part of the data" if share < COLLAPSED else ""
    lines.append(
        f"Diversity: covers {means['coverage']:.0%} of the test pictures' neighbourhoods, "
        f"where real pictures cover {real['coverage']:.0%}{warning}."
    )
    lines += sentences(obedience or {})
    lines.append(_memory(memory))
    if len(track) > 1:
        lines.append(_course(track))
    return lines


def _memory(memory: Memorisation) -> str:
    """Whether samples are nearer to training pictures than pictures that do not know them."""
    found = (
        f"{memory.nearest_in_train:.0%} of the samples are nearest to a training picture, {memory.chance:.0%} by chance"
    )
    if memory.excess >= COPIES:
        return f"Memorising: {found}."
    if memory.excess > max(LEANING, 3 * memory.error):
        return f"Leans on the training pictures without copying them: {found}."
    return f"No sign of memorising: {found}."


def _course(track: Sequence[Figures]) -> str:
    """Whether more training would have helped, or less."""
    best, last, before = best_of(track), track[-1], best_of(track[:-1])
    if last["frechet_ratio"] > best["frechet_ratio"] * (1 + STEADY):
        return (
            f"It was best at epoch {best['epoch']:.0f} ({best['frechet_ratio']:.1f}×) "
            f"and has become worse since: train for fewer epochs."
        )
    if last["frechet_ratio"] < before["frechet_ratio"] * (1 - STEADY):
        return "Still improving at the end: train for more epochs."
    return f"It has levelled off: no better than at epoch {before['epoch']:.0f}."
