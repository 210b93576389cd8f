"""Files that are never half written, and safetensors files that describe themselves."""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from gan.config import UserError

if TYPE_CHECKING:
    from torch import Tensor

# One key for all facts: safetensors keeps its metadata in an unordered map, so several keys
# would be written in a different order, hence as different bytes, every time.
METADATA_KEY = "about"
TEMP_FILE_RE = re.compile(r"\..+\.(\d+)\.partial[^/]*")  # see `replacing`


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write to; rename it to `path` when all went well, remove it when not."""
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


@cache  # once a folder and process: a film has thousands of frames
def remove_stale_temp_files(folder: Path) -> None:
    """Remove what processes that were killed while they wrote have left in `folder`."""
    for left in folder.iterdir() if os.name == "posix" else ():
        if (match := TEMP_FILE_RE.fullmatch(left.name)) and not pid_exists(int(match[1])):
            left.unlink(missing_ok=True)


def pid_exists(pid: int) -> bool:
    """Whether there is a process of that number, or no telling."""
    try:
        os.kill(pid, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def recreate_dir(folder: Path, metadata: str) -> None:
    """Make an empty folder in the place of what was there, but for about.txt: DVC warns of folders with nothing in."""
    shutil.rmtree(folder, ignore_errors=True)
    write_text(folder / "about.txt", metadata + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in one piece."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; NaN and infinity, which JSON does not know, raise ValueError."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """What a JSON file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def save_safetensors(path: Path, tensors: "Mapping[str, Tensor]", metadata: Mapping[str, Any]) -> None:
    """Write named tensors and the facts `about` them (anything JSON can hold) to a safetensors file."""
    from safetensors.torch import save_file

    metadata = {METADATA_KEY: json.dumps(metadata, sort_keys=True)}
    with atomic_write(path) as temporary:
        try:
            save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, temporary, metadata)
        except SafetensorError as error:  # how safetensors reports a full disk
            raise UserError(f"{path}: cannot be written ({error})") from None
        temporary.chmod(0o644)  # safetensors makes files that only their owner can read


def load_safetensors(path: Path) -> "dict[str, Tensor]":
    """All tensors of a safetensors file, memory-mapped: pages are read when they are first touched."""
    with _open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping


def read_metadata(path: Path) -> dict[str, Any]:
    """The facts written by `save_tensors`, without reading any tensor (and without importing torch)."""
    with _open(path, "np") as file:
        text = (file.metadata() or {}).get(METADATA_KEY)
    if text is None:
        raise UserError(f"{path}: has no description of itself; it was not written by this project")
    metadata: dict[str, Any] = json.loads(text)
    return metadata


def _open(path: Path, framework: str) -> Any:
    if not path.is_file():
        raise UserError(f"{path}: no such file; `dvc repro` (or `dvc checkout`) makes it")
    try:
        return safe_open(path, framework=framework)
    except SafetensorError as error:
        raise UserError(f"{path}: not a whole safetensors file ({error}); `dvc checkout` restores it") from None
