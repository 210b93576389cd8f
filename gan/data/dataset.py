"""The prepared pictures, and the batches that training draws from them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan.config import UserError
from gan.io import load_safetensors, read_metadata


@dataclass(frozen=True)
class Split:
    """Pictures, uint8 [N, C, H, W], and labels, int64 [N] (-1 where there are none)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class ImageDataset:
    """A prepared file, memory-mapped. `about` holds data set, class names, shape, counts, unreadable pictures, and how
    many digits a picture is a stack of (`stacked`, 1 where it is none)."""

    train: Split
    test: Split
    metadata: dict[str, Any]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width of every picture."""
        channels, height, width = self.metadata["shape"]
        return channels, height, width

    @property
    def classes(self) -> int:
        """How many classes there are, 0 where not every training picture has a label."""
        return len(self.metadata["classes"]) if len(self.train.labels) and int(self.train.labels.min()) >= 0 else 0

    @classmethod
    def load(cls, path: Path) -> "ImageDataset":
        """Open the file that gan.data.prepare wrote; raises UserError when it is missing or damaged."""
        metadata, t = read_metadata(path), load_safetensors(path)
        train, test = (Split(t[f"{part}.images"], t[f"{part}.labels"]) for part in ("train", "test"))
        return cls(train, test, metadata)


def unstack_digits(split: Split, digits: int) -> Split:
    """The digits that stacks [N, C, H, W] were made of, each once: pictures [digits, 1, H, W], labels from 0 to 9.

    digits: how many there are, the split's count in `about["digits"]`.
    """
    # Each channel goes through all digits before it repeats one.
    return Split(split.images[:digits, :1], split.labels[:digits] // 10 ** (split.images.shape[1] - 1))


class Batch(NamedTuple):
    """What an iteration is given, or this process's part of it: pictures, float32 [B, C, H, W] in [-1, 1], their labels
    [B] if there are any, how many pictures the whole batch has, and as many of the set to translate to, if there is."""

    images: Tensor
    labels: Tensor | None
    rows: int
    target: Tensor | None = None

    @classmethod
    def of(cls, images: Tensor, labels: Tensor | None = None) -> "Batch":
        """A batch that one process has all of."""
        return cls(images, labels, len(images))


@dataclass(frozen=True)
class BatchLoader:
    """The training split in shuffled batches; the last one may be short.

    A last batch of a single picture is left out, since BatchNorm has no statistics for one; as each epoch is shuffled
    anew, that is another picture every time. Raises UserError if there is not even one batch.

    The order of an epoch depends on the seed and the epoch alone, so that training can go on from any place in it.
    Of `parts` processes that share each batch, this one takes the rows of its `part`; a last batch that has not two
    pictures for each is left out. Where pictures are judged `together`, a part is a multiple of so many.
    A `target`, pictures to translate to, has an order of its own, and is gone through again and again if it is smaller.
    """

    images: Tensor
    batch_size: int
    seed: int
    part: int = 0
    parts: int = 1
    labels: Tensor | None = None
    together: int = 1
    target: Tensor | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 2 * self.parts:
            raise UserError(
                f"train.batch_size: {self.batch_size} pictures are too few for {self.parts} processes, "
                "two each at least; raise it, or lower runtime.processes"
            )
        if self.batch_size % (self.parts * self.together) and self.together > 1:
            raise UserError(
                f"train.batch_size: {self.batch_size} is not a multiple of {self.parts * self.together}: the "
                f"discriminator judges {self.together} pictures together in each of {self.parts} processes; change it"
            )
        if len(self) == 0:
            raise UserError(f"{len(self.images)} training pictures are too few to train on; add more")

    def __len__(self) -> int:
        """Batches an epoch."""
        whole, rest = divmod(len(self.images), self.batch_size)
        return whole + (self._usable(rest) > 0)

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """Batches, or this process's parts, of epoch `number` (from 0) after `skip`."""
        # NumPy mixes both numbers into its seed; PyTorch would keep the low 32 bits of one.
        order = torch.from_numpy(np.random.default_rng([self.seed, number]).permutation(len(self.images)))
        order, others = order.to(self.images.device), self._targets(number)
        for i in range(skip, len(self)):
            rows = order[i * self.batch_size : (i + 1) * self.batch_size]
            count = self.batch_size if len(rows) == self.batch_size else self._usable(len(rows))
            mine = rows[:count].tensor_split(self.parts)[self.part]
            labels = None if self.labels is None else self.labels.index_select(0, mine)
            # index_select copies whole pictures, where indexing goes from pixel to pixel.
            pictures, target = to_float(self.images.index_select(0, mine)), None
            if self.target is not None and others is not None:
                there = others[i * self.batch_size :][:count].tensor_split(self.parts)[self.part]
                target = to_float(self.target.index_select(0, there))
            yield Batch(pictures, labels, count, target)

    def _targets(self, number: int) -> Tensor | None:
        """Rows of the target for epoch `number`, as many as there are pictures; None without a target."""
        if self.target is None:
            return None
        order = np.random.default_rng([self.seed, number, 1]).permutation(len(self.target))
        return torch.from_numpy(np.resize(order, len(self.images))).to(self.target.device)

    def _usable(self, rest: int) -> int:
        """How many pictures of a short last batch are used."""
        if self.together > 1:
            rest -= rest % (self.parts * self.together)
        return rest if rest >= 2 * self.parts else 0


def evenly_spaced(images: Tensor, count: int) -> Tensor:
    """`count` pictures from all over a split: some data sets are sorted by class."""
    return images[torch.linspace(0, len(images) - 1, count).long()]


def to_float(images: Tensor) -> Tensor:
    """Pixels from 0 … 255 to [-1, 1], as float32."""
    return torch.div(images, 127.5).to(torch.float32).sub_(1)  # no copy in the usual type
