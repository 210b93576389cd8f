"""Same parameters, same bytes; and what an interrupted run leaves."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Project, stop

RESULTS = [
    "models/*.safetensors",
    "reports/frames/*",
    "reports/history.tsv",
    "reports/metrics.json",
    "data/*.safetensors",
]


def results(project: Project) -> dict[str, bytes]:
    paths = [path for pattern in RESULTS for path in project.path.glob(pattern)]
    assert len(paths) > 8
    return {path.relative_to(project.path).as_posix(): path.read_bytes() for path in paths}


def test_two_runs_give_the_same_bytes(finished: Project, make_project: Callable[[str], Project]) -> None:
    again = make_project("again")
    assert again.repro("train") == ["download", "prepare", "train"]
    assert results(again) == results(finished)


def wait_for(there: Callable[[], bool]) -> None:
    for _ in range(600):
        if there():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come")


def test_ctrl_c_fails_the_stage_and_the_next_run_goes_on(make_project: Callable[[str], Project]) -> None:
    whole, stopped = make_project("whole"), make_project("stopped")
    for project in (whole, stopped):
        project.set(train__epochs=60)
    assert whole.repro("train")[-1] == "train"

    process = stopped.start("dvc", "repro", "train")
    wait_for(lambda: len(list(stopped.path.glob("reports/frames/*"))) > 4)
    stop(process, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "train: interrupted" in output
    assert not list(stopped.path.glob("models/*.safetensors"))
    assert len(list(stopped.path.glob(".checkpoints/*/step-*.pt"))) == 1

    assert "train: resumed at epoch" in stopped.dvc("repro", "train")
    assert results(stopped) == results(whole)


def test_more_epochs_continue_and_equal_a_fresh_longer_run(
    finished: Project, make_project: Callable[[str], Project]
) -> None:
    fresh = make_project("fresh")
    for project in (finished, fresh):
        project.set(train__epochs=5)
    assert "train: resumed at epoch 3, iteration 46" in finished.dvc("repro", "train")
    fresh.repro("train")
    assert results(finished) == results(fresh)


def test_a_changed_setting_starts_afresh(finished: Project) -> None:
    finished.set(train__lr=5e-4, train__epochs=3)
    assert "resumed" not in finished.dvc("repro", "train")


def test_a_second_trainer_of_the_same_run_is_refused(make_project: Callable[[str], Project]) -> None:
    project = make_project("project")
    project.set(train__epochs=1000)
    project.repro("prepare")
    first = project.start("python", "-m", "stages.train")
    wait_for(lambda: bool(list(project.path.glob(".checkpoints/*/holder.json"))))
    second = project.python("-m", "stages.train")
    stop(first, signal.SIGTERM)
    first.communicate(timeout=60)
    assert first.returncode not in (0, None)
    assert second.returncode == 1
    assert f"process {first.pid} is training this very run" in second.stderr


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(finished: Project) -> None:
    [newest] = list(Path(finished.path).glob(".checkpoints/*/step-*.pt"))
    torn = newest.with_name("step-000000050.pt")
    torn.write_bytes(newest.read_bytes()[:1000])
    finished.set(train__epochs=3)
    output = finished.dvc("repro", "train")
    assert f"{torn.name} is damaged" in output
    assert "resumed at epoch 3, iteration 46" in output
