"""Stacked MNIST: three digits, one a channel, and what is known of them."""

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

FACTS = {"name": "stacked-mnist", "channels": 3, "stack_of": "mnist"}
STACKS = list(DATASETS["stacked-mnist"].classes)
SMALL = PrepareConfig(image_size=4)


def plain(levels: range) -> RawSplit:
    """A plain picture of each grey level, which is a digit: the level's last."""
    array = np.asarray(levels, np.uint8)
    return RawSplit(array.repeat(16).reshape(-1, 4, 4), array.astype(np.int64) % 10)


def stacked(tmp_path: Path, config: PrepareConfig = SMALL, **parts: RawSplit) -> ImageDataset:
    out = tmp_path / "p.safetensors"
    prepare(RawDataset(FACTS, STACKS, parts or {"all": plain(range(100))}), config, out)
    return ImageDataset.load(out)


def levels(split: Split) -> Tensor:
    """The grey level of each channel, [N, 3]; that all pixels of a channel have it is checked."""
    assert (split.images == split.images[:, :, :1, :1]).all()
    return split.images[:, :, 0, 0].long()


def test_each_channel_is_the_digit_that_the_label_says(tmp_path: Path) -> None:
    p = stacked(tmp_path)
    for split in (p.train, p.test):
        red, green, blue = (levels(split) % 10).unbind(1)
        assert torch.equal(split.labels, 100 * red + 10 * green + blue)
    assert len(p.train.labels.unique()) == 1000


def test_training_and_test_digits_do_not_mix(tmp_path: Path) -> None:
    p = stacked(tmp_path)
    train, test = (set(levels(split).flatten().tolist()) for split in (p.train, p.test))
    assert (len(train), len(test)) == (80, 20) and train | test == set(range(100))
    for digit in range(10):  # each digit in proportion
        assert sum(level % 10 == digit for level in test) == 2


def test_a_split_of_the_data_sets_own_is_kept(tmp_path: Path) -> None:
    p = stacked(tmp_path, train=plain(range(30)), test=plain(range(100, 150)))
    assert levels(p.train).unique().tolist() == list(range(30))
    assert levels(p.test).unique().tolist() == list(range(100, 150))


def test_few_digits_make_26_000_and_10_000_stacks(tmp_path: Path) -> None:
    p = stacked(tmp_path)
    assert p.metadata["counts"] == MIN_STACKS == {"train": 26_000, "test": 10_000}
    assert (len(p.train.images), len(p.test.labels)) == (26_000, 10_000)


def test_many_digits_make_as_many_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MIN_STACKS, "train", 20)
    p = stacked(tmp_path, train=plain(range(31)), test=plain(range(10)))
    assert p.metadata["counts"] == {"train": 31, "test": 10_000}
    assert p.metadata["digits"] == {"train": 31, "test": 10}


def test_the_seed_decides(tmp_path: Path) -> None:
    train = test = plain(range(50))
    first, again = (stacked(tmp_path / name, train=train, test=test) for name in "ab")
    assert (tmp_path / "a/p.safetensors").read_bytes() == (tmp_path / "b/p.safetensors").read_bytes()
    assert torch.equal(first.train.images, again.train.images)
    other = stacked(tmp_path / "c", PrepareConfig(image_size=4, seed=1), train=train, test=test)
    assert not torch.equal(first.train.labels, other.train.labels)
    # Of the same digits, the two parts are stacked in different orders.
    assert not torch.equal(first.train.labels[:10_000], first.test.labels)


def test_every_digit_is_used_equally_often(tmp_path: Path) -> None:
    p = stacked(tmp_path)
    for name, split in (("train", p.train), ("test", p.test)):
        for channel in levels(split).unbind(1):
            counts = channel.unique(return_counts=True)[1]
            assert counts.max() - counts.min() <= 1
            assert len(channel[: p.metadata["digits"][name]].unique()) == p.metadata["digits"][name]


def test_the_channels_are_independent(tmp_path: Path) -> None:
    p = stacked(tmp_path, train=plain(range(20)), test=plain(range(20)))  # two pictures of a digit, and 000 is there
    counts = torch.bincount(p.train.labels, minlength=1000)
    assert ((counts - 26) ** 2 / 26).sum() < 1150  # chi-squared of 999 degrees: 999 ± 45
    assert (counts[::111] > 0).all()


def test_unstacked_gives_each_digit_once(tmp_path: Path) -> None:
    p = stacked(tmp_path)
    digits = unstack_digits(p.test, p.metadata["digits"]["test"])
    assert digits.images.shape == (20, 1, 4, 4) and digits.images.dtype == torch.uint8
    grey = digits.images[:, 0, 0, 0].long()
    assert torch.equal(grey % 10, digits.labels)
    assert set(grey.tolist()) == set(levels(p.test).flatten().tolist())


def test_the_file_says_what_is_stacked(tmp_path: Path) -> None:
    metadata = stacked(tmp_path).metadata
    assert metadata["stacked"] == 3 and metadata["shape"] == [3, 4, 4]
    assert (metadata["classes"][0], metadata["classes"][42], metadata["classes"][-1]) == ("000", "042", "999")


def test_grey_stacks_are_refused_in_a_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^prepare\.channels: 1 is too few for stacked-mnist.*set it to auto$"):
        stacked(tmp_path, PrepareConfig(image_size=4, channels=1))
    assert stacked(tmp_path, PrepareConfig(image_size=4, channels=3)).shape == (3, 4, 4)


def test_stacks_of_real_digits(tmp_path: Path) -> None:
    dataset: Any = "stacked-mnist-5k"
    download(DataConfig(dataset=dataset), tmp_path / "raw", images=tmp_path, home=tmp_path, cache=tmp_path)
    stacks = decode(tmp_path / "raw", tmp_path)
    assert stacks.facts["name"] == dataset and len(stacks.classes) == 1000
    files = {kind: tmp_path / f"{kind}.safetensors" for kind in ("stacks", "digits")}
    prepare(stacks, PrepareConfig(), files["stacks"])
    digits = replace(stacks, facts={"name": "mnist-5k", "channels": 1, "stack_of": None}, classes=list(DIGIT_CLASSES))
    prepare(digits, PrepareConfig(), files["digits"])
    made, of = (ImageDataset.load(path) for path in files.values())
    assert made.metadata["digits"] == of.metadata["counts"] == {"train": 4000, "test": 1000}
    for part, source in ((made.train, of.train), (made.test, of.test)):
        known = {image.tobytes(): label for image, label in zip(source.images.numpy(), source.labels, strict=True)}
        apart = unstack_digits(part, len(source.labels))
        used = [image.tobytes() for image in apart.images.numpy()]
        assert [known[image] for image in used] == apart.labels.tolist()
        assert set(used) == set(known)
        assert {image.tobytes() for image in part.images.flatten(0, 1).numpy()} == set(known)
