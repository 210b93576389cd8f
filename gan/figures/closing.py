"""What a person reads at the end of `dvc repro`: what came out, how long it took, where to look."""

from collections.abc import Mapping, Sequence
from pathlib import Path


def closing(
    name: str, verdict: Sequence[str], seconds: Mapping[str, float], rate: float | None, places: Mapping[Path, str]
) -> str:
    """Lines that begin with `name`: the verdict; seconds by stage, of the runs that made what is there; where to look.

    places: files, and what they are; rate: iterations a second of the training, None where it is not known.
    """
    lines = [" ".join(verdict)]
    if seconds:
        parts = [f"{stage} {spent:.1f}" for stage, spent in seconds.items()]
        if rate is not None and "train" in seconds:
            parts[list(seconds).index("train")] += f" ({rate:.0f} it/s)"
        lines.append(f"seconds by stage: {', '.join(parts)}; together {duration(sum(seconds.values()))}")
    width = max(len(str(path)) for path in places)
    lines += [f"{path!s:{width}}  {what}" for path, what in places.items()]
    return "\n".join(f"{name}: {line}" for line in lines)


def duration(seconds: float) -> str:
    """Seconds as a person says them: 4.2 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
