"""The batch loader: order, resumption, shards, groups and targets."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gan.config import UserError
from gan.data.dataset import BatchLoader, ImageDataset, Split, evenly_spaced, to_float


def make_images(num_images: int) -> Tensor:
    """Images [N, 1, 1, 1] whose pixel is their index, modulo 256."""
    return torch.arange(num_images).remainder(256).to(torch.uint8).reshape(-1, 1, 1, 1)


def to_levels(images: Tensor) -> list[int]:
    levels: list[int] = images.flatten().add(1).mul(127.5).round().int().tolist()
    return levels


@given(st.integers(2, 300), st.integers(2, 70), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_has_each_image_once_and_can_start_at_any_batch(
    num_images: int, batch_size: int, index: int, start: int
) -> None:
    images = make_images(num_images)
    loader = BatchLoader(images, batch_size, seed=1)
    batches = [batch.images for batch in loader.epoch(index)]
    assert len(batches) == len(loader)
    assert all(len(batch) == batch_size for batch in batches[:-1]) and 2 <= len(batches[-1]) <= batch_size
    levels = Counter(to_levels(torch.cat(batches)))
    all_levels = Counter(images.flatten().tolist())
    assert (all_levels - levels).total() == (1 if num_images % batch_size == 1 else 0)  # one image is no batch
    assert not levels - all_levels
    resumed = [batch.images for batch in loader.epoch(index, start)]
    assert len(resumed) == max(0, len(batches) - start)
    assert all(a.equal(b) for a, b in zip(resumed, batches[start:], strict=True))


def test_epochs_and_seeds_have_different_orders() -> None:
    images = make_images(256)
    orders = {
        tuple(to_levels(torch.cat([batch.images for batch in BatchLoader(images, 64, seed).epoch(index)])))
        for seed in (0, 1, 7, 2**31 - 1)
        for index in (0, 1)
    }
    assert len(orders) == 8


def test_shards_are_disjoint_and_complete() -> None:
    images = make_images(23)
    labels = torch.arange(23)
    batches = list(BatchLoader(images, 9, 0, labels=labels).epoch(3))
    shards = [list(BatchLoader(images, 9, 0, rank, 2, labels).epoch(3)) for rank in (0, 1)]
    for batch, first, second in zip(batches, *shards, strict=True):
        assert torch.cat([first.images, second.images]).equal(batch.images)
        assert batch.labels is not None and first.labels is not None and second.labels is not None
        assert torch.cat([first.labels, second.labels]).equal(batch.labels)
        assert batch.labels.tolist() == to_levels(batch.images)
        assert batch.global_size == first.global_size == second.global_size == len(batch.images)
    assert len(BatchLoader(images[:21], 9, 0, 0, 2)) == 2  # three images are too few for two ranks


def test_shards_are_multiples_of_the_group_size() -> None:
    loader = BatchLoader(make_images(30), 8, 0, group_size=4)
    assert [len(batch.images) for batch in loader.epoch(0)] == [8, 8, 8, 4]


def test_targets_have_their_own_order_and_repeat() -> None:
    images = make_images(20)
    target = torch.arange(100, 107, dtype=torch.uint8).reshape(-1, 1, 1, 1)

    def target_batches(index: int = 0, start: int = 0, rank: int = 0, world_size: int = 1) -> list[Tensor]:
        epoch = BatchLoader(images, 8, 0, rank, world_size, target=target).epoch(index, start)
        return [batch.target_images for batch in epoch if batch.target_images is not None]

    batches = target_batches()
    assert [len(batch) for batch in batches] == [8, 8, 4]
    frequencies = torch.cat(batches).flatten().unique(return_counts=True)[1]
    assert sorted(frequencies.tolist()) == [2] + [3] * 6
    assert not torch.cat(batches).equal(torch.cat(target_batches(index=1)))
    assert torch.cat(batches[1:]).equal(torch.cat(target_batches(start=1)))
    shards = [target_batches(rank=rank, world_size=2) for rank in (0, 1)]
    assert all(torch.cat([a, b]).equal(batch) for a, b, batch in zip(*shards, batches, strict=True))


@pytest.mark.parametrize(
    ("num_images", "batch_size", "world_size", "group_size", "line"),
    [
        (100, 7, 4, 1, r"^train\.batch_size: 7 is too small for 4 processes, which need 2 images each; raise it"),
        (100, 8, 4, 4, r"^train\.batch_size: 8 is not a multiple of 16: .* groups of 4 images in each of 4 processes"),
        (1, 8, 1, 1, r"^1 training images are too few to train on; add more$"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    num_images: int, batch_size: int, world_size: int, group_size: int, line: str
) -> None:
    with pytest.raises(UserError, match=line):
        BatchLoader(make_images(num_images), batch_size, 0, 0, world_size, group_size=group_size)


def test_pixels_are_scaled_to_minus_one_to_one() -> None:
    assert to_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]
    assert to_float(make_images(2)).dtype == torch.float32


def test_evenly_spaced_images_include_both_ends() -> None:
    assert evenly_spaced(make_images(10), 4).flatten().tolist() == [0, 3, 6, 9]


def test_a_dataset_has_classes_only_if_every_training_image_has_a_label() -> None:
    images = make_images(2)
    for labels, num_classes in (([0, 1], 2), ([0, -1], 0)):
        split = Split(images, torch.tensor(labels))
        assert ImageDataset(split, split, {"classes": ["a", "b"]}).num_classes == num_classes
