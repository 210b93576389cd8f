"""What a person reads at the end of `dvc repro`: what came out, how long it took, where to look."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gan.io import read_json


def format_summary(
    name: str, verdict: Sequence[str], seconds: Mapping[str, float], rate: float | None, places: Mapping[Path, str]
) -> str:
    """Lines that begin with `name`: the verdict, how long each stage took when it last ran here, where to look.

    rate: iterations a second of the training, None where it is not known; places: files, and what they are.
    """
    lines = list(verdict)
    if seconds:
        notes = {"train": "" if rate is None else f" ({rate:.3g} it/s)"}
        parts = [f"{stage} {spent:.1f}{notes.get(stage, '')}" for stage, spent in seconds.items()]
        lines.append(f"seconds of each stage when it last ran here: {', '.join(parts)}")
    width = max(len(str(path)) for path in places)
    lines += [f"{path!s:{width}}  {what}" for path, what in places.items()]
    return "\n".join(f"{name}: {line}" for line in lines)


def stage_durations(timings: Path, stages: Sequence[str]) -> dict[str, float]:
    """How long each of the stages took, of those that have run in this folder."""
    files = {stage: timings / f"{stage}.json" for stage in stages}
    return {stage: float(read_json(path)["seconds"]) for stage, path in files.items() if path.exists()}


def training_speed(timings: Path) -> float | None:
    """Iterations a second of the training that last ran in this folder, None where none has."""
    path = timings / "rate.json"
    return float(read_json(path)["iterations_per_second"]) if path.exists() else None
