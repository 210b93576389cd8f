"""Snapshots: of which epochs there are some, and that they are the same however a run came to them."""

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
PER_EPOCH = 4
BATCHES = BatchLoader(
    torch.arange(50 * 16, dtype=torch.int64).remainder(251).to(torch.uint8).reshape(50, 1, 4, 4), 16, 0
)


class KilledError(Exception):
    """The end of a process."""


class Run:
    """A small training in a folder of its own, which can be stopped, and gone on with for another number of epochs."""

    def __init__(self, folder: Path, epochs: int, *, ema: float = 0.9, seconds: float = 1e9) -> None:
        folder.mkdir(exist_ok=True)
        self.config = TrainConfig(epochs=epochs, batch_size=16, ema=ema, frame_every=1000)
        self.trainer = GANTrainer(SMALL, self.config, (1, 4, 4))
        self.checkpoints = CheckpointManager(folder, seconds)
        self.frames = FrameWriter(folder / "frames", folder / "cache", 1000)
        self.snapshots = SnapshotWriter(folder / "models", folder / "snapshots", SMALL, self.config, METADATA)

    def train(self, stop_after: int | None = None) -> dict[str, bytes]:
        """The snapshots at the end. Before the step after so many, KilledError: nothing is written then."""
        if stop_after is not None:
            real_step, taken = self.trainer.step, [0]

            def step(batch: Batch) -> torch.Tensor:
                taken[0] += 1
                if taken[0] > stop_after:
                    raise KilledError
                return real_step(batch)

            self.trainer.step = step  # type: ignore[method-assign]
        train(self.trainer, BATCHES, self.config, self.checkpoints, self.frames, snapshots=self.snapshots)
        return {path.name: path.read_bytes() for path in self.snapshots.out_dir.iterdir()}


def names(*epochs: int) -> list[str]:
    return [snapshot_name(epoch) for epoch in epochs]


def test_there_are_about_ten_evenly_spaced_epochs_and_the_last() -> None:
    assert len(BATCHES) == PER_EPOCH
    for epochs in range(1, 301):
        wanted = snapshot_epochs(epochs)
        assert min(8, epochs) <= len(wanted) <= 16
        *gaps, last = [b - a for a, b in pairwise([0, *wanted])]
        assert len(set(gaps)) <= 1 and all(last <= gap for gap in gaps)
        assert wanted[-1] == epochs
    assert snapshot_epochs(5) == [1, 2, 3, 4, 5]
    assert snapshot_epochs(15) == list(range(1, 16))
    assert snapshot_epochs(17) == [*range(2, 17, 2), 17]
    assert snapshot_epochs(200) == [*range(16, 193, 16), 200]


def test_a_longer_run_wants_no_epoch_that_a_shorter_one_has_passed_over() -> None:
    wanted = [set(snapshot_epochs(epochs)) for epochs in range(1, 301)]
    for short in range(1, 301):
        for longer in wanted[short:]:
            assert {epoch for epoch in longer if epoch <= short} <= wanted[short - 1]


@pytest.mark.parametrize("ema", [0, 0.9])
def test_a_snapshot_is_what_a_run_of_so_many_epochs_samples_with(ema: float, tmp_path: Path) -> None:
    whole = Run(tmp_path / "whole", 18, ema=ema)
    assert sorted(whole.train()) == names(*range(2, 19, 2))
    for epoch in (2, 6, 18):
        alone = Run(tmp_path / str(epoch), epoch, ema=ema)
        alone.train()
        network, metadata = load_network(whole.snapshots.out_dir / snapshot_name(epoch), "generator")
        expected = alone.trainer.networks()["generator"].state_dict()
        assert network.state_dict().keys() == expected.keys()
        assert all(tensor.equal(expected[name]) for name, tensor in network.state_dict().items())
        expected_metadata: dict[str, Any] = {
            "role": "generator",
            "model": SMALL.model_dump(),
            "train": alone.config.to_metadata(),
        }
        assert metadata == {**METADATA, **expected_metadata, "epoch": epoch}


