"""The data sets that torchvision's loaders read, from small files in each one's own format to decoded pictures."""

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
from tests.pipeline.test_experiments import small_mnist


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def through(dataset: Any, tmp_path: Path) -> RawDataset:
    """Fetch the data set from tmp_path/mirror and decode it."""
    raw = tmp_path / "raw"
    config = DataConfig(dataset=dataset, source="mirror")
    download(config, raw, images=tmp_path, home=tmp_path, cache=tmp_path / "cache")
    return decode(raw, tmp_path)


@pytest.mark.parametrize(("dataset", "family"), [("fashion-mnist", tv.FashionMNIST), ("kmnist", tv.KMNIST)])
def test_mnists_siblings(dataset: str, family: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = small_mnist(tmp_path / "mirror")
    monkeypatch.setattr(family, "resources", [(name, md5(tmp_path / "mirror" / name)) for name in names])
    decoded = through(dataset, tmp_path)
    assert [np.asarray(decoded.parts[part].pictures).shape for part in ("train", "test")] == [
        (60, 28, 28),
        (20, 28, 28),
    ]
    assert decoded.parts["test"].labels.tolist() == [i % 10 for i in range(20)]
    assert len(decoded.classes) == 10


def test_usps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror, files = tmp_path / "mirror", {}
    mirror.mkdir()
    for part, name, count in (("train", "usps.bz2", 20), ("test", "usps.t.bz2", 10)):
        rows = [f"{i % 10 + 1} " + " ".join(f"{p + 1}:{p % 3 - 1}" for p in range(256)) for i in range(count)]
        (mirror / name).write_bytes(bz2.compress(("\n".join(rows) + "\n").encode()))
        files[part] = [f"https://example.org/{name}", name, md5(mirror / name)]
    monkeypatch.setattr(tv.USPS, "split_list", files)
    decoded = through("usps", tmp_path)
    train = decoded.parts["train"]
    assert np.asarray(train.pictures).shape == (20, 16, 16) and len(decoded.parts["test"]) == 10
    assert np.asarray(train.pictures)[0, 0, :3].tolist() == [0, 127, 255]
    assert train.labels.tolist() == [i % 10 for i in range(20)]


def test_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror, batches = tmp_path / "mirror", tmp_path / tv.CIFAR10.base_folder
    mirror.mkdir()
    batches.mkdir()
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (4, 3, 32, 32), np.uint8)

    def write(name: str, content: dict[str, Any]) -> list[str]:
        (batches / name).write_bytes(pickle.dumps(content))
        return [name, md5(batches / name)]

    batch = {"data": pictures.reshape(4, -1), "labels": [3, 1, 4, 1]}
    monkeypatch.setattr(tv.CIFAR10, "train_list", [write("data_batch_1", batch)])
    monkeypatch.setattr(tv.CIFAR10, "test_list", [write("test_batch", batch)])
    name, digest = write("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(tv.CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": digest})
    archive = mirror / tv.CIFAR10.filename
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(batches, tv.CIFAR10.base_folder)
    monkeypatch.setattr(tv.CIFAR10, "tgz_md5", md5(archive))
    train = through("cifar10", tmp_path).parts["train"]
    assert np.array_equal(np.asarray(train.pictures), pictures.transpose(0, 2, 3, 1))
    assert train.labels.tolist() == [3, 1, 4, 1]
