"""Console summary at the end of `dvc repro`: findings, durations and output files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gan.io import read_json


def format_summary(
    prefix: str,
    findings: Sequence[str],
    durations: Mapping[str, float],
    iterations_per_second: float | None,
    outputs: Mapping[Path, str],
) -> str:
    """Lines that start with `prefix`: the findings, the seconds of each stage, the output files.

    durations: seconds by stage. iterations_per_second: training speed, None if unknown.
    outputs: description of each file.
    """
    lines = list(findings)
    if durations:
        notes = {} if iterations_per_second is None else {"train": f" ({iterations_per_second:.3g} it/s)"}
        seconds = [f"{stage} {value:.1f}{notes.get(stage, '')}" for stage, value in durations.items()]
        lines.append(f"seconds per stage, last run on this machine: {', '.join(seconds)}")
    width = max(len(str(path)) for path in outputs)
    lines += [f"{path!s:{width}}  {description}" for path, description in outputs.items()]
    return "\n".join(f"{prefix}: {line}" for line in lines)


def stage_durations(timings: Path, stages: Sequence[str]) -> dict[str, float]:
    """Seconds of the last run of each stage in this folder. Stages that have not run are left out."""
    files = {stage: timings / f"{stage}.json" for stage in stages}
    return {stage: float(read_json(path)["seconds"]) for stage, path in files.items() if path.exists()}


def training_speed(timings: Path) -> float | None:
    """Iterations per second of the last training in this folder, None if there is none."""
    path = timings / "speed.json"
    return float(read_json(path)["iterations_per_second"]) if path.exists() else None
