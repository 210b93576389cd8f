"""Files arrive whole and verified, or not at all. Servers are on the loopback address."""

import gzip
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from PIL import Image

from gan.config import UserError
from gan.data import download as module
from gan.data.config import DataConfig
from gan.data.download import download
from gan.data.raw_dataset import decode
from gan.data.registry import DATASETS
from tests.pipeline.test_experiments import small_mnist

FILES = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"]


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small data set in MNIST's format, which counts as MNIST in this test."""
    folder = tmp_path / "mirror"
    for name, sha256 in small_mnist(folder).items():
        monkeypatch.setitem(module._MNIST_SHA256, name, sha256)
    return folder


@pytest.fixture
def url(mirror: Path) -> Iterator[str]:
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(mirror))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def fetch(tmp_path: Path, source: str | None, dataset: Any = "mnist") -> Path:
    raw = tmp_path / "raw"
    config = DataConfig(dataset=dataset, source=source)
    download(config, raw, images=tmp_path / "images", home=tmp_path, cache=tmp_path / "cache")
    return raw


def test_a_folder_as_source_relative_to_home(mirror: Path, tmp_path: Path) -> None:
    raw = fetch(tmp_path, "mirror")
    assert sorted(path.name for path in raw.rglob("*ubyte")) == FILES
    assert not (tmp_path / "cache").exists()
    decoded = decode(raw, tmp_path)
    assert [len(decoded.parts[part]) for part in ("train", "test")] == [60, 20]
    assert decoded.facts["name"] == "mnist" and len(decoded.classes) == 10


def test_stacks_are_made_of_the_digits_own_files(url: str, mirror: Path, tmp_path: Path) -> None:
    raw = fetch(tmp_path, url, "stacked-mnist")
    assert sorted(path.name for path in raw.rglob("*ubyte")) == FILES
    for path in mirror.glob("*.gz"):
        path.unlink()
    fetch(tmp_path, url)  # what was downloaded for the stacks serves the digits too
    decoded = decode(fetch(tmp_path, url, "stacked-mnist"), tmp_path)
    assert [len(decoded.parts[part]) for part in ("train", "test")] == [60, 20]
    assert decoded.facts["name"] == "stacked-mnist" and len(decoded.classes) == 1000
    assert (decoded.stacked, decoded.channels) == (3, 3)


def test_a_stack_of_embedded_digits_takes_no_source(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.source: stacked-mnist-5k comes from an installed package"):
        fetch(tmp_path, "mirror", "stacked-mnist-5k")


def test_the_catalogue_has_every_data_set_that_can_be_asked_for() -> None:
    assert set(get_args(DataConfig.model_fields["dataset"].annotation)) == set(DATASETS)
    assert {name for name, facts in DATASETS.items() if facts.channels == 3} == {
        "cifar10",
        "stacked-mnist-5k",
        "stacked-mnist",
        "images",
    }


def test_unpacked_files_serve_too(mirror: Path, tmp_path: Path) -> None:
    for path in list(mirror.glob("*.gz")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert len(list(fetch(tmp_path, "mirror").rglob("*ubyte"))) == 4


@pytest.mark.parametrize("damage", ["cut", "other", "bits", "unpacked and cut"])
def test_damaged_files_are_refused_by_name_and_nothing_is_left(damage: str, mirror: Path, tmp_path: Path) -> None:
    path = mirror / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "other":
        path.write_bytes(gzip.compress(b"something else"))
    elif damage == "bits":
        path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 255]) + whole[5001:])
    else:
        path.with_suffix("").write_bytes(gzip.decompress(whole)[:-1])
        path.unlink()
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.*(damaged|cut short).*run again"):
        fetch(tmp_path, "mirror")
    assert not list((tmp_path / "raw").rglob("train-images*"))
    assert not list((tmp_path / "raw").rglob("*partial*"))


