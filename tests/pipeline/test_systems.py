"""Systems other than the tutorial's run in the pipeline with changed parameters only."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from gan.data.dataset import ImageDataset
from gan.generate import generate
from gan.io import read_metadata
from tests.conftest import STAGES, Project

SMALL: dict[str, Any] = {"model__base_channels": 4, "train__epochs": 1, "train__batch_size": 32}
AFTER_PREPARE = ("train", "sample", "evaluate", "animate", "report")  # the classifier does not depend on the system


def metrics(project: Project) -> dict[str, float]:
    values: dict[str, float] = json.loads((project.path / "reports/evaluation.json").read_text())
    return values


def test_a_relativistic_dcgan(finished: Project) -> None:
    finished.set(model__architecture="dcgan", train__loss="relativistic", **SMALL)
    finished.run_stages(*AFTER_PREPARE)
    metadata = read_metadata(finished.path / "models/generator.safetensors")
    assert metadata["hparams"]["loss"] == "relativistic"
    assert metadata["hparams"]["r1"] > 0
    assert "penalty" in json.loads((finished.path / "reports/metrics.json").read_text())
    assert "Values used for <code>auto</code>" in (finished.path / "reports/index.html").read_text()


def test_a_conditional_stylegan(finished: Project) -> None:
    finished.set(model__architecture="stylegan", model__conditional=True, **SMALL)
    finished.run_stages(*AFTER_PREPARE)
    assert {"gan_test", "gan_train"} <= metrics(finished).keys()
    card = yaml.safe_load((finished.path / "models/README.md").read_text().split("---\n")[1])
    assert {"class-conditional", "stylegan"} <= set(card["tags"])
    assert card["datasets"] == ["digits"]
    (result,) = card["model-index"][0]["results"]
    card_metrics = {row["type"]: row["value"] for row in result["metrics"]}
    assert card_metrics["gan_test"] == metrics(finished)["gan_test"]
    assert card_metrics["coverage"] == metrics(finished)["coverage"]
    extras = finished.path / "reports/extras"
    assert {path.name for path in extras.glob("*.png")} == {"style_mixing.png", "truncation.png"}

    model = finished.path / "models/generator.safetensors"
    sevens = generate(model, 3, label=7)
    zeros = generate(model, 3, label="0")
    assert sevens.shape == (3, 1, 8, 8)
    assert not np.array_equal(sevens, zeros)
    truncated = generate(model, 3, label=7, truncation=0)
    assert np.array_equal(truncated[0], truncated[2])
    assert not np.array_equal(sevens[0], sevens[2])


def test_images_without_labels_that_are_not_square(make_project: Callable[..., Project]) -> None:
    project = make_project(data__dataset="images", prepare__image_size=[8, 9], evaluate__features="classifier")
    for i in range(20):
        Image.new("L", (12, 10), 12 * i).save(project.path / f"data/images/{i}.png")
    output = project.run_stages(*STAGES)
    assert "images of 3×8×9" in output
    assert read_metadata(project.path / "models/classifier.safetensors")["task"] == "rotations"
    assert metrics(project)["frechet_ratio"] > 0


def test_a_cyclegan_between_two_folders_of_images(make_project: Callable[..., Project], tmp_path: Path) -> None:
    project = make_project()
    rng = np.random.default_rng(0)
    for folder, brightness in (("images", 60), ("target_images", 190)):
        for label in (0, 1):
            directory = project.path / "data" / folder / str(label)
            directory.mkdir(parents=True)
            for i in range(30):
                pixels = rng.integers(0, 60, (16, 16)) + brightness * label
                Image.fromarray(pixels.astype(np.uint8)).save(directory / f"{i}.png")
    project.set(data__dataset="images", data__target="images", prepare__image_size=16, prepare__target_border=0.25)
    project.set(model__architecture="cyclegan", model__residual_blocks=1, **SMALL)
    project.set(train__batch_size=4, evaluate__samples=100)
    assert project.repro() == STAGES
    assert project.repro() == []

    source = ImageDataset.load(project.path / "data/prepared.safetensors")
    target = ImageDataset.load(project.path / "data/target/prepared.safetensors")
    assert source.train.images[:, :, :2].any()
    assert not target.train.images[:, :, :2].any()  # the border
    expected = {"class_accuracy_ab", "class_accuracy_ba", "baseline_accuracy_ab", "cycle_error", "frechet_ratio"}
    assert expected <= metrics(project).keys()
    assert [path.name for path in (project.path / "reports/extras").glob("*.png")] == ["reverse.png"]
    # The baselines are metrics of the data, not of the model.
    assert "baseline_accuracy" not in (project.path / "models/README.md").read_text()
    for name in ("classifier", "extras/target_classifier"):  # each also classifies translations of the other dataset
        assert read_metadata(project.path / f"models/{name}.safetensors")["augmentation"] == "strong"

    images = project.path / "data/images/1"
    out = tmp_path / "translated"
    result = project.python("-m", "gan.translate", "models/generator.safetensors", str(images), "--out", str(out))
    assert result.returncode == 0, result.stderr
    assert len(list(out.iterdir())) == 30
    assert Image.open(out / "0.png").size == (16, 16)
    result = project.python("-m", "gan.generate", "models/generator.safetensors")
    assert result.returncode == 1
    assert "use `python -m gan.translate`" in result.stderr

    for folder in ("images", "target_images"):
        Image.new("L", (16, 16), 255).save(project.path / "data" / folder / "1/0.png")
        assert project.repro("prepare") == ["download", "prepare"]
