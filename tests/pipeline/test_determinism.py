"""Same parameters, same bytes; and what an interrupted run leaves."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project, stop

RESULTS = [
    "models/*.safetensors",
    "models/snapshots/*",
    "reports/frames/*",
    "reports/history.tsv",
    "reports/metrics.json",
    "reports/evaluation*.json",
    "reports/quality.tsv",
    "data/*.safetensors",
]


def results(project: Project) -> dict[str, bytes]:
    paths = [path for pattern in RESULTS for path in project.path.glob(pattern)]
    assert len(paths) > 8
    return {path.relative_to(project.path).as_posix(): path.read_bytes() for path in paths}


def test_two_runs_give_the_same_bytes(finished: Project, make_project: Callable[[str], Project]) -> None:
    again = make_project("again")
    assert again.repro("evaluate") == ["download", "prepare", "train", "classifier", "evaluate"]
    assert results(again) == results(finished)


def wait_for(there: Callable[[], bool]) -> None:
    for _ in range(600):
        if there():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come")


@pytest.mark.parametrize("threads", [1, 2])  # with two, a perceptron is trained by a pair of processes
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_stage_fails_and_the_next_run_goes_on(
    number: signal.Signals, threads: int, make_project: Callable[[str], Project]
) -> None:
    whole, stopped = make_project("whole"), make_project("stopped")
    for project in (whole, stopped):
        project.set(train__epochs=60, runtime__threads=threads)
    assert whole.repro("train")[-1] == "train"
    stopped.repro("prepare")

    with stopped.running("python", "-m", "stages.train") as process:
        wait_for(lambda: len(list(stopped.path.glob("reports/frames/*"))) > 4)
        stop(process, number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "train: interrupted" in output
    assert not list(stopped.path.glob("models/*.safetensors"))
    assert len(list(stopped.path.glob(".checkpoints/*/step-*.pt"))) == 1

    assert "train: resumed at epoch" in stopped.dvc("repro", "train")
    assert results(stopped) == results(whole)


def test_ctrl_c_on_dvc_leaves_the_stage_to_be_run_again(make_project: Callable[[str], Project]) -> None:
    project = make_project("project")
    project.set(train__epochs=1000)
    with project.running("dvc", "repro", "train") as process:
        wait_for(lambda: len(list(project.path.glob("reports/frames/*"))) > 4)
        stop(process, signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "train: interrupted" in output
    project.set(train__epochs=3)
    assert project.repro("train") == ["train"]


def test_more_epochs_continue_and_equal_a_fresh_longer_run(
    finished: Project, make_project: Callable[[str], Project]
) -> None:
    fresh = make_project("fresh")
    for project in (finished, fresh):
        project.set(train__epochs=5)
    assert "train: resumed at epoch 3, iteration 46" in finished.dvc("repro", "evaluate")
    fresh.repro("evaluate")
    assert results(finished) == results(fresh)


def test_a_changed_setting_or_code_starts_afresh(finished: Project) -> None:
    finished.set(train__lr=5e-4, train__epochs=3)
    assert "resumed" not in finished.dvc("repro", "train")
    path = finished.path / "gan/training/losses.py"
    path.write_text(path.read_text() + "\n# a remark\n")
    finished.set(train__epochs=4)
    assert "resumed" not in finished.dvc("repro", "train")
    finished.set(train__epochs=5)
    assert "resumed at epoch 5" in finished.dvc("repro", "train")


def test_a_run_in_a_temporary_copy_goes_on_from_the_checkpoints_of_the_project(finished: Project) -> None:
    assert "resumed at epoch 3, iteration 46" in finished.dvc("exp", "run", "--temp", "-S", "train.epochs=3")


def test_a_second_trainer_in_the_same_folder_is_refused(make_project: Callable[[str], Project]) -> None:
    project = make_project("project")
    project.set(train__epochs=1000)
    project.repro("prepare")
    with project.running("python", "-m", "stages.train") as first:
        wait_for(lambda: bool(list(project.path.glob("reports/frames/*"))))
        project.set(train__lr=0.01)
        second = project.python("-m", "stages.train")
    assert second.returncode == 1
    assert f"process {first.pid} is training in this folder" in second.stderr


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(finished: Project) -> None:
    [newest] = list(Path(finished.path).glob(".checkpoints/*/step-*.pt"))
    torn = newest.with_name("step-000000050.pt")
    torn.write_bytes(newest.read_bytes()[:1000])
    finished.set(train__epochs=3)
    output = finished.dvc("repro", "train")
    assert f"{torn.name} is damaged" in output
    assert "resumed at epoch 3, iteration 46" in output
