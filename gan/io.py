"""Atomic file writes, JSON files, and safetensors files with JSON metadata."""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from safetensors import SafetensorError, safe_open

from gan.config import UserError

if TYPE_CHECKING:
    from torch import Tensor

METADATA_KEY = "metadata"  # of one JSON string: safetensors writes several keys in a random order
_OLD_METADATA_KEY = "about"  # in files of earlier versions
TEMP_FILE_RE = re.compile(r"\..+\.(\d+)\.partial[^/]*")  # the names that atomic_write gives; group 1: process ID


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write to; rename it to `path` on success, remove it on an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_stale_temp_files(path.parent.resolve())
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@cache  # once per directory and process: an animation has thousands of frames
def remove_stale_temp_files(directory: Path) -> None:
    """Remove temporary files of `atomic_write` whose process was killed."""
    for path in directory.iterdir():
        match = TEMP_FILE_RE.fullmatch(path.name)
        if match and not psutil.pid_exists(int(match[1])):
            path.unlink(missing_ok=True)


def recreate_dir(directory: Path, description: str) -> None:
    """Empty a directory, or create it, and write `description` to about.txt in it: DVC warns about empty outputs."""
    shutil.rmtree(directory, ignore_errors=True)
    write_text(directory / "about.txt", description + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; raises ValueError for NaN and infinity, which JSON does not have."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def save_safetensors(path: Path, tensors: "Mapping[str, Tensor]", metadata: Mapping[str, Any]) -> None:
    """Write named tensors and their metadata (anything that JSON can hold) to a safetensors file."""
    from safetensors.torch import save_file

    contiguous = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    with atomic_write(path) as temporary:
        try:
            save_file(contiguous, temporary, {METADATA_KEY: json.dumps(metadata, sort_keys=True)})
        except SafetensorError as error:  # raised when the disk is full
            raise UserError(f"{path}: cannot be written ({error})") from None
        temporary.chmod(0o644)  # safetensors creates files that only their owner can read


def load_safetensors(path: Path) -> "dict[str, Tensor]":
    """Load all tensors of a file, memory-mapped. Raises UserError if the file is missing or damaged."""
    with _open_safetensors(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping


def read_metadata(path: Path) -> dict[str, Any]:
    """Read a file's metadata, without torch. Raises UserError if it is missing, damaged, or of another project."""
    with _open_safetensors(path, "np") as file:
        entries = file.metadata() or {}
    text = entries.get(METADATA_KEY, entries.get(_OLD_METADATA_KEY))
    if text is None:
        raise UserError(f"{path}: has no metadata of this project; give a file that this project has written")
    metadata: dict[str, Any] = json.loads(text)
    return metadata


def _open_safetensors(path: Path, framework: str) -> Any:
    if not path.is_file():
        raise UserError(f"{path}: no such file; `dvc repro` (or `dvc checkout`) creates it")
    try:
        return safe_open(path, framework=framework)
    except SafetensorError as error:
        raise UserError(f"{path}: not a complete safetensors file ({error}); `dvc checkout` restores it") from None
