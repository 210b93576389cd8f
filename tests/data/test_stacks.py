"""Stacked MNIST: three digits per image, one per channel."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gan.config import UserError
from gan.data.config import DataConfig, PrepareConfig
from gan.data.dataset import ImageDataset, Split, unstack_digits
from gan.data.download import download
from gan.data.prepare import MIN_STACKS, prepare
from gan.data.raw_dataset import RawDataset, RawSplit, decode
from gan.data.registry import DATASETS, DIGIT_CLASSES

METADATA = {"name": "stacked-mnist", "channels": 3, "stacked_from": "mnist"}
CLASSES = list(DATASETS["stacked-mnist"].classes)
SMALL = PrepareConfig(image_size=4)


def make_digits(levels: range) -> RawSplit:
    """Images of one gray level each. The label is the last decimal digit of the level."""
    array = np.asarray(levels, np.uint8)
    return RawSplit(array.repeat(16).reshape(-1, 4, 4), array.astype(np.int64) % 10)


def make_stacks(tmp_path: Path, config: PrepareConfig = SMALL, **splits: RawSplit) -> ImageDataset:
    """Stacks of the digits of `splits`, by default of 100 digits without a split."""
    out = tmp_path / "out"
    prepare(RawDataset(METADATA, CLASSES, splits or {"all": make_digits(range(100))}), config, out)
    return ImageDataset.load(out)


def gray_levels(split: Split) -> Tensor:
    """The gray level of each channel, [N, 3], which all pixels of the channel must have."""
    assert (split.images == split.images[:, :, :1, :1]).all()
    return split.images[:, :, 0, 0].long()


def test_the_digits_of_a_label_are_the_channels(tmp_path: Path) -> None:
    dataset = make_stacks(tmp_path)
    for split in (dataset.train, dataset.test):
        red, green, blue = (gray_levels(split) % 10).unbind(1)
        assert torch.equal(split.labels, 100 * red + 10 * green + blue)
    assert len(dataset.train.labels.unique()) == 1000


def test_training_and_test_digits_do_not_mix(tmp_path: Path) -> None:
    dataset = make_stacks(tmp_path)
    train, test = (set(gray_levels(split).flatten().tolist()) for split in (dataset.train, dataset.test))
    assert (len(train), len(test)) == (80, 20)
    assert train | test == set(range(100))
    for digit in range(10):  # each digit in proportion
        assert sum(level % 10 == digit for level in test) == 2


def test_a_datasets_own_split_is_kept(tmp_path: Path) -> None:
    dataset = make_stacks(tmp_path, train=make_digits(range(30)), test=make_digits(range(100, 150)))
    assert gray_levels(dataset.train).unique().tolist() == list(range(30))
    assert gray_levels(dataset.test).unique().tolist() == list(range(100, 150))


def test_few_digits_make_26_000_and_10_000_stacks(tmp_path: Path) -> None:
    dataset = make_stacks(tmp_path)
    assert dataset.metadata["counts"] == MIN_STACKS == {"train": 26_000, "test": 10_000}
    assert (len(dataset.train.images), len(dataset.test.labels)) == (26_000, 10_000)


def test_many_digits_make_one_stack_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MIN_STACKS, "train", 20)
    dataset = make_stacks(tmp_path, train=make_digits(range(31)), test=make_digits(range(10)))
    assert dataset.metadata["counts"] == {"train": 31, "test": 10_000}
    assert dataset.metadata["digits"] == {"train": 31, "test": 10}


def test_stacks_depend_on_the_seed_and_the_split(tmp_path: Path) -> None:
    digits = make_digits(range(50))
    dataset, repeated = (make_stacks(tmp_path / name, train=digits, test=digits) for name in "ab")
    assert (tmp_path / "a/out").read_bytes() == (tmp_path / "b/out").read_bytes()
    assert torch.equal(dataset.train.images, repeated.train.images)
    reseeded = make_stacks(tmp_path / "c", PrepareConfig(image_size=4, seed=1), train=digits, test=digits)
    assert not torch.equal(dataset.train.labels, reseeded.train.labels)
    assert not torch.equal(dataset.train.labels[:10_000], dataset.test.labels)


def test_every_digit_is_used_equally_often(tmp_path: Path) -> None:
    dataset = make_stacks(tmp_path)
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        num_digits = dataset.metadata["digits"][name]
        for channel in gray_levels(split).unbind(1):
            frequencies = channel.unique(return_counts=True)[1]
            assert frequencies.max() - frequencies.min() <= 1
            assert len(channel[:num_digits].unique()) == num_digits


def test_the_channels_are_independent(tmp_path: Path) -> None:
    dataset = make_stacks(tmp_path, train=make_digits(range(20)), test=make_digits(range(20)))
    frequencies = torch.bincount(dataset.train.labels, minlength=1000)
    assert ((frequencies - 26) ** 2 / 26).sum() < 1150  # chi-squared with 999 degrees of freedom: 999 ± 45
    assert (frequencies[::111] > 0).all()  # 000, 111, …: a digit may be stacked on itself


def test_unstacking_gives_each_digit_once(tmp_path: Path) -> None:
    dataset = make_stacks(tmp_path)
    digits = unstack_digits(dataset.test, dataset.metadata["digits"]["test"])
    assert digits.images.shape == (20, 1, 4, 4) and digits.images.dtype == torch.uint8
    levels = digits.images[:, 0, 0, 0].long()
    assert torch.equal(levels % 10, digits.labels)
    assert set(levels.tolist()) == set(gray_levels(dataset.test).flatten().tolist())


def test_metadata_of_stacks(tmp_path: Path) -> None:
    metadata = make_stacks(tmp_path).metadata
    assert metadata["stacked"] == 3 and metadata["shape"] == [3, 4, 4]
    assert (metadata["classes"][0], metadata["classes"][42], metadata["classes"][-1]) == ("000", "042", "999")


def test_gray_stacks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^prepare\.channels: 1 is too few for stacked-mnist.*set it to auto$"):
        make_stacks(tmp_path, PrepareConfig(image_size=4, channels=1))
    assert make_stacks(tmp_path, PrepareConfig(image_size=4, channels=3)).shape == (3, 4, 4)


def test_stacks_of_real_digits(tmp_path: Path) -> None:
    name: Any = "stacked-mnist-5k"
    download(DataConfig(dataset=name), tmp_path / "raw", images=tmp_path, project_root=tmp_path, cache=tmp_path)
    raw_stacks = decode(tmp_path / "raw", tmp_path)
    assert raw_stacks.metadata["name"] == name and len(raw_stacks.classes) == 1000
    prepare(raw_stacks, PrepareConfig(), tmp_path / "stacks")
    metadata = {"name": "mnist-5k", "channels": 1, "stacked_from": None}
    prepare(replace(raw_stacks, metadata=metadata, classes=list(DIGIT_CLASSES)), PrepareConfig(), tmp_path / "digits")
    stacks = ImageDataset.load(tmp_path / "stacks")
    digits = ImageDataset.load(tmp_path / "digits")
    assert stacks.metadata["digits"] == digits.metadata["counts"] == {"train": 4000, "test": 1000}
    for stack_split, digit_split in ((stacks.train, digits.train), (stacks.test, digits.test)):
        images = [image.tobytes() for image in digit_split.images.numpy()]
        labels = dict(zip(images, digit_split.labels.tolist(), strict=True))
        unstacked = unstack_digits(stack_split, len(images))
        unstacked_images = [image.tobytes() for image in unstacked.images.numpy()]
        assert [labels[image] for image in unstacked_images] == unstacked.labels.tolist()
        assert set(unstacked_images) == set(images)
        assert {image.tobytes() for image in stack_split.images.flatten(0, 1).numpy()} == set(images)
