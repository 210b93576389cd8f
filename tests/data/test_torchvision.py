"""Datasets in the formats of torchvision: small files are fetched, verified and decoded."""

import bz2
import hashlib
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision import datasets as tv

from gan.data.config import DataConfig
from gan.data.download import download
from gan.data.raw_dataset import RawDataset, decode
from tests.data.small_mnist import write_small_mnist


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def fetch_and_decode(dataset: Any, tmp_path: Path) -> RawDataset:
    """Fetch the dataset from tmp_path/mirror and decode it."""
    raw = tmp_path / "raw"
    config = DataConfig(dataset=dataset, source="mirror")
    download(config, raw, images=tmp_path, project_root=tmp_path, cache=tmp_path / "cache")
    return decode(raw, tmp_path)


@pytest.mark.parametrize(("dataset", "dataset_class"), [("fashion-mnist", tv.FashionMNIST), ("kmnist", tv.KMNIST)])
def test_datasets_in_the_format_of_mnist(
    dataset: str, dataset_class: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = write_small_mnist(tmp_path / "mirror")
    monkeypatch.setattr(dataset_class, "resources", [(name, md5(tmp_path / "mirror" / name)) for name in names])
    raw_dataset = fetch_and_decode(dataset, tmp_path)
    assert np.asarray(raw_dataset.splits["train"].images).shape == (60, 28, 28)
    assert np.asarray(raw_dataset.splits["test"].images).shape == (20, 28, 28)
    assert raw_dataset.splits["test"].labels.tolist() == [i % 10 for i in range(20)]
    assert len(raw_dataset.classes) == 10


def test_usps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    files = {}
    for split, name, num_images in (("train", "usps.bz2", 20), ("test", "usps.t.bz2", 10)):
        pixels = " ".join(f"{p + 1}:{p % 3 - 1}" for p in range(256))
        lines = "".join(f"{i % 10 + 1} {pixels}\n" for i in range(num_images))
        (mirror / name).write_bytes(bz2.compress(lines.encode()))
        files[split] = [f"https://example.org/{name}", name, md5(mirror / name)]
    monkeypatch.setattr(tv.USPS, "split_list", files)
    splits = fetch_and_decode("usps", tmp_path).splits
    images = np.asarray(splits["train"].images)
    assert images.shape == (20, 16, 16) and len(splits["test"]) == 10
    assert images[0, 0, :3].tolist() == [0, 127, 255]
    assert splits["train"].labels.tolist() == [i % 10 for i in range(20)]


def test_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = tmp_path / "mirror"
    batches = tmp_path / tv.CIFAR10.base_folder
    mirror.mkdir()
    batches.mkdir()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 3, 32, 32), np.uint8)

    def write(name: str, content: dict[str, Any]) -> list[str]:
        (batches / name).write_bytes(pickle.dumps(content))
        return [name, md5(batches / name)]

    batch = {"data": images.reshape(4, -1), "labels": [3, 1, 4, 1]}
    monkeypatch.setattr(tv.CIFAR10, "train_list", [write("data_batch_1", batch)])
    monkeypatch.setattr(tv.CIFAR10, "test_list", [write("test_batch", batch)])
    name, digest = write("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(tv.CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": digest})
    archive = mirror / tv.CIFAR10.filename
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(batches, tv.CIFAR10.base_folder)
    monkeypatch.setattr(tv.CIFAR10, "tgz_md5", md5(archive))
    train = fetch_and_decode("cifar10", tmp_path).splits["train"]
    assert np.array_equal(np.asarray(train.images), images.transpose(0, 2, 3, 1))
    assert train.labels.tolist() == [3, 1, 4, 1]
