"""Real `dvc repro`: a change reruns exactly what depends on it."""

from typing import Any

import pytest

from tests.conftest import Project

AFTER_TRAIN = ["sample", "evaluate", "animate", "report"]
AFTER_PREPARE = ["train", "classifier", *AFTER_TRAIN]
# parameter, new value, the stages that run
TABLE: list[tuple[str, Any, list[str]]] = [
    ("data__dataset", "mnist-5k", ["download", "prepare", *AFTER_PREPARE]),
    ("prepare__seed", 1, ["prepare", *AFTER_PREPARE]),
    ("prepare__image_size", [8, 9], ["prepare", *AFTER_PREPARE]),
    ("model__latent_dim", 9, ["train", *AFTER_TRAIN]),
    ("train__epochs", 3, ["train", *AFTER_TRAIN]),
    ("train__lr_decay", 0.5, ["train", *AFTER_TRAIN]),
    ("train__ema", 0.8, ["train", *AFTER_TRAIN]),
    # the weights come out the same, so sampling has nothing to do
    ("train__frame_every", 20, ["train", "animate", "report"]),
    ("train__log_every", 7, ["train", "report"]),
    ("sample__weights", "raw", ["sample", "report"]),
    ("sample__grid_rows", 3, ["sample", "report"]),
    ("classifier__epochs", 2, ["classifier", "evaluate", "report"]),
    ("classifier__distortion", "strong", ["classifier", "evaluate", "report"]),
    ("evaluate__samples", 150, ["evaluate", "report"]),
    ("animate__frame_ms", 50, ["animate", "report"]),
    ("animate__scale", 2, ["animate", "report"]),
    ("report__title", "Another title", ["report"]),
    ("runtime__threads", 2, []),
    ("runtime__checkpoint_seconds", 30, []),
]


@pytest.mark.parametrize(("key", "value", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_a_parameter_reruns_what_depends_on_it_and_its_old_value_is_restored(
    key: str, value: Any, expected: list[str], finished: Project
) -> None:
    before = (finished.path / "params.yaml").read_text()
    pictures = {path: path.read_bytes() for path in (finished.path / "reports").glob("*.png")}
    finished.set(**{key: value})
    assert finished.repro() == expected
    (finished.path / "params.yaml").write_text(before)
    assert finished.repro() == [], "the old value should come from the run-cache"
    assert {path: path.read_bytes() for path in pictures} == pictures


def test_a_second_run_has_nothing_to_do(finished: Project) -> None:
    assert "Data and pipelines are up to date." in finished.dvc("repro")


def test_editing_the_gif_code_does_not_train_again(finished: Project) -> None:
    path = finished.path / "gan" / "figures" / "animation.py"
    path.write_text(path.read_text() + "\n# a remark\n")
    assert finished.repro() == ["animate"]  # the GIF comes out the same, so the report has nothing to do


def test_editing_ones_picture_reruns(finished: Project) -> None:
    from PIL import Image

    folder = finished.path / "data" / "images"
    for i in range(20):
        Image.new("L", (12, 10), 12 * i).save(folder / f"{i}.png")
    finished.set(data__dataset="images")
    assert finished.repro()[:3] == ["download", "prepare", "train"]
    assert finished.repro() == []
    Image.new("L", (12, 10), 255).save(folder / "0.png")
    assert finished.repro()[:3] == ["download", "prepare", "train"]
