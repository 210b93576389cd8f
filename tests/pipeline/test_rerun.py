"""Real `dvc repro`: a change reruns exactly the stages that depend on it."""

from typing import Any

from tests.conftest import Project

# A parameter, a new value, and the stages that run.
CHANGES: list[tuple[str, Any, list[str]]] = [
    ("runtime__checkpoint_seconds", 30, []),
    ("report__title", "Another title", ["report"]),
    ("animate__frame_ms", 50, ["animate", "report"]),
    ("classifier__augmentation", "strong", ["classifier", "evaluate", "report"]),
    ("sample__weights", "raw", ["sample", "report"]),
    # The weights stay the same, so the stages that only read them have nothing to do.
    ("train__log_every", 7, ["train", "report"]),
    ("train__frame_every", 20, ["train", "animate", "report"]),
]


def test_parameters_rerun_what_depends_on_them_and_old_values_restore_the_results(finished: Project) -> None:
    params = finished.path / "params.yaml"
    old_params = params.read_text()
    old_images = {path: path.read_bytes() for path in (finished.path / "reports").glob("*.png")}
    assert "Data and pipelines are up to date." in finished.dvc("repro")
    for name, value, stages in CHANGES:
        finished.set(**{name: value})
        assert finished.repro() == stages, name
    params.write_text(old_params)
    assert finished.repro() == [], "DVC restores the results from its run-cache"
    assert {path: path.read_bytes() for path in old_images} == old_images


def test_an_edit_of_the_gif_code_does_not_train_again(finished: Project) -> None:
    path = finished.path / "gan/plots/animation.py"
    path.write_text(path.read_text() + "\n# a comment\n")
    assert finished.repro() == ["animate"]  # the GIF stays the same, so the report has nothing to do
    path.write_text(path.read_text().replace('"white"', '"gray"'))
    assert finished.repro() == ["animate", "report"]
