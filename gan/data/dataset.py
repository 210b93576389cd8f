"""The prepared dataset, and the shuffled batches that training reads from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan.config import UserError
from gan.io import load_safetensors, read_metadata

MIN_IMAGES_PER_RANK = 2  # BatchNorm needs two images to compute a variance


@dataclass(frozen=True)
class Split:
    """Images, uint8 [N, C, H, W], and labels, int64 [N] (-1: no label)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class ImageDataset:
    """A prepared file, memory-mapped. `gan.data.prepare.prepare` lists the keys of `metadata`."""

    train: Split
    test: Split
    metadata: dict[str, Any]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        channels, height, width = self.metadata["shape"]
        return channels, height, width

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 unless every training image has a label."""
        labels = self.train.labels
        return len(self.metadata["classes"]) if len(labels) and int(labels.min()) >= 0 else 0

    @classmethod
    def load(cls, path: Path) -> "ImageDataset":
        """Open a file that `gan.data.prepare.prepare` wrote. Raise UserError if it is missing or damaged."""
        metadata = read_metadata(path)
        tensors = load_safetensors(path)
        train = Split(tensors["train.images"], tensors["train.labels"])
        test = Split(tensors["test.images"], tensors["test.labels"])
        return cls(train, test, metadata)


def unstack_digits(split: Split, num_digits: int) -> Split:
    """Recover the single digits of stacks [N, C, H, W]: images [num_digits, 1, H, W], labels 0 to 9.

    num_digits: the split's entry in `metadata["digits"]`.
    """
    # Each channel uses every digit once before it repeats one, so the first channel of the first stacks has them all.
    num_channels = split.images.shape[1]
    return Split(split.images[:num_digits, :1], split.labels[:num_digits] // 10 ** (num_channels - 1))


class Batch(NamedTuple):
    """One batch of an iteration, or one rank's shard of it.

    images: float32 [B, C, H, W] in [-1, 1]. labels: int64 [B], or None. target_images: as images, to translate to.
    global_size: number of images in the batch, over all ranks.
    """

    images: Tensor
    labels: Tensor | None
    global_size: int
    target_images: Tensor | None = None

    @classmethod
    def single_process(cls, images: Tensor, labels: Tensor | None = None) -> "Batch":
        """Return a batch of a training in one process: images [B, C, H, W], labels [B]."""
        return cls(images, labels, len(images))


@dataclass(frozen=True)
class BatchLoader:
    """Shuffled batches of the training split, or one rank's shards of them.

    The order of an epoch depends on the seed and the epoch's index only, so training can resume at any batch.
    The last batch of an epoch may be smaller. It is dropped if a rank would get fewer than two images.

    images: uint8 [N, C, H, W], on the device that the batches should be on. labels: int64 [N], or None.
    batch_size: images per batch, over all ranks. group_size: each rank's shard is a multiple of it.
    target: uint8 [M, C, H, W], images to translate to, or None. They are shuffled separately and repeated if M < N.

    Raises UserError if the batch size does not fit the ranks and groups, or if there is not a single batch.
    """

    images: Tensor
    batch_size: int
    seed: int
    rank: int = 0
    world_size: int = 1
    labels: Tensor | None = None
    group_size: int = 1
    target: Tensor | None = None

    def __post_init__(self) -> None:
        multiple = self.world_size * self.group_size
        if self.batch_size < MIN_IMAGES_PER_RANK * self.world_size:
            raise UserError(
                f"train.batch_size: {self.batch_size} is too small for {self.world_size} processes, which need "
                f"{MIN_IMAGES_PER_RANK} images each; raise it, or lower runtime.processes"
            )
        if self.group_size > 1 and self.batch_size % multiple:
            raise UserError(
                f"train.batch_size: {self.batch_size} is not a multiple of {multiple}: the discriminator reads groups "
                f"of {self.group_size} images in each of {self.world_size} processes; change it"
            )
        if len(self) == 0:
            raise UserError(f"{len(self.images)} training images are too few to train on; add more")

    def __len__(self) -> int:
        """Number of batches per epoch."""
        num_full, remainder = divmod(len(self.images), self.batch_size)
        return num_full + (self._usable_size(remainder) > 0)

    def epoch(self, index: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of epoch `index` (from 0), beginning at batch `start`."""
        order = self._order(len(self.images), [self.seed, index])
        if self.target is not None:
            target_order = self._order(len(self.target), [self.seed, index, 1])
        for i in range(start, len(self)):
            first = i * self.batch_size
            size = self._usable_size(min(self.batch_size, len(order) - first))
            batch = slice(first, first + size)
            indices = self._shard(order[batch])
            # index_select copies whole images; indexing with a tensor is slower.
            images = to_float(self.images.index_select(0, indices))
            labels = None if self.labels is None else self.labels.index_select(0, indices)
            target_images = None
            if self.target is not None:
                target_images = to_float(self.target.index_select(0, self._shard(target_order[batch])))
            yield Batch(images, labels, size, target_images)

    def _order(self, num_images: int, seed: list[int]) -> Tensor:
        """Shuffled indices of `num_images` images, repeated to one per training image."""
        # NumPy mixes all numbers into its seed; PyTorch keeps 32 bits of one number.
        order = torch.from_numpy(np.random.default_rng(seed).permutation(num_images)).to(self.images.device)
        return order.repeat(-(-len(self.images) // num_images))[: len(self.images)]

    def _shard(self, indices: Tensor) -> Tensor:
        return indices.tensor_split(self.world_size)[self.rank]

    def _usable_size(self, remainder: int) -> int:
        """Number of images used of a last batch of `remainder` images."""
        if self.group_size > 1:
            remainder -= remainder % (self.world_size * self.group_size)
        return remainder if remainder >= MIN_IMAGES_PER_RANK * self.world_size else 0


def evenly_spaced(images: Tensor, num_images: int) -> Tensor:
    """Select evenly spaced images, [N, ...] → [num_images, ...]: some datasets are sorted by class."""
    return images[torch.linspace(0, len(images) - 1, num_images).long()]


def to_float(images: Tensor) -> Tensor:
    """Convert pixels from uint8, 0 to 255, to float32, -1 to 1."""
    return torch.div(images, 127.5).to(torch.float32).sub_(1)  # .to() copies only if the default dtype is float64
