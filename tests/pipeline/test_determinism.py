"""Same parameters, same bytes, also after an interruption."""

import signal
from collections.abc import Callable

from tests.conftest import Project, signal_group, wait_until

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
    """Contents of the results, by path."""
    paths = [path for pattern in RESULTS for path in project.path.glob(pattern)]
    assert len(paths) > 8
    return {path.relative_to(project.path).as_posix(): path.read_bytes() for path in paths}


def num_frames(project: Project) -> int:
    return len(list(project.path.glob("reports/frames/*.png")))


def test_more_epochs_resume_and_give_the_bytes_of_a_fresh_run(
    finished: Project, make_project: Callable[..., Project]
) -> None:
    finished.set(train__epochs=5)
    assert "train: resumed at epoch 3, iteration 46" in finished.dvc("repro", "evaluate")
    fresh = make_project("fresh", train__epochs=5)
    fresh.run_stages("download", "prepare", "train", "classifier", "evaluate")
    assert results(finished) == results(fresh)


def test_interrupted_training_fails_and_resumes_to_the_same_bytes(make_prepared: Callable[..., Project]) -> None:
    uninterrupted, interrupted = (make_prepared(name, train__epochs=50) for name in ("uninterrupted", "interrupted"))
    uninterrupted.run_stages("train")
    for number in (signal.SIGINT, signal.SIGTERM):
        frames_before = num_frames(interrupted)
        with interrupted.running("python", "-m", "stages.train") as process:
            wait_until(lambda before=frames_before: num_frames(interrupted) > before + 4, process)  # type: ignore[misc]
            signal_group(process, number)
            output, _ = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "train: interrupted" in output
        assert ("train: resumed at epoch" in output) == (frames_before > 0)
        assert not list(interrupted.path.glob("models/*.safetensors"))
        assert list(interrupted.path.glob(".checkpoints/*/step-*.pt"))
    assert "train: resumed at epoch" in interrupted.run_stages("train")
    assert results(interrupted) == results(uninterrupted)


def test_a_stage_that_ctrl_c_stopped_runs_again(finished: Project) -> None:
    finished.set(train__epochs=1000)
    with finished.running("dvc", "repro", "train") as process:
        wait_until(lambda: num_frames(finished) > 10, process)
        signal_group(process, signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "train: interrupted" in output
    finished.set(train__epochs=3)
    assert finished.repro("train") == ["train"]


def test_changed_config_or_code_starts_from_the_beginning(finished: Project) -> None:
    finished.set(train__lr=5e-4, train__epochs=3)
    assert "resumed" not in finished.run_stages("train")
    path = finished.path / "gan/training/losses.py"
    path.write_text(path.read_text() + "\n# a comment\n")
    finished.set(train__epochs=4)
    assert "resumed" not in finished.run_stages("train")
    finished.set(train__epochs=5)
    assert "resumed at epoch 5" in finished.run_stages("train")