def test_a_url_as_source_is_downloaded_once(url: str, mirror: Path, tmp_path: Path) -> None:
    fetch(tmp_path, url)
    for path in mirror.glob("*.gz"):
        path.unlink()
    assert len(list(fetch(tmp_path, url).rglob("*ubyte"))) == 4


def test_a_wrong_file_from_a_mirror_does_not_stay_in_the_cache(url: str, mirror: Path, tmp_path: Path) -> None:
    path = mirror / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(b"<html>please log in</html>")
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz: cut short or not a gzip file"):
        fetch(tmp_path, url)
    path.write_bytes(whole)
    assert len(list(fetch(tmp_path, url).rglob("*ubyte"))) == 4


def test_a_file_that_is_missing_on_the_mirror(
    url: str, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    (mirror / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(UserError, match=r"train-labels-idx1-ubyte\.gz: HTTP 404"):
        fetch(tmp_path, url)


def test_a_server_that_fails_twice_is_asked_again(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_without_network_one_message_names_three_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    with pytest.raises(UserError) as caught:
        fetch(tmp_path, "http://127.0.0.1:9")
    text = str(caught.value)
    assert "\n" not in text
    for way in ("(1) set data.source", "(2) put", "(3) use a data set that needs no network", str(tmp_path / "cache")):
        assert way in text


@pytest.mark.parametrize("dataset", ["mnist", "fashion-mnist", "kmnist", "usps", "cifar10"])
def test_every_remote_data_set_has_files_places_and_hashes(dataset: str) -> None:
    files = module._remote_files(dataset)
    assert files
    for file in files:
        assert file.folders and all(folder.startswith("http") and folder.endswith("/") for folder in file.folders)
        assert len(file.md5) == 32
        assert dataset != "mnist" or len(file.unpacked_sha256 or "") == 64


def test_a_wrong_archive_of_another_data_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "usps.bz2").write_bytes(b"not it")
    with pytest.raises(UserError, match=r"usps\.bz2: damaged or not usps's file"):
        fetch(tmp_path, "mirror", "usps")


@pytest.mark.parametrize(("dataset", "count", "side"), [("mnist-5k", 5000, 28), ("digits", 1797, 8)])
def test_embedded_data_sets(dataset: str, count: int, side: int, tmp_path: Path) -> None:
    decoded = decode(fetch(tmp_path, None, dataset), tmp_path)
    part = decoded.parts["all"]
    assert part.pictures.shape == (count, side, side)  # type: ignore[union-attr]
    assert part.pictures.min() == 0 and part.pictures.max() == 255  # type: ignore[union-attr]
    assert set(part.labels.tolist()) == set(range(10))
    assert json.loads((tmp_path / "raw/dataset.json").read_text())["licence"]


def test_odd_names_links_and_other_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    names = ["tab\there.png", "line\nbreak.png", "ünï\u2028.png", "space .png"]
    for name in names:
        Image.new("L", (4, 4)).save(elsewhere / name)
    (elsewhere / "phone.heic").write_bytes(b"x")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "cats").symlink_to(elsewhere)
    decoded = decode(fetch(tmp_path, None, "images"), tmp_path / "images")
    found = decoded.parts["all"].pictures
    assert isinstance(found, list)
    assert {path.name for path in found} == set(names) and all(path.is_file() for path in found)
    assert decoded.classes == ["cats"]
    assert "left out: 1 .heic" in capsys.readouterr().out


def test_own_pictures_are_listed_with_their_hashes(tmp_path: Path) -> None:
    for name in ("b/2.png", "a/1.PNG", "a/.hidden.png", "a/notes.txt"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(path, format="png")
    raw = fetch(tmp_path, None, "images")
    lines = json.loads((raw / "pictures.json").read_text())
    assert [name for name, _ in lines] == ["a/1.PNG", "b/2.png"]
    assert lines[0][1] == hashlib.sha256((tmp_path / "images/a/1.PNG").read_bytes()).hexdigest()
    decoded = decode(raw, tmp_path / "images")
    assert decoded.classes == ["a", "b"] and decoded.parts["all"].labels.tolist() == [0, 1]
