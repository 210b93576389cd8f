"""Snapshots: their epochs, and the same bytes after any interruption, extension or shortening of a run."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

import gan.training.snapshots
from gan.data.dataset import Batch, BatchLoader
from gan.networks.config import ModelConfig
from gan.networks.factory import load_network
from gan.training.checkpoint import CheckpointManager
from gan.training.config import TrainConfig
from gan.training.frames import FrameWriter
from gan.training.loop import train
from gan.training.snapshots import SnapshotWriter, snapshot_epochs, snapshot_name
from gan.training.trainer import GANTrainer

SMALL = ModelConfig(latent_dim=4, generator_widths=[8, 8], discriminator_widths=[8])
METADATA = {"shape": [1, 4, 4], "device": "cpu"}
STEPS_PER_EPOCH = 4
BATCHES = BatchLoader(
    torch.arange(50 * 16, dtype=torch.int64).remainder(251).to(torch.uint8).reshape(50, 1, 4, 4), 16, 0
)


class KilledError(Exception):
    """Stops a training where SIGKILL would: nothing is written afterwards."""


class Run:
    """A small training in a folder. Another Run in the same folder resumes it, also with another number of epochs."""

    def __init__(self, folder: Path, epochs: int, *, ema: float = 0.9, seconds: float = 1e9) -> None:
        folder.mkdir(exist_ok=True)
        self.config = TrainConfig(epochs=epochs, batch_size=16, ema=ema, frame_every=1000)
        self.trainer = GANTrainer(SMALL, self.config, (1, 4, 4))
        self.checkpoints = CheckpointManager(folder, seconds)
        self.frames = FrameWriter(folder / "frames", folder / "cache", 1000)
        self.snapshots = SnapshotWriter(folder / "models", folder / "snapshots", SMALL, self.config, METADATA)

    def train(self, stop_after: int | None = None) -> dict[str, bytes]:
        """Train and return the snapshots by file name; raise KilledError after `stop_after` steps."""
        if stop_after is not None:
            real_step = self.trainer.step
            num_steps = 0

            def step(batch: Batch) -> torch.Tensor:
                nonlocal num_steps
                num_steps += 1
                if num_steps > stop_after:
                    raise KilledError
                return real_step(batch)

            self.trainer.step = step  # type: ignore[method-assign]
        train(self.trainer, BATCHES, self.config, self.checkpoints, self.frames, snapshots=self.snapshots)
        return {path.name: path.read_bytes() for path in self.snapshots.out_dir.iterdir()}


def names(*epochs: int) -> list[str]:
    return [snapshot_name(epoch) for epoch in epochs]


def assert_equal(actual: Iterable[torch.Tensor], expected: Iterable[torch.Tensor]) -> None:
    assert all(a.equal(b) for a, b in zip(actual, expected, strict=True))


def test_snapshot_epochs_are_evenly_spaced_and_include_the_last() -> None:
    assert len(BATCHES) == STEPS_PER_EPOCH
    for epochs in range(1, 301):
        saved_epochs = snapshot_epochs(epochs)
        assert min(8, epochs) <= len(saved_epochs) <= 16
        *intervals, last_interval = [b - a for a, b in pairwise([0, *saved_epochs])]
        assert len(set(intervals)) <= 1 and all(last_interval <= interval for interval in intervals)
        assert saved_epochs[-1] == epochs
    assert snapshot_epochs(5) == [1, 2, 3, 4, 5]
    assert snapshot_epochs(15) == list(range(1, 16))
    assert snapshot_epochs(17) == [*range(2, 17, 2), 17]
    assert snapshot_epochs(200) == [*range(16, 193, 16), 200]


def test_a_longer_run_needs_no_earlier_epoch_that_a_shorter_one_skips() -> None:
    saved_epochs = {epochs: set(snapshot_epochs(epochs)) for epochs in range(1, 301)}
    for shorter in range(1, 301):
        for longer in range(shorter + 1, 301):
            assert {epoch for epoch in saved_epochs[longer] if epoch <= shorter} <= saved_epochs[shorter]


@pytest.mark.parametrize("ema", [0, 0.9])
def test_a_snapshot_is_the_generator_of_a_run_that_ends_at_its_epoch(ema: float, tmp_path: Path) -> None:
    longer = Run(tmp_path / "longer", 18, ema=ema)
    assert sorted(longer.train()) == names(*range(2, 19, 2))
    for epoch in (2, 6, 18):
        shorter = Run(tmp_path / str(epoch), epoch, ema=ema)
        shorter.train()
        network, metadata = load_network(longer.snapshots.out_dir / snapshot_name(epoch), "generator")
        expected = shorter.trainer.networks()["generator"].state_dict()
        assert network.state_dict().keys() == expected.keys()
        assert all(tensor.equal(expected[name]) for name, tensor in network.state_dict().items())
        expected_metadata: dict[str, Any] = {
            "role": "generator",
            "model": SMALL.model_dump(),
            "train": shorter.config.to_metadata(),
        }
        assert metadata == {**METADATA, **expected_metadata, "epoch": epoch}


@pytest.mark.parametrize("ema", [0, 0.9])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"], ids=["float32", "bfloat16"])
def test_snapshots_do_not_affect_the_training(precision: str, ema: float) -> None:
    with_snapshots, without = (
        GANTrainer(SMALL, TrainConfig(ema=ema), (1, 4, 4), precision=precision) for _ in range(2)
    )
    batch = Batch.single_process(torch.rand(16, 1, 4, 4))
    rng_state = torch.get_rng_state()
    previous_snapshot = None
    previous_values: list[torch.Tensor] = []
    for _ in range(12):
        assert with_snapshots.step(batch).equal(without.step(batch))
        snapshot = with_snapshots.copy_ema_generator()
        assert not any(module.training for module in snapshot.modules())
        values = [tensor.clone() for tensor in snapshot.state_dict().values()]
        assert_equal(values, with_snapshots.copy_ema_generator().state_dict().values())
        if previous_snapshot is not None:  # later steps have not changed it
            assert_equal(previous_values, previous_snapshot.state_dict().values())
        previous_snapshot = snapshot
        previous_values = values
    assert torch.get_rng_state().equal(rng_state)
    assert with_snapshots.rng.get_state().equal(without.rng.get_state())
    for network, expected in zip(with_snapshots.networks().values(), without.networks().values(), strict=True):
        assert_equal(network.state_dict().values(), expected.state_dict().values())


def test_a_run_that_is_extended_has_the_snapshots_of_a_fresh_one(tmp_path: Path) -> None:
    fresh = Run(tmp_path / "fresh", 18).train()
    for lengths in [(3, 18), (5, 17, 18)]:
        folder = tmp_path / str(lengths)
        *_, extended = [Run(folder, epochs).train() for epochs in lengths]
        assert extended == fresh
    finished = Run(folder, 18)
    assert finished.train(stop_after=0) == fresh  # it needs no step to restore the snapshots


def test_restore_leaves_exactly_the_snapshots_of_the_first_epochs(tmp_path: Path) -> None:
    run = Run(tmp_path, 18)
    snapshots = run.snapshots
    for epoch in range(1, 19):
        snapshots.save(epoch, run.trainer.generator)
    (snapshots.out_dir / "notes.txt").touch()
    (snapshots.cache_dir / "notes.txt").touch()
    for epoch, restored in {0: [], 1: [], 7: [2, 4, 6], 8: [2, 4, 6, 8], 18: range(2, 19, 2)}.items():
        snapshots.restore(epoch)
        assert sorted(path.name for path in snapshots.out_dir.iterdir()) == names(*restored)
    assert len(list(snapshots.cache_dir.iterdir())) == 19


@pytest.mark.parametrize("epoch", [1, 2, 3])
@pytest.mark.parametrize("kill_point", ["before it is written", "before it is cached", "after it is cached"])
def test_a_run_that_is_killed_at_a_snapshot_saves_it_after_resuming(
    kill_point: str, epoch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = Run(tmp_path / "uninterrupted", 3).train()
    killed = Run(tmp_path / "killed", 3, seconds=1e-9)  # a checkpoint after each iteration
    real_save = killed.snapshots.save

    def kill(*_: object) -> None:
        raise KilledError

    def save(snapshot_epoch: int, network: torch.nn.Module) -> None:
        if snapshot_epoch == epoch and kill_point == "before it is written":
            kill()
        if snapshot_epoch == epoch and kill_point == "before it is cached":
            monkeypatch.setattr(gan.training.snapshots, "atomic_write", kill)
        real_save(snapshot_epoch, network)
        if snapshot_epoch == epoch:
            kill()

    monkeypatch.setattr(killed.snapshots, "save", save)
    with pytest.raises(KilledError):
        killed.train()
    monkeypatch.undo()
    assert (killed.snapshots.cache_dir / snapshot_name(epoch)).exists() == (kill_point == "after it is cached")
    assert killed.checkpoints.latest_step(10**6) == epoch * STEPS_PER_EPOCH - 1  # no checkpoint at the end of the epoch
    assert Run(tmp_path / "killed", 3).train() == uninterrupted


@pytest.mark.parametrize("stop_after", [6 * STEPS_PER_EPOCH - 1, 6 * STEPS_PER_EPOCH])
@pytest.mark.parametrize("fewer_epochs", [6, 9])
def test_a_shortened_run_resumes_before_the_first_missing_snapshot(
    stop_after: int, fewer_epochs: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = Run(tmp_path / "fresh", fewer_epochs).train()
    with pytest.raises(KilledError):
        Run(tmp_path / "run", 18, seconds=1e-9).train(stop_after)
    warning = "there is a snapshot of epoch 1, which the earlier run did not save"
    assert warning not in capsys.readouterr().out
    assert Run(tmp_path / "run", fewer_epochs).train() == fresh
    assert warning in capsys.readouterr().out


def test_a_run_shortened_to_the_epoch_of_its_checkpoint_needs_no_step(tmp_path: Path) -> None:
    fresh = Run(tmp_path / "fresh", 17).train()
    with pytest.raises(KilledError):
        Run(tmp_path / "run", 18, seconds=1e-9).train(17 * STEPS_PER_EPOCH)
    assert snapshot_name(17) not in [path.name for path in (tmp_path / "run/snapshots").iterdir()]
    assert Run(tmp_path / "run", 17).train(stop_after=0) == fresh
