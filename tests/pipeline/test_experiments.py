"""Real `dvc exp run`, queues and diffs."""

import csv
import json
import time

from tests.conftest import Project
from tests.data.small_mnist import write_small_mnist


def experiments(project: Project) -> list[dict[str, str]]:
    """Rows of `dvc exp show`."""
    return list(csv.DictReader(project.dvc("exp", "show", "--csv").splitlines()))


def wait_for_queue(project: Project, num_experiments: int) -> None:
    deadline = time.monotonic() + 150
    while (status := project.dvc("queue", "status")).count("Success") < num_experiments:
        assert "Failed" not in status, status + project.dvc("queue", "logs", status.split()[5])
        assert time.monotonic() < deadline, status
        time.sleep(1)


def test_an_experiment_and_its_diffs(finished: Project) -> None:
    finished.dvc("exp", "run", "-S", "train.epochs=3")
    assert json.loads((finished.path / "reports/metrics.json").read_text())["epochs_done"] == 3

    params = json.loads(finished.dvc("params", "diff", "--json"))["params.yaml"]
    assert list(params) == ["train.epochs"]
    assert (params["train.epochs"]["old"], params["train.epochs"]["new"]) == (2, 3)
    metrics = json.loads(finished.dvc("metrics", "diff", "--json"))["reports/metrics.json"]
    assert (metrics["epochs_done"]["old"], metrics["epochs_done"]["new"]) == (2, 3)

    finished.dvc("plots", "show")
    page = (finished.path / "dvc_plots/index.html").read_text()
    for text in ("generator_loss", "d_fake", "Quality during training", "frechet_ratio", "predicted"):
        assert text in page

    rows = experiments(finished)
    assert {(row["train.epochs"], row["epochs_done"]) for row in rows} == {("2", "2"), ("3", "3")}
    assert all(float(row["frechet_ratio"]) > 0 and float(row["coverage"]) <= 1 for row in rows)
    table = finished.dvc("exp", "show", "--md", "--only-changed", "--drop", "(stages|gan|data|models)/")
    assert "train.epochs" in table and "animate.scale" not in table


def test_a_queued_sweep_of_two(finished: Project) -> None:
    finished.dvc("exp", "run", "--queue", "-S", "train.lr=2e-3,3e-3", "train")
    finished.dvc("queue", "start")
    wait_for_queue(finished, 2)
    losses = {row["train.lr"]: row["generator_loss"] for row in experiments(finished) if row["Experiment"]}
    assert {float(lr) for lr in losses} == {0.002, 0.003}
    assert len(set(losses.values())) == 2
    # The workspace has not changed, and the checkpoints are where the next run looks for them.
    assert finished.git("status", "--porcelain", "--untracked-files=no") == ""
    assert len(list(finished.path.glob(".checkpoints/*/step-*.pt"))) == 3


def test_a_temporary_copy_uses_the_checkpoints_and_the_relative_source_of_the_project(finished: Project) -> None:
    output = finished.dvc("exp", "run", "--temp", "-S", "train.epochs=3", "train")
    assert "train: resumed at epoch 3, iteration 46" in output

    hashes = write_small_mnist(finished.path.parent / "mirror")
    code = finished.path / "gan/data/download.py"
    text = code.read_text()
    for name, sha256 in hashes.items():  # the small files pass for the published ones
        text = text.replace(text.split(f'"{name}": "')[1].split('"')[0], sha256)
    code.write_text(text)
    finished.commit("small mnist")
    changes = ("-S", "data.dataset=mnist", "-S", "data.source=../mirror")
    assert "download: mnist in data/raw/" in finished.dvc("exp", "run", "--temp", *changes, "download")
