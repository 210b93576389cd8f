"""Atomic writes, and the metadata of safetensors files."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from gan.config import UserError
from gan.io import METADATA_KEY, atomic_write, load_safetensors, read_metadata, save_safetensors, write_text


def test_temp_files_of_killed_processes_are_removed_and_those_of_running_ones_kept(tmp_path: Path) -> None:
    killed = subprocess.Popen(["true"])
    killed.wait()
    stale = tmp_path / f".a.{killed.pid}.partial.txt"
    running = tmp_path / f".a.{os.getppid()}.partial.txt"
    with_dot = tmp_path / f".a.v2.{os.getppid()}.partial.txt"  # will become a.v2.txt
    for path in (stale, running, with_dot):
        path.write_text("half")
    write_text(tmp_path / "a.txt", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([running.name, with_dot.name, "a.txt"])


def test_a_write_that_fails_leaves_the_file_unchanged(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "before")
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_tensors_and_metadata_are_read_as_they_were_saved(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tensor = torch.randn(4, 3)
    save_safetensors(path, {"transposed": tensor.T}, {"epoch": 3, "classes": ["a", "b"]})
    assert load_safetensors(path)["transposed"].equal(tensor.T)
    assert read_metadata(path) == {"epoch": 3, "classes": ["a", "b"]}
    with safe_open(path, "np") as file:
        assert list(file.metadata()) == [METADATA_KEY] == ["metadata"]


def test_metadata_of_earlier_versions_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.zeros(1)}, path, {"about": json.dumps({"epoch": 3})})
    assert read_metadata(path) == {"epoch": 3}


def test_a_file_without_metadata_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(UserError, match=r"a\.safetensors: has no metadata"):
        read_metadata(path)