@pytest.mark.parametrize("ema", [0, 0.9])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"], ids=["float32", "bfloat16"])
def test_snapshots_leave_the_training_as_it_is(precision: str, ema: float) -> None:
    trainers = [GANTrainer(SMALL, TrainConfig(ema=ema), (1, 4, 4), precision=precision) for _ in range(2)]
    batch = torch.rand(16, 1, 4, 4)
    chance, before = torch.get_rng_state(), None
    for _ in range(12):
        values = [trainer.step(Batch.single_process(batch)) for trainer in trainers]
        assert values[0].equal(values[1])
        taken = trainers[0].copy_ema_generator()
        assert not any(module.training for module in taken.modules())
        now = [tensor.clone() for tensor in taken.state_dict().values()]
        assert all(a.equal(b) for a, b in zip(now, trainers[0].copy_ema_generator().state_dict().values(), strict=True))
        if before is not None:  # a copy: the training goes on without it
            assert all(a.equal(b) for a, b in zip(before[0], before[1].state_dict().values(), strict=True))
        before = now, taken
    assert torch.get_rng_state().equal(chance)
    assert trainers[0].rng.get_state().equal(trainers[1].rng.get_state())
    for one, other in zip(*(trainer.networks().values() for trainer in trainers), strict=True):
        assert all(a.equal(b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_a_run_that_is_extended_has_the_snapshots_of_a_fresh_one(tmp_path: Path) -> None:
    fresh = Run(tmp_path / "fresh", 18).train()
    for steps in [(3, 18), (5, 17, 18)]:
        folder = tmp_path / str(steps)
        *_, extended = [Run(folder, epochs).train() for epochs in steps]
        assert extended == fresh
    again = Run(folder, 18)
    assert again.train(0) == fresh  # all was done: not a step is taken, and the snapshots are back


def test_rewinding_leaves_exactly_the_wanted_snapshots_of_the_epochs_done(tmp_path: Path) -> None:
    run = Run(tmp_path, 18)
    snapshots = run.snapshots
    for epoch in range(1, 19):
        snapshots.save(epoch, run.trainer.generator)
    (snapshots.out_dir / "notes.txt").touch()
    (snapshots.cache_dir / "notes.txt").touch()
    for epoch, left in {0: [], 1: [], 7: [2, 4, 6], 8: [2, 4, 6, 8], 18: range(2, 19, 2)}.items():
        snapshots.restore(epoch)
        assert sorted(path.name for path in snapshots.out_dir.iterdir()) == names(*left)
    assert len(list(snapshots.cache_dir.iterdir())) == 19


@pytest.mark.parametrize("epoch", [1, 2, 3])
@pytest.mark.parametrize("moment", ["before it is written", "before it is kept", "after it is kept"])
def test_a_run_that_is_killed_at_its_snapshot_makes_it_again(
    moment: str, epoch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Run(tmp_path / "whole", 3).train()
    killed = Run(tmp_path / "killed", 3, seconds=1e-9)  # a checkpoint after each iteration
    real_save = killed.snapshots.save

    def die(*_: object) -> None:
        raise KilledError

    def save(number: int, network: torch.nn.Module) -> None:
        if number == epoch and moment == "before it is written":
            die()
        if number == epoch and moment == "before it is kept":
            monkeypatch.setattr(gan.training.snapshots, "atomic_write", die)
        real_save(number, network)
        if number == epoch:
            die()

    monkeypatch.setattr(killed.snapshots, "save", save)
    with pytest.raises(KilledError):
        killed.train()
    monkeypatch.undo()
    assert (killed.snapshots.cache_dir / snapshot_name(epoch)).exists() == (moment == "after it is kept")
    assert killed.checkpoints.latest_step(10**6) == epoch * PER_EPOCH - 1  # no checkpoint counts the epoch as done
    assert Run(tmp_path / "killed", 3).train() == whole


@pytest.mark.parametrize("stop", [6 * PER_EPOCH - 1, 6 * PER_EPOCH])
@pytest.mark.parametrize("fewer", [6, 9])
def test_a_run_that_is_shortened_goes_back_to_before_the_first_snapshot_that_it_lacks(
    stop: int, fewer: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = Run(tmp_path / "fresh", fewer).train()
    with pytest.raises(KilledError):
        Run(tmp_path / "run", 18, seconds=1e-9).train(stop)
    warning = "there is a snapshot of epoch 1, which the earlier run did not save"
    assert warning not in capsys.readouterr().out
    assert Run(tmp_path / "run", fewer).train() == fresh
    assert warning in capsys.readouterr().out


def test_a_run_that_is_shortened_to_where_it_was_stopped_needs_no_step(tmp_path: Path) -> None:
    fresh = Run(tmp_path / "fresh", 17).train()
    with pytest.raises(KilledError):
        Run(tmp_path / "run", 18, seconds=1e-9).train(17 * PER_EPOCH)
    assert snapshot_name(17) not in [path.name for path in (tmp_path / "run/snapshots").iterdir()]
    assert Run(tmp_path / "run", 17).train(0) == fresh
