"""Downloads: files are verified, cached and installed completely or not at all. Servers run on the loopback address."""

import gzip
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from gan.config import UserError
from gan.data import download as module
from gan.data.config import DataConfig
from gan.data.download import download
from gan.data.raw_dataset import decode
from gan.data.registry import DATASETS
from tests.data.small_mnist import write_small_mnist

FILES = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"]


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small dataset in MNIST's format, which passes as MNIST in a test."""
    folder = tmp_path / "mirror"
    for name, sha256 in write_small_mnist(folder).items():
        monkeypatch.setitem(module._MNIST_SHA256, name, sha256)
    return folder


@pytest.fixture
def url(mirror: Path) -> Iterator[str]:
    """The URL of a server for the mirror."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(mirror))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def fetch(tmp_path: Path, source: str | None, dataset: Any = "mnist") -> Path:
    raw = tmp_path / "raw"
    config = DataConfig(dataset=dataset, source=source)
    download(config, raw, images=tmp_path / "images", project_root=tmp_path, cache=tmp_path / "cache")
    return raw


def test_source_is_a_folder_relative_to_the_project_root(mirror: Path, tmp_path: Path) -> None:
    raw = fetch(tmp_path, "mirror")
    assert sorted(path.name for path in raw.rglob("*ubyte")) == FILES
    assert not (tmp_path / "cache").exists()
    raw_dataset = decode(raw, tmp_path)
    assert {name: len(split) for name, split in raw_dataset.splits.items()} == {"train": 60, "test": 20}
    assert raw_dataset.metadata["name"] == "mnist" and len(raw_dataset.classes) == 10


def test_a_stacked_dataset_uses_the_files_of_its_digits(url: str, mirror: Path, tmp_path: Path) -> None:
    raw = fetch(tmp_path, url, "stacked-mnist")
    assert sorted(path.name for path in raw.rglob("*ubyte")) == FILES
    for path in mirror.glob("*.gz"):
        path.unlink()
    fetch(tmp_path, url)  # the digits use the cache of the stacks
    raw_dataset = decode(fetch(tmp_path, url, "stacked-mnist"), tmp_path)
    assert {name: len(split) for name, split in raw_dataset.splits.items()} == {"train": 60, "test": 20}
    assert raw_dataset.metadata["name"] == "stacked-mnist" and len(raw_dataset.classes) == 1000
    assert (raw_dataset.num_stacked, raw_dataset.channels) == (3, 3)


def test_a_stacked_dataset_of_bundled_digits_has_no_source(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.source: stacked-mnist-5k comes from an installed package"):
        fetch(tmp_path, "mirror", "stacked-mnist-5k")


def test_the_registry_has_every_dataset_that_can_be_configured() -> None:
    assert set(get_args(DataConfig.model_fields["dataset"].annotation)) == set(DATASETS)
    assert {name for name, info in DATASETS.items() if info.channels == 3} == {
        "cifar10",
        "stacked-mnist-5k",
        "stacked-mnist",
        "images",
    }


def test_a_mirror_may_hold_unpacked_files(mirror: Path, tmp_path: Path) -> None:
    for path in list(mirror.glob("*.gz")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert len(list(fetch(tmp_path, "mirror").rglob("*ubyte"))) == 4


@pytest.mark.parametrize("damage", ["truncated", "replaced", "bit flip", "unpacked, truncated"])
def test_damaged_files_are_named_and_leave_nothing_behind(damage: str, mirror: Path, tmp_path: Path) -> None:
    path = mirror / "train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "replaced":
        path.write_bytes(gzip.compress(b"something else"))
    elif damage == "bit flip":
        path.write_bytes(content[:5000] + bytes([content[5000] ^ 255]) + content[5001:])
    else:
        path.with_suffix("").write_bytes(gzip.decompress(content)[:-1])
        path.unlink()
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.*(damaged|incomplete).*run again"):
        fetch(tmp_path, "mirror")
    assert not list((tmp_path / "raw").rglob("train-images*"))
    assert not list((tmp_path / "raw").rglob("*partial*"))


def test_source_is_a_url_and_files_are_downloaded_once(url: str, mirror: Path, tmp_path: Path) -> None:
    fetch(tmp_path, url)
    for path in mirror.glob("*.gz"):
        path.unlink()
    assert len(list(fetch(tmp_path, url).rglob("*ubyte"))) == 4


def test_a_damaged_download_is_removed_from_the_cache(url: str, mirror: Path, tmp_path: Path) -> None:
    path = mirror / "train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    path.write_bytes(b"<html>please log in</html>")
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz: incomplete or not a gzip file"):
        fetch(tmp_path, url)
    path.write_bytes(content)
    assert len(list(fetch(tmp_path, url).rglob("*ubyte"))) == 4


def test_a_missing_file_on_a_mirror_is_named(
    url: str, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    (mirror / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(UserError, match=r"train-labels-idx1-ubyte\.gz: HTTP 404"):
        fetch(tmp_path, url)


def test_failed_downloads_are_retried(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("pooch.core.time.sleep", waits.append)
    failures = dict.fromkeys(FILES, 2)

    class Flaky(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            name = Path(self.path).stem
            if failures[name]:
                failures[name] -= 1
                self.send_error(503)
            else:
                super().do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    handler = partial(Flaky, directory=str(mirror))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        raw = fetch(tmp_path, f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
    assert len(list(raw.rglob("*ubyte"))) == 4
    assert waits == [1, 2] * 4


def test_without_network_one_line_names_three_solutions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    with pytest.raises(UserError) as raised:
        fetch(tmp_path, "http://127.0.0.1:9")
    line = str(raised.value)
    assert "\n" not in line
    for text in ("(1) set data.source", "(2) put", "(3) use a dataset that needs no network", str(tmp_path / "cache")):
        assert text in line


def test_errors_name_the_setting_of_the_source(tmp_path: Path) -> None:
    config = DataConfig(dataset="usps", source="nowhere")
    folders = {"images": tmp_path, "project_root": tmp_path, "cache": tmp_path}
    with pytest.raises(UserError, match=r"^data\.target_source: .*nowhere has no usps\.bz2; set a folder or URL"):
        download(config, tmp_path / "raw", **folders, setting_name="data.target_source")


@pytest.mark.parametrize("dataset", ["mnist", "fashion-mnist", "kmnist", "usps", "cifar10"])
def test_every_remote_dataset_has_mirrors_and_hashes(dataset: str) -> None:
    files = module._remote_files(dataset)
    assert files
    for file in files:
        assert file.mirrors and all(mirror.startswith("http") and mirror.endswith("/") for mirror in file.mirrors)
        assert len(file.md5) == 32
        assert dataset != "mnist" or len(file.unpacked_sha256 or "") == 64


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "usps.bz2").write_bytes(b"not it")
    with pytest.raises(UserError, match=r"usps\.bz2: damaged or not a file of usps"):
        fetch(tmp_path, "mirror", "usps")


@pytest.mark.parametrize(("dataset", "num_images", "side"), [("mnist-5k", 5000, 28), ("digits", 1797, 8)])
def test_bundled_datasets(dataset: str, num_images: int, side: int, tmp_path: Path) -> None:
    raw_dataset = decode(fetch(tmp_path, None, dataset), tmp_path)
    images = np.asarray(raw_dataset.splits["all"].images)
    assert images.shape == (num_images, side, side)
    assert images.min() == 0 and images.max() == 255
    assert set(raw_dataset.splits["all"].labels.tolist()) == set(range(10))
    assert json.loads((tmp_path / "raw/dataset.json").read_text())["license"]


def test_unusual_names_links_and_other_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    names = ["tab\there.png", "line\nbreak.png", "ünï\u2028.png", "space .png"]
    for name in names:
        Image.new("L", (4, 4)).save(linked / name)
    (linked / "phone.heic").write_bytes(b"x")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "cats").symlink_to(linked)
    raw_dataset = decode(fetch(tmp_path, None, "images"), tmp_path / "images")
    paths = raw_dataset.splits["all"].images
    assert isinstance(paths, list)
    assert {path.name for path in paths} == set(names) and all(path.is_file() for path in paths)
    assert raw_dataset.classes == ["cats"]
    assert "skipped: 1 .heic" in capsys.readouterr().out


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"images: contains no images \(png apng .*one subfolder per class or in none$"):
        fetch(tmp_path, None, "images")


def test_the_users_images_are_listed_with_their_hashes(tmp_path: Path) -> None:
    for name in ("b/2.png", "a/1.PNG", "a/.hidden.png", "a/notes.txt"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(path, format="png")
    raw = fetch(tmp_path, None, "images")
    listing = json.loads((raw / "images.json").read_text())
    assert [name for name, _ in listing] == ["a/1.PNG", "b/2.png"]
    assert listing[0][1] == hashlib.sha256((tmp_path / "images/a/1.PNG").read_bytes()).hexdigest()
    raw_dataset = decode(raw, tmp_path / "images")
    assert raw_dataset.classes == ["a", "b"]
    assert raw_dataset.splits["all"].labels.tolist() == [0, 1]
