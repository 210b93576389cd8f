"""Checkpoints: an interrupted run resumes from its own; a run with another configuration does not."""

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

NUM_KEPT = 2  # a full disk or a power cut may have damaged the newest


def fingerprint(config: Mapping[str, Any], files: Sequence[Path]) -> str:
    """Return 16 hexadecimal digits that change with the config, a file's content, or PyTorch's version."""
    digest = hashlib.sha256(json.dumps([config, torch.__version__], sort_keys=True).encode())
    for path in sorted(files):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def imported_sources(root: Path) -> list[Path]:
    """Return the source files below `root` that this process has imported."""
    root = root.resolve()
    environment = Path(sys.prefix).resolve()
    sources = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not file or not Path(file).is_file():  # PyTorch has modules without a file
            continue
        path = Path(file).resolve()
        if path.is_relative_to(root) and not path.is_relative_to(environment):
            sources.add(path)
    return sorted(sources)


@contextmanager
def exclusive_lock(directory: Path, activity: str, *, wait: bool = False) -> Iterator[None]:
    """Lock `directory` for this process. activity: what this process does, for the messages of other processes.

    If another process owns the lock, wait for it with `wait`, else raise UserError with its process ID.
    """
    directory.mkdir(parents=True, exist_ok=True)
    owner_file = directory / "owner.json"
    lock = FileLock(directory / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        owner_pid = json.loads(owner_file.read_text())["process"] if owner_file.exists() else "unknown"
        if not wait:
            raise UserError(
                f"process {owner_pid} is {activity}; wait for it, or end it with `kill {owner_pid}`"
            ) from None
        print(f"train: waiting for process {owner_pid}, which is {activity}", flush=True)
        lock.acquire()
    try:
        write_json(owner_file, {"process": os.getpid()})
        yield
    finally:
        lock.release()


class CheckpointManager:
    """The checkpoints of one run, in a directory that one process at a time locks."""

    def __init__(self, directory: Path, interval_seconds: float = 60) -> None:
        """interval_seconds: time between two checkpoints."""
        self.directory = directory
        self.interval_seconds = interval_seconds

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Write the state after `step` iterations, and keep only the newest NUM_KEPT checkpoints up to `step`.

        Raises UserError if a value is not finite, or if the file cannot be written.
        """
        _check_finite(step, state)
        path = self.directory / f"step-{step:09d}.pt"
        try:
            with atomic_write(path) as temporary:
                torch.save(dict(state), temporary)
        except (OSError, RuntimeError) as error:  # RuntimeError: how torch.save reports a full disk
            older = [old_path.name for old_path in self._paths(step) if old_path != path]
            fallback = f"the last good one is {older[0]}" if older else "there is no earlier checkpoint"
            raise UserError(
                f"{path}: could not be written ({_short_error(error)}); {fallback}; free disk space and run again"
            ) from None
        for old_path in self._paths(step)[NUM_KEPT:]:
            old_path.unlink()

    def latest_step(self, max_step: int) -> int:
        """Return the step of the newest checkpoint up to `max_step`, damaged or not; 0 if there is none."""
        return max((_step_of(path) for path in self._paths(max_step)), default=0)

    def load(self, max_step: int) -> dict[str, Any] | None:
        """Return the newest readable state up to `max_step`, or None.

        A damaged file, or one of an earlier version of this project, is reported and renamed.
        """
        for partial in self.directory.glob(".step-*.partial.pt"):  # left by a process that was killed while it wrote
            partial.unlink()
        for path in self._paths(max_step):
            try:
                return _read(path)
            except Exception as error:  # a damaged file can make the readers raise anything
                print(f"train: {path} cannot be used ({_short_error(error)}); renamed", file=sys.stderr)
                path.replace(path.with_suffix(".unusable"))
        return None

    def _paths(self, max_step: int) -> list[Path]:
        """Return the files of up to `max_step` iterations, the newest first."""
        paths = self.directory.glob("step-" + "[0-9]" * 9 + ".pt")
        return sorted((path for path in paths if _step_of(path) <= max_step), reverse=True)


def _read(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        damaged_member = archive.testzip()  # torch.load does not verify the checksums
    if damaged_member is not None:
        raise ValueError(f"checksum of {damaged_member}")
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if "game" in state:
        raise ValueError("written by an earlier version of this project")
    if not {"trainer", "metrics_log"} <= state.keys():
        raise ValueError("not a checkpoint of this project")
    return state


def _step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


def _check_finite(step: int, state: Any) -> None:
    """Raise UserError if any tensor in `state` has a value that is not finite."""
    if isinstance(state, torch.Tensor):
        if state.is_floating_point() and not state.isfinite().all():
            raise UserError(
                f"a weight became infinite or not a number at or before iteration {step:,}: the training has diverged; "
                "try a lower train.lr or another train.seed; the earlier checkpoints are kept"
            )
    elif isinstance(state, Mapping):
        _check_finite(step, list(state.values()))
    elif isinstance(state, list | tuple):
        for value in state:
            _check_finite(step, value)


def _short_error(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
