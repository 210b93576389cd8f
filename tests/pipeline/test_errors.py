"""Bad input: one clear line, a non-zero exit, and the earlier results still to be had."""

import hashlib
from typing import Any

import pytest
from PIL import Image

from tests.conftest import Project
from tests.pipeline.test_experiments import small_mnist

# stage, parameters, what the line must say
MISTAKES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("train", {"train__epoch": 3}, ["params.yaml: train.epoch", "did you mean train.epochs?"]),
    ("train", {"train__epochs": "ten"}, ["params.yaml: train.epochs: 'ten'", "valid integer"]),
    ("train", {"train__epochs": 0}, ["params.yaml: train.epochs: 0", "greater than or equal to 1"]),
    ("train", {"train__lr": -1e-4}, ["train.lr: -0.0001", "greater than 0"]),
    ("train", {"train__loss": "hinged"}, ["train.loss: 'hinged'", "'non-saturating', 'saturating'", "'hinge'"]),
    ("train", {"model__architecture": "transformer"}, ["model.architecture: 'transformer'", "'mlp'"]),
    ("train", {"runtime__device": "tpu"}, ["runtime.device: 'tpu'", "'cuda'"]),
    ("download", {"data__dataset": "mnits"}, ["data.dataset: 'mnits'", "'mnist-5k', 'mnist'"]),
    ("download", {"data__source": "../elsewhere"}, ["data.source", "has no source"]),
    ("download", {"data__dataset": "mnist", "data__source": "../elsewhere"}, ["data.source", "train-images-idx3"]),
    ("download", {"data__dataset": "images"}, ["data/images: contains no images", "png"]),
    ("prepare", {"prepare__image_size": 2}, ["prepare.image_size: 2", "greater than or equal to 4"]),
    ("prepare", {"prepare__image_size": [28, 2000]}, ["prepare.image_size: ", "less than or equal to 1024"]),
    ("train", {"runtime__threads": 0}, ["runtime.threads: 0", "greater than or equal to 1"]),
    ("download", {"data__dataset": "usps", "data__source": "http://[bad"}, ["usps could not be downloaded"]),
    ("download", {"data__dataset": "usps", "data__source": "~nobody.here/x"}, ["data.source", "has no usps.bz2"]),
    ("prepare", {"prepare__channels": 2}, ["prepare.channels: 2", "'auto', 1 or 3"]),
    ("animate", {"animate__scale": 0.5}, ["animate.scale: 0.5", "valid integer"]),
]


@pytest.mark.parametrize(("stage", "changes", "words"), MISTAKES, ids=lambda v: str(v)[:40])
def test_a_mistake_gets_one_line(stage: str, changes: dict[str, Any], words: list[str], finished: Project) -> None:
    finished.set(**changes)
    done = finished.python("-m", f"stages.{stage}")
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert line.startswith(f"{stage}: ")
    for word in words:
        assert word in line


def test_a_size_that_the_architecture_cannot_make(finished: Project) -> None:
    finished.set(prepare__image_size=200)
    output = finished.dvc("repro", status=255)
    assert "train: prepare.image_size: model.architecture mlp draws pictures of up to 128 pixels a side" in output


def digests(project: Project) -> dict[str, str]:
    paths = [*project.path.glob("models/*"), *project.path.glob("reports/**/*")]
    paths = [path for path in paths if path.is_file() and "timings" not in path.parts]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_earlier_results_come_back_after_a_failure(finished: Project) -> None:
    before = digests(finished)
    finished.set(train__epochs=-1)
    finished.dvc("repro", status=255)
    assert digests(finished) != before
    finished.git("checkout", "--quiet", "params.yaml", "reports")
    finished.dvc("checkout")
    assert digests(finished) == before
    assert finished.repro() == []


def test_they_come_back_by_repro_too_also_when_git_does_not_know_them(finished: Project) -> None:
    finished.set(train__seed=5)
    finished.repro()
    before = digests(finished)
    finished.set(train__seed=-5)
    finished.dvc("repro", status=255)
    finished.set(train__seed=5)
    assert finished.repro() == []
    assert digests(finished) == before


def test_params_that_are_not_yaml(finished: Project) -> None:
    (finished.path / "params.yaml").write_text("train: [")
    done = finished.python("-m", "stages.train")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "params.yaml: cannot be read" in done.stderr


def test_a_missing_input_says_what_makes_it(finished: Project) -> None:
    (finished.path / "data/prepared.safetensors").unlink()
    done = finished.python("-m", "stages.train")
    assert done.returncode == 1
    assert "data/prepared.safetensors: no such file; `dvc repro`" in done.stderr


def test_a_text_file_named_png_is_named_and_fatal_only_when_there_is_nothing_else(finished: Project) -> None:
    folder = finished.path / "data/images"
    (folder / "words.png").write_text("these are words")
    finished.set(data__dataset="images")
    output = finished.dvc("repro", status=255)
    assert "prepare: none of the 1 images can be read; the first error: data/images/words.png: " in output
    assert "Traceback" not in output
    for i in range(6):
        Image.new("L", (9, 9), 40 * i).save(folder / f"{i}.png")
    output = finished.dvc("repro", "prepare")
    assert "prepare: image skipped, cannot be read: data/images/words.png: " in output
    assert "1 skipped" in output


def test_a_truncated_idx_file_is_refused_and_the_earlier_data_come_back(finished: Project) -> None:
    mirror = finished.path.parent / "mirror"
    small_mnist(mirror)  # whole files in MNIST's format, but not MNIST's contents
    finished.set(data__dataset="mnist", data__source="../mirror")
    assert "train-images-idx3-ubyte.gz: damaged or not the published file" in finished.dvc("repro", status=255)
    whole = (mirror / "train-images-idx3-ubyte.gz").read_bytes()
    (mirror / "train-images-idx3-ubyte.gz").write_bytes(whole[: len(whole) // 2])
    output = finished.dvc("repro", status=255)
    assert "train-images-idx3-ubyte.gz: incomplete or not a gzip file" in output
    assert "Traceback" not in output
    finished.git("checkout", "--quiet", "params.yaml")
    finished.dvc("checkout")
    assert finished.repro() == []
