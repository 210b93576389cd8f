"""Checkpoints: a run that was stopped goes on where it was, and a changed run does not."""

import hashlib
import json
import os
import pickle
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from gan.files import replacing, write_json
from gan.settings import UserError

KEPT = 2  # the newest may be the one that a full disk or a power cut spoilt


def fingerprint(settings: Mapping[str, Any], data: Path, code: list[Path]) -> str:
    """16 hexadecimal digits that change when the settings, the data file, a source file or PyTorch does."""
    digest = hashlib.sha256(json.dumps([settings, torch.__version__], sort_keys=True).encode())
    for path in [data, *sorted(code)]:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def loaded_sources(root: Path) -> list[Path]:
    """The source files under `root` that this process has imported."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    paths = {Path(file).resolve() for file in files if file and Path(file).is_file()}  # torch has modules without
    packages = Path(sys.prefix).resolve()
    return sorted(p for p in paths if p.is_relative_to(root.resolve()) and not p.is_relative_to(packages))


class Checkpoints:
    """The checkpoints of one run, in a folder of its own, held by one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def held(self) -> Iterator["Checkpoints"]:
        """Hold the folder; raises UserError that names the process that holds it already."""
        self.folder.mkdir(parents=True, exist_ok=True)
        holder = self.folder / "holder.json"
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            who = json.loads(holder.read_text())["process"] if holder.exists() else "unknown"
            raise UserError(
                f"{self.folder}: process {who} is training this very run; wait for it, or end it with `kill {who}`"
            ) from None
        try:
            write_json(holder, {"process": os.getpid()})
            yield self
        finally:
            lock.release()

    def save(self, step: int, state: Mapping[str, Any]) -> Path:
        """Write the state after `step` iterations, then remove all but the newest two."""
        path = self.folder / f"step-{step:09d}.pt"
        try:
            with replacing(path) as temporary:
                torch.save(dict(state), temporary)
        except (OSError, RuntimeError) as error:  # RuntimeError: how torch.save reports a full disk
            last = self._paths()
            kept = f"the last good one is {last[0].name}" if last else "there is none before it"
            raise UserError(
                f"{path}: could not be written ({_brief(error)}); {kept}; free disk space and run again"
            ) from None
        for old in self._paths()[KEPT:]:
            old.unlink()
        return path

    def load(self, last_step: int) -> dict[str, Any] | None:
        """The newest whole state that is not beyond `last_step`, or None. Damaged files are named and passed over."""
        for path in self._paths():
            if int(path.stem.removeprefix("step-")) > last_step:
                print(f"train: {path.name} is beyond the last iteration, {last_step:,}; not used")
                continue
            try:
                state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            except (RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
                print(f"train: {path} is damaged ({_brief(error)}); not used", file=sys.stderr)
                continue
            return state
        return None

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.pt"), reverse=True)


def _brief(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
