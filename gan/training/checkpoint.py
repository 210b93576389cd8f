"""Checkpoints: a run that was stopped goes on where it was, and a changed run does not."""

import hashlib
import json
import os
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from gan.config import UserError
from gan.io import atomic_write, write_json

NUM_KEPT = 2  # the newest may be the one that a full disk or a power cut spoilt


def fingerprint(config: Mapping[str, Any], files: Sequence[Path]) -> str:
    """16 hexadecimal digits that change when the settings, a file of data or code, or PyTorch does."""
    digest = hashlib.sha256(json.dumps([config, torch.__version__], sort_keys=True).encode())
    for path in sorted(files):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def imported_sources(root: Path) -> list[Path]:
    """The source files under `root` that this process has imported."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    paths = {Path(file).resolve() for file in files if file and Path(file).is_file()}  # torch has modules without
    packages = Path(sys.prefix).resolve()
    return sorted(p for p in paths if p.is_relative_to(root.resolve()) and not p.is_relative_to(packages))


@contextmanager
def exclusive_lock(folder: Path, what: str, *, wait: bool = False) -> Iterator[None]:
    """Hold a lock on `folder`, one process at a time. `what` says what the holder does.

    Raises UserError that names the process that holds it, or waits for it if `wait`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder, lock = folder / "holder.json", FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = json.loads(holder.read_text())["process"] if holder.exists() else "unknown"
        if not wait:
            raise UserError(f"process {who} is {what}; wait for it, or end it with `kill {who}`") from None
        print(f"train: waiting for process {who}, which is {what}", flush=True)
        lock.acquire()
    try:
        write_json(holder, {"process": os.getpid()})
        yield
    finally:
        lock.release()


class CheckpointManager:
    """The checkpoints of one run, in a folder of its own that one process at a time holds."""

    def __init__(self, folder: Path, seconds: float = 60) -> None:
        """`seconds`: time between two of them."""
        self.folder, self.seconds = folder, seconds

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Write the state after `step` iterations, and remove those before it but the newest of them."""
        _check_finite(step, state)
        path = self.folder / f"step-{step:09d}.pt"
        try:
            with atomic_write(path) as temporary:
                torch.save(dict(state), temporary)
        except (OSError, RuntimeError) as error:  # RuntimeError: how torch.save reports a full disk
            last = [found.name for found in self._paths(step) if found != path]
            kept = f"the last good one is {last[0]}" if last else "there is none before it"
            raise UserError(
                f"{path}: could not be written ({_short_error(error)}); {kept}; free disk space, run again"
            ) from None
        for old in self._paths(step)[NUM_KEPT:]:
            old.unlink()

    def newest(self, last_step: int) -> int:
        """The iterations of the newest state of at most `last_step`, damaged or not; 0 if there is none."""
        return max((int(path.stem.removeprefix("step-")) for path in self._paths(last_step)), default=0)

    def load(self, last_step: int) -> dict[str, Any] | None:
        """The newest whole state of at most `last_step` iterations, or None. Damaged files are named and set aside."""
        for torn in self.folder.glob(".step-*.partial.pt"):  # of a process that was killed while it wrote
            torn.unlink()
        for path in self._paths(last_step):
            try:
                with zipfile.ZipFile(path) as archive:
                    damaged = archive.testzip()  # torch.load itself does not look at the checksums
                if damaged is not None:
                    raise ValueError(f"checksum of {damaged}")
                state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
                if not {"game", "history"} <= state.keys():
                    raise ValueError("not a checkpoint of this project")
            except Exception as error:  # a damaged file can make the readers raise anything
                print(f"train: {path} is damaged ({_short_error(error)}); not used", file=sys.stderr)
                path.replace(path.with_suffix(".damaged"))
                continue
            return state
        return None

    def _paths(self, last_step: int) -> list[Path]:
        """The files of up to `last_step` iterations, the newest first."""
        found = (
            (int(path.stem.removeprefix("step-")), path) for path in self.folder.glob("step-" + "[0-9]" * 9 + ".pt")
        )
        return [path for step, path in sorted(found, reverse=True) if step <= last_step]


def _check_finite(step: int, state: Any) -> None:
    """Raise UserError if a tensor anywhere in `state` has a value that is not finite."""
    if isinstance(state, torch.Tensor):
        if state.is_floating_point() and not state.isfinite().all():
            raise UserError(
                f"a weight became infinite or not a number at or before iteration {step:,}: the training has diverged; "
                "try a lower train.lr or another train.seed; the checkpoints before this are kept"
            )
    elif isinstance(state, Mapping | list | tuple):
        for value in state.values() if isinstance(state, Mapping) else state:
            _check_finite(step, value)


def _short_error(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
