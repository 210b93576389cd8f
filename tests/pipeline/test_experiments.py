"""Real `dvc exp run`, queues and diffs."""

import csv
import json

from tests.conftest import Project, ran_stages
from tests.data.small_mnist import write_small_mnist


def experiments(project: Project) -> list[dict[str, str]]:
    """Rows of `dvc exp show`."""
    return list(csv.DictReader(project.dvc("exp", "show", "--csv").splitlines()))


def test_an_experiment_and_its_diffs(finished: Project) -> None:
    output = finished.dvc("exp", "run", "-S", "train.epochs=3")
    assert ran_stages(output) == ["train", "sample", "evaluate", "animate", "report"]
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


def test_a_sweep_is_queued(finished: Project) -> None:
    """tests/tools/test_compare.py runs a queue."""
    finished.dvc("exp", "run", "--queue", "-S", "train.lr=2e-3,3e-3")
    assert finished.dvc("queue", "status").count("Queued") == 2


def test_a_temporary_copy_uses_the_checkpoints_and_the_relative_source_of_the_project(finished: Project) -> None:
    output = finished.dvc("exp", "run", "--temp", "-S", "train.epochs=3", "train")
    assert "train: resumed at epoch 3, iteration 46" in output
    assert finished.git("status", "--porcelain", "--untracked-files=no") == ""

    hashes = write_small_mnist(finished.path.parent / "mirror")
    code = finished.path / "gan/data/download.py"
    text = code.read_text()
    for name, sha256 in hashes.items():  # accept the small files as the published ones
        text = text.replace(text.split(f'"{name}": "')[1].split('"')[0], sha256)
    code.write_text(text)
    finished.commit("small mnist")
    changes = ("-S", "data.dataset=mnist", "-S", "data.source=../mirror")
    assert "download: mnist in data/raw/" in finished.dvc("exp", "run", "--temp", *changes, "download")
