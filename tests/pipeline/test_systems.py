"""Every system through the whole pipeline, one parameter away."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from gan.data.dataset import ImageDataset
from gan.generate import generate
from gan.io import read_metadata
from tests.conftest import STAGES, Project

EIGHT: dict[str, Any] = {"model__base_channels": 4, "train__epochs": 1, "train__batch_size": 32}


def metrics(project: Project) -> dict[str, float]:
    found: dict[str, float] = json.loads((project.path / "reports/evaluation.json").read_text())
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {"train__loss": "wgan-gp", "train__epochs": 1},
        {"model__architecture": "dcgan", "train__loss": "relativistic", **EIGHT},
    ],
    ids=["wgan-gp", "dcgan"],
)
def test_a_system_is_a_parameter_away(make_project: Callable[[], Project], changes: dict[str, Any]) -> None:
    project = make_project()
    project.set(**changes)
    assert project.repro() == STAGES
    metadata = read_metadata(project.path / "models/generator.safetensors")
    assert metadata["recipe"]["loss"] == changes["train__loss"]
    assert "penalty" in json.loads((project.path / "reports/metrics.json").read_text())
    page = (project.path / "reports/index.html").read_text()
    assert "What auto came to" in page
    assert project.repro() == []


def test_a_conditional_stylegan_draws_the_class_asked_for(make_project: Callable[[], Project]) -> None:
    project = make_project()
    project.set(model__architecture="stylegan", model__conditional=True, **EIGHT)
    assert project.repro() == STAGES
    assert {"gan_test", "gan_train"} <= metrics(project).keys()
    card = yaml.safe_load((project.path / "models/README.md").read_text().split("---\n")[1])
    assert {"class-conditional", "stylegan"} <= set(card["tags"]) and card["datasets"] == ["digits"]
    (result,) = card["model-index"][0]["results"]
    figures = {row["type"]: row["value"] for row in result["metrics"]}
    assert figures["gan_test"] == metrics(project)["gan_test"] and figures["coverage"] == metrics(project)["coverage"]
    extras = project.path / "reports/extras"
    assert {path.name for path in extras.glob("*.png")} == {"style_mixing.png", "truncation.png"}
    model = project.path / "models/generator.safetensors"
    sevens, zeros = generate(model, 3, label=7), generate(model, 3, label="0")
    assert sevens.shape == (3, 1, 8, 8) and not np.array_equal(sevens, zeros)
    mean = generate(model, 3, label=7, truncation=0)
    assert np.array_equal(mean[0], mean[2]) and not np.array_equal(sevens[0], sevens[2])


def test_two_sets_of_pictures_are_translated(make_project: Callable[[], Project], tmp_path: Path) -> None:
    project = make_project()
    rng = np.random.default_rng(0)
    for label in ("0", "1"):  # an own pair of folders
        for folder, shade in (("images", 60), ("target_images", 190)):
            (project.path / "data" / folder / label).mkdir(parents=True)
            for i in range(30):
                picture = rng.integers(0, 60, (16, 16)) + shade * int(label)
                Image.fromarray(picture.astype(np.uint8)).save(project.path / "data" / folder / label / f"{i}.png")
    project.set(data__dataset="images", data__target="images", prepare__image_size=16, model__blocks=1, **EIGHT)
    project.set(model__architecture="cyclegan", train__batch_size=4, evaluate__samples=100, prepare__target_border=0.25)
    assert project.repro() == STAGES
    bordered, other = (project.path / "data" / name for name in ("target/prepared.safetensors", "prepared.safetensors"))
    assert not ImageDataset.load(bordered).train.images[:, :, :2].any()
    assert ImageDataset.load(other).train.images[:, :, :2].any()
    assert {"kept_there", "kept_back", "untranslated_there", "cycle_error", "frechet_ratio"} <= metrics(project).keys()
    assert [path.name for path in (project.path / "reports/extras").glob("*.png")] == ["back.png"]
    assert "untranslated" not in (project.path / "models/README.md").read_text()  # a control is no figure of the model
    for name in ("classifier", "extras/target_classifier"):  # each is to read the other set's hand
        assert read_metadata(project.path / f"models/{name}.safetensors")["distortion"] == "strong"
    source, out = project.path / "data/images/1", tmp_path / "translated"
    done = project.python("-m", "gan.translate", "models/generator.safetensors", str(source), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert len(list(out.iterdir())) == 30
    assert Image.open(out / "0.png").size == (16, 16)
    done = project.python("-m", "gan.generate", "models/generator.safetensors")
    assert done.returncode == 1 and "translates images; use `python -m gan.translate`" in done.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model__architecture": "cyclegan"}, "data.target: model.architecture cyclegan translates to a second set"),
        ({"train__loss": "wgan-gp", "model__minibatch_discrimination": True}, "train.gradient_penalty: it bounds"),
        ({"model__architecture": "stylegan", "train__batch_size": 30}, "train.batch_size: 30 is not a multiple of 4"),
        (
            {"train__loss": "wgan-gp", "model__architecture": "dcgan", "model__discriminator_norm": "batch"},
            "train.grad",
        ),
        (
            {"model__architecture": "cyclegan", "model__conditional": True},
            "model.conditional: model.architecture cyclegan has",
        ),
    ],
)
def test_impossible_systems_are_refused_before_any_work(finished: Project, changes: dict[str, Any], said: str) -> None:
    finished.set(**changes)
    done = finished.python("-m", "stages.train")
    assert done.returncode == 1
    assert done.stderr.startswith(f"train: {said}")
    assert done.stderr.count("\n") == 1
