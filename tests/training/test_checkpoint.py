"""Checkpoints: which are kept, which are refused, and what identifies a run."""

import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gan.config import UserError
from gan.training.checkpoint import CheckpointManager, fingerprint


def make_state(step: int, **tensors: torch.Tensor) -> dict[str, Any]:
    return {"trainer": {"weights": torch.full((100,), float(step)), **tensors}, "metrics_log": {}}


def saved_step(loaded: dict[str, Any] | None) -> float | None:
    return None if loaded is None else float(loaded["trainer"]["weights"][0])


def flip_bit(content: bytes) -> bytes:
    """Flip one bit of a weight."""
    index = content.index(torch.full((100,), 30.0).numpy().tobytes())
    return content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :]


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda _: b"",
    lambda _: b"not a checkpoint",
    lambda content: content[: len(content) // 2],
    flip_bit,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=["empty", "not a checkpoint", "truncated", "flipped bit"])
def test_two_checkpoints_are_kept_and_damaged_ones_are_skipped(
    damage: Callable[[bytes], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = CheckpointManager(tmp_path)
    for step in (10, 20, 30):
        checkpoints.save(step, make_state(step))
    newest = tmp_path / "step-000000030.pt"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000020.pt", newest.name]
    assert saved_step(checkpoints.load(30)) == 30
    assert saved_step(checkpoints.load(25)) == 20
    newest.write_bytes(damage(newest.read_bytes()))
    assert saved_step(checkpoints.load(30)) == 20
    assert "step-000000030.pt cannot be used" in capsys.readouterr().err


def test_a_checkpoint_of_another_program_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"epoch": 3, "state_dict": {}}, tmp_path / "step-000000003.pt")
    (tmp_path / "step-old.pt").write_bytes(b"")
    assert CheckpointManager(tmp_path).load(9) is None
    assert "step-000000003.pt cannot be used (not a checkpoint of this project)" in capsys.readouterr().err


def test_a_checkpoint_of_an_earlier_version_is_reported_and_renamed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "step-000000003.pt"
    torch.save({"game": {}, "history": {}, "threads": 2}, old)
    assert CheckpointManager(tmp_path).load(9) is None
    assert f"{old} cannot be used (written by an earlier version of this project)" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000003.unusable"]


def test_a_shorter_run_keeps_its_checkpoints_and_those_of_a_longer_one(tmp_path: Path) -> None:
    checkpoints = CheckpointManager(tmp_path)
    for step in (100, 200):
        checkpoints.save(step, make_state(step))
    assert checkpoints.load(60) is None
    for step in (20, 40, 60):
        checkpoints.save(step, make_state(step))
    assert saved_step(checkpoints.load(60)) == 60
    assert saved_step(checkpoints.load(500)) == 200


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    checkpoints = CheckpointManager(tmp_path)
    checkpoints.save(1, make_state(1))
    with pytest.raises(UserError, match=r"a weight became infinite or not a number at or before iteration 2"):
        checkpoints.save(2, make_state(2, bias=torch.tensor([1.0, float("nan")])))
    assert saved_step(checkpoints.load(9)) == 1


def test_a_full_disk_is_reported_and_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    checkpoints = CheckpointManager(tmp_path)
    checkpoints.save(1, make_state(1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A write beyond the limit fails, as on a full disk.
    previous_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"step-000000002.*could not be written.*last good one is step-000000001"):
            checkpoints.save(2, make_state(2, large=torch.zeros(100_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, previous_handler)
    assert saved_step(checkpoints.load(9)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001.pt"]


def test_the_fingerprint_depends_on_config_data_and_code_but_not_on_their_folder(tmp_path: Path) -> None:
    def compute(folder: str, value: int, data: str, code: str) -> str:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "data").write_text(data)
        (tmp_path / folder / "code.py").write_text(code)
        return fingerprint({"a": value}, [tmp_path / folder / "data", tmp_path / folder / "code.py"])

    expected = compute("x", 1, "d", "c")
    assert compute("y", 1, "d", "c") == expected
    assert len({expected, compute("x", 2, "d", "c"), compute("x", 1, "e", "c"), compute("x", 1, "d", "d")}) == 4
