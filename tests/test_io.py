"""Files are never half written, and nothing half-written stays."""

import os
import subprocess
from pathlib import Path

import pytest

from gan.io import atomic_write, write_text


def test_what_a_killed_process_left_half_written_is_removed_and_a_living_ones_kept(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    left, others = (tmp_path / f".a.{pid}.partial.txt" for pid in (dead.pid, os.getppid()))
    neighbour = tmp_path / f".a.v2.{os.getppid()}.partial.txt"  # on its way to a.v2.txt
    for path in (left, others, neighbour):
        path.write_text("half")
    write_text(tmp_path / "a.txt", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([others.name, neighbour.name, "a.txt"])


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "before")
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]
