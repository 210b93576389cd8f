"""Bad input: one clear line, a non-zero exit status, and the earlier results can be restored."""

import hashlib
import importlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import stages.download
import stages.train
from gan.config import UserError
from tests.conftest import ROOT, Project, set_parameters, tiny_parameters

# A stage, parameters, and words of the message.
INVALID_PARAMETERS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("train", {"train__epoch": 3}, ["params.yaml: train.epoch", "did you mean train.epochs?"]),
    ("train", {"train__epochs": "ten"}, ["params.yaml: train.epochs: 'ten'", "valid integer"]),
    ("train", {"train__epochs": 0}, ["params.yaml: train.epochs: 0", "greater than or equal to 1"]),
    ("train", {"train__lr": -1e-4}, ["train.lr: -0.0001", "greater than 0"]),
    ("train", {"train__loss": "hinged"}, ["train.loss: 'hinged'", "'non-saturating', 'saturating'", "'hinge'"]),
    ("train", {"model__architecture": "transformer"}, ["model.architecture: 'transformer'", "'mlp'"]),
    ("train", {"model__blocks": 3}, ["params.yaml: model.blocks", "model.residual_blocks"]),
    ("train", {"runtime__device": "tpu"}, ["runtime.device: 'tpu'", "'cuda'"]),
    ("train", {"runtime__threads": 0}, ["runtime.threads: 0", "greater than or equal to 1"]),
    ("classifier", {"classifier__distortion": "mild"}, ["classifier.distortion", "classifier.augmentation"]),
    ("download", {"data__dataset": "mnits"}, ["data.dataset: 'mnits'", "'mnist-5k', 'mnist'"]),
    ("download", {"data__source": "../elsewhere"}, ["data.source", "digits"]),
    ("download", {"data__dataset": "mnist", "data__source": "../elsewhere"}, ["data.source", "train-images-idx3"]),
    ("download", {"data__dataset": "images"}, ["data/images", "png"]),
    ("download", {"data__dataset": "usps", "data__source": "~nobody.here/x"}, ["data.source", "usps.bz2"]),
    ("prepare", {"prepare__image_size": 2}, ["prepare.image_size: 2", "greater than or equal to 4"]),
    ("prepare", {"prepare__image_size": [28, 2000]}, ["prepare.image_size: ", "less than or equal to 1024"]),
    ("prepare", {"prepare__channels": 2}, ["prepare.channels: 2", "'auto', 1 or 3"]),
    ("animate", {"animate__scale": 0.5}, ["animate.scale: 0.5", "valid integer"]),
]
INCOMPATIBLE_PARAMETERS: list[tuple[dict[str, Any], str]] = [
    ({"model__architecture": "cyclegan"}, "data.target: "),
    ({"model__architecture": "stylegan", "train__batch_size": 30}, "train.batch_size: 30 is not a multiple of 4"),
    ({"train__loss": "wgan-gp", "model__minibatch_discrimination": True}, "train.gradient_penalty: "),
    (
        {"train__loss": "wgan-gp", "model__architecture": "dcgan", "model__discriminator_norm": "batch"},
        "train.gradient_penalty: ",
    ),
]


@pytest.fixture
def folder(tmp_path: Path, prepared_digits: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: TINY parameters, prepared data, an empty image folder."""
    (tmp_path / "data/images").mkdir(parents=True)
    shutil.copyfile(prepared_digits, tmp_path / "data/prepared.safetensors")
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    set_parameters(tmp_path / "params.yaml", **tiny_parameters())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stages.download, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(stages.download, "CACHE", tmp_path / ".cache")
    monkeypatch.setattr(stages.train, "PROJECT_ROOT", tmp_path)
    return tmp_path


def error_line(stage: str) -> str:
    """Run a stage in this process. Returns the text of its error, which is one line."""
    with pytest.raises(UserError) as error:
        importlib.import_module(f"stages.{stage}").main()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(("stage", "changes", "words"), INVALID_PARAMETERS, ids=lambda value: str(value)[:40])
def test_an_invalid_parameter_gives_one_line(
    stage: str, changes: dict[str, Any], words: list[str], folder: Path
) -> None:
    set_parameters(folder / "params.yaml", **changes)
    line = error_line(stage)
    for word in words:
        assert word in line


@pytest.mark.parametrize(("changes", "start"), INCOMPATIBLE_PARAMETERS, ids=lambda value: str(value)[:40])
def test_incompatible_parameters_are_refused_before_training(changes: dict[str, Any], start: str, folder: Path) -> None:
    set_parameters(folder / "params.yaml", **changes)
    assert error_line("train").startswith(start)
    assert not list(folder.glob("models/*"))


@pytest.mark.parametrize("text", ["train: [", "train", "", "model: {}"])
def test_a_params_file_without_sections_gives_one_line(text: str, folder: Path) -> None:
    (folder / "params.yaml").write_text(text)
    assert error_line("animate").startswith("params.yaml: ")


def test_the_error_for_a_missing_input_names_the_command_that_creates_it(folder: Path) -> None:
    (folder / "data/prepared.safetensors").unlink()
    assert "data/prepared.safetensors: no such file; `dvc repro`" in error_line("train")


def test_a_text_file_named_png_is_skipped_and_is_an_error_if_there_is_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "data/images/words.png").write_text("these are words")
    set_parameters(folder / "params.yaml", data__dataset="images")
    stages.download.main()
    assert "data/images/words.png: " in error_line("prepare")
    for i in range(6):
        Image.new("L", (9, 9), 40 * i).save(folder / f"data/images/{i}.png")
    stages.download.main()
    importlib.import_module("stages.prepare").main()
    output = capsys.readouterr()
    assert "data/images/words.png: " in output.err
    assert "1 skipped" in output.out


def digests(project: Project) -> dict[str, str]:
    paths = [*project.path.glob("models/*"), *project.path.glob("reports/**/*")]
    paths = [path for path in paths if path.is_file() and "timings" not in path.parts]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_results_can_be_restored_after_a_failure(finished: Project) -> None:
    committed = digests(finished)
    finished.set(train__log_every=7)
    assert finished.repro() == ["train", "report"]
    uncommitted = digests(finished)

    finished.set(train__epochs=-1)
    output = finished.dvc("repro", status=255)
    assert "train: params.yaml: train.epochs: -1 is not allowed" in output
    assert "Traceback" not in output
    assert digests(finished) != uncommitted

    finished.set(train__epochs=2)
    assert finished.repro() == [], "DVC restores the results from its run-cache"
    assert digests(finished) == uncommitted

    finished.set(train__epochs=-1)
    finished.dvc("repro", status=255)
    finished.git("checkout", "--quiet", "params.yaml", "dvc.lock", "reports")
    finished.dvc("checkout")
    assert digests(finished) == committed
    assert finished.repro() == []
