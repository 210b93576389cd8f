"""Snapshots: the sampling network after selected epochs, to evaluate quality during the training."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from gan.io import atomic_write
from gan.networks.config import ModelConfig
from gan.networks.factory import save_network
from gan.training.config import TrainConfig

MIN_SNAPSHOTS = 8  # of a run with at least this many epochs; the maximum is twice this number


def snapshot_epochs(epochs: int) -> list[int]:
    """Return the epochs, counted from 1, after which a run has a snapshot: evenly spaced ones and the last.

    The interval is the largest power of two that gives at least MIN_SNAPSHOTS. With more epochs it can only double, so
    an extended run needs no earlier epoch that the shorter run did not save.
    """
    interval = 1 << max(0, (epochs // MIN_SNAPSHOTS).bit_length() - 1)
    return [*range(interval, epochs, interval), epochs]


def snapshot_name(epoch: int) -> str:
    """Return the file name of the snapshot after `epoch` epochs; names sort by epoch."""
    return f"epoch{epoch:05d}.safetensors"


class SnapshotWriter:
    """Write snapshots to `out_dir`, with copies in `cache_dir` from which a resumed run restores earlier ones.

    The snapshot after n epochs equals models/generator.safetensors of a run of n epochs, with `epoch` added to its
    metadata. It is the same for every run of this configuration. Therefore `cache_dir` also keeps the last epoch,
    unlike that of FrameWriter: a longer run restores only the epochs that it needs.
    """

    def __init__(
        self, out_dir: Path, cache_dir: Path, model: ModelConfig, train: TrainConfig, metadata: Mapping[str, Any]
    ) -> None:
        """metadata: stored in the files beside the configs; see save_network."""
        self.out_dir = out_dir
        self.cache_dir = cache_dir
        self.epochs = snapshot_epochs(train.epochs)
        self.model_config = model
        self.train_config = train
        self.metadata = metadata

    def should_save(self, epoch: int) -> bool:
        """Whether there is a snapshot after `epoch` whole epochs."""
        return epoch in self.epochs

    def first_missing_epoch(self) -> int:
        """Return the first needed epoch that is not cached, or else the last. A run can resume there or earlier."""
        missing = (epoch for epoch in self.epochs if not self.cache_path(epoch).is_file())
        return next(missing, self.epochs[-1])

    def restore(self, epoch: int) -> None:
        """Make `out_dir` hold exactly the cached snapshots that the first `epoch` epochs need.

        A cached snapshot of a later epoch, left by a killed or a longer run, stays: this run will write the same again.
        """
        shutil.rmtree(self.out_dir, ignore_errors=True)
        self.out_dir.mkdir(parents=True)
        for saved_epoch in self.epochs:
            if saved_epoch <= epoch and self.cache_path(saved_epoch).is_file():
                shutil.copyfile(self.cache_path(saved_epoch), self.out_dir / snapshot_name(saved_epoch))

    def save(self, epoch: int, network: nn.Module) -> None:
        """Save `network` as the snapshot after `epoch` epochs."""
        path = self.out_dir / snapshot_name(epoch)
        # Where the run's length does not affect the weights, it must not appear in the metadata either.
        train = self.train_config
        if not train.lr_decay:
            train = train.model_copy(update={"epochs": epoch})
        metadata = {**self.metadata, "train": train.to_metadata(), "epoch": epoch}
        save_network(path, network, "generator", self.model_config, metadata)
        with atomic_write(self.cache_path(epoch)) as temporary:
            shutil.copyfile(path, temporary)

    def cache_path(self, epoch: int) -> Path:
        """Return the path of the cached snapshot after `epoch` epochs."""
        return self.cache_dir / snapshot_name(epoch)
