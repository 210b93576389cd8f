"""Snapshots: the network that samples are drawn with as it was after some of the epochs, to see when it became good."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from gan.io import atomic_write
from gan.networks.config import ModelConfig
from gan.networks.factory import save_network
from gan.training.config import TrainConfig

MIN_SNAPSHOTS = 8  # snapshots of a run that has as many epochs; there are at most twice as many


def snapshot_epochs(epochs: int) -> list[int]:
    """The epochs, counted from 1, after which a run of so many has a snapshot: evenly spaced ones and the last.

    The spacing is the largest power of two that leaves FEWEST of them. As it only ever doubles, a run that is extended
    wants no epoch of those behind it that it has no snapshot of.
    """
    spacing = 1 << max(0, (epochs // MIN_SNAPSHOTS).bit_length() - 1)
    return [*range(spacing, epochs, spacing), epochs]


def snapshot_name(epoch: int) -> str:
    """File name of the snapshot after so many epochs; names sort in time."""
    return f"epoch{epoch:05d}.safetensors"


class SnapshotWriter:
    """Snapshots in the folder `out`, with copies in `kept`, from which a run that goes on takes those made before.

    The snapshot after n epochs is what models/generator.safetensors is for a run of n epochs, with the fact `epoch`
    added. So it is the same in every run of these settings, and `kept` holds that of the last epoch, too, where
    Film drops the frame: a longer run takes the epochs that it wants by name and leaves the others.
    """

    def __init__(self, out: Path, kept: Path, model: ModelConfig, train: TrainConfig, facts: Mapping[str, Any]) -> None:
        """`facts`: what the files say beside the settings; see save_network."""
        self.out, self.kept = out, kept
        self.epochs = snapshot_epochs(train.epochs)
        self._model, self._train, self._facts = model, train, facts

    def wants(self, epoch: int) -> bool:
        """Whether there is a snapshot after so many whole epochs."""
        return epoch in self.epochs

    def reach(self) -> int:
        """The first wanted epoch that is not in `kept`, or else the last: a run can go on from here or before."""
        return next((epoch for epoch in self.epochs if not self._kept(epoch).is_file()), self.epochs[-1])

    def rewind(self, epoch: int) -> None:
        """Make `out` hold exactly the snapshots that are wanted of the first `epoch` epochs, as far as they are kept.

        A kept one of a later epoch, of a process that was killed before its next checkpoint or of a longer run, stays
        where it is: the run that comes to its epoch writes the same again.
        """
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        for done in self.epochs:
            if done <= epoch and self._kept(done).is_file():
                shutil.copyfile(self._kept(done), self.out / snapshot_name(done))

    def add(self, epoch: int, network: nn.Module) -> None:
        """Save `network` as the snapshot after so many epochs."""
        path = self.out / snapshot_name(epoch)
        # Where the length of the run does not show in the weights, it must not show in the facts either.
        train = self._train if self._train.lr_decay else self._train.model_copy(update={"epochs": epoch})
        save_network(path, network, "generator", self._model, {**self._facts, "train": train.facts(), "epoch": epoch})
        with atomic_write(self._kept(epoch)) as temporary:
            shutil.copyfile(path, temporary)

    def _kept(self, epoch: int) -> Path:
        return self.kept / snapshot_name(epoch)
