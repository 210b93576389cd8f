"""Console summary at the end of `dvc repro`: findings, durations and output files."""

from collections.abc import Mapping, Sequence
from pathlib import Path


def format_summary(
    prefix: str,
    findings: Sequence[str],
    durations: Mapping[str, float],
    iterations_per_second: float | None,
    outputs: Mapping[Path, str],
) -> str:
    """Lines that start with `prefix`: the findings, the seconds of each stage, each output file with a description."""
    lines = list(findings)
    if durations:
        notes = {} if iterations_per_second is None else {"train": f" ({iterations_per_second:.3g} it/s)"}
        seconds = [f"{stage} {value:.1f}{notes.get(stage, '')}" for stage, value in durations.items()]
        lines.append(f"seconds per stage, last run on this machine: {', '.join(seconds)}")
    width = max(len(str(path)) for path in outputs)
    lines += [f"{path!s:{width}}  {description}" for path, description in outputs.items()]
    return "\n".join(f"{prefix}: {line}" for line in lines)
