"""Real `dvc exp run`, queues and diffs."""

import csv
import gzip
import hashlib
import json
import struct
import time
from pathlib import Path

import numpy as np

from tests.conftest import Project


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def wait_for_queue(project: Project, count: int) -> None:
    for _ in range(150):
        text = project.dvc("queue", "status")
        if text.count("Success") == count:
            return
        assert "Failed" not in text, text + project.dvc("queue", "logs", text.split()[5])
        time.sleep(1)
    raise AssertionError(text)


def test_an_experiment_and_its_diffs(finished: Project) -> None:
    finished.dvc("exp", "run", "-S", "train.epochs=3")
    assert json.loads((finished.path / "reports/metrics.json").read_text())["epochs_done"] == 3

    params = json.loads(finished.dvc("params", "diff", "--json"))
    assert params["params.yaml"] == {"train.epochs": {"old": 2, "new": 3, "diff": 1}} or (
        params["params.yaml"]["train.epochs"]["old"],
        params["params.yaml"]["train.epochs"]["new"],
    ) == (2, 3)

    metrics = json.loads(finished.dvc("metrics", "diff", "--json"))
    epochs = metrics["reports/metrics.json"]["epochs_done"]
    assert (epochs["old"], epochs["new"]) == (2, 3)

    finished.dvc("plots", "show")
    page = (finished.path / "dvc_plots/index.html").read_text()
    assert "generator_loss" in page and "d_fake" in page
    assert "Quality along the training" in page and "frechet_ratio" in page
    assert "predicted" in page  # the classifier's confusion

    rows = table(finished.dvc("exp", "show", "--csv"))
    assert any(row["train.epochs"] == "3" and row["epochs_done"] == "3" for row in rows)
    assert any(row["train.epochs"] == "2" and row["epochs_done"] == "2" for row in rows)
    assert all(float(row["frechet_ratio"]) > 0 and float(row["coverage"]) <= 1 for row in rows)
    shown = finished.dvc("exp", "show", "--md", "--only-changed", "--drop", "(stages|gan|data|models)/")
    assert "train.epochs" in shown and "animate.scale" not in shown


def test_a_queued_sweep_of_two(finished: Project) -> None:
    finished.dvc("exp", "run", "--queue", "-S", "train.lr=2e-3,3e-3")
    finished.dvc("queue", "start")
    wait_for_queue(finished, 2)
    rows = table(finished.dvc("exp", "show", "--csv"))
    losses = {row["train.lr"]: row["generator_loss"] for row in rows if row["Experiment"]}
    assert {float(lr) for lr in losses} == {0.002, 0.003}
    assert len(set(losses.values())) == 2
    # The workspace is as it was, and each experiment left its checkpoints where the next run finds them.
    assert finished.git("status", "--porcelain", "--untracked-files=no") == ""
    assert len(list((finished.path / ".checkpoints").glob("*/step-*.pt"))) == 3


def small_mnist(folder: Path) -> dict[str, str]:
    """A data set in MNIST's format: 60 and 20 random pictures. Returns the SHA-256 of each unpacked file."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    known = {}
    for part, count in (("train", 60), ("t10k", 20)):
        images = rng.integers(0, 256, (count, 28, 28), np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for name, magic, array in ((f"{part}-images-idx3", 2051, images), (f"{part}-labels-idx1", 2049, labels)):
            content = struct.pack(">I", magic) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
            (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(content))
            known[f"{name}-ubyte.gz"] = hashlib.sha256(content).hexdigest()
    return known


def test_a_relative_source_is_found_from_a_queued_run_too(finished: Project) -> None:
    known = small_mnist(finished.path.parent / "mirror")
    code = finished.path / "gan/data/download.py"
    text = code.read_text()
    for name, sha256 in known.items():  # the project then knows these files by their hash, as it does the real ones
        old = text.split(f'"{name}": "')[1].split('"')[0]
        text = text.replace(old, sha256)
    code.write_text(text)
    finished.git("commit", "--quiet", "--all", "--message=small mnist")
    finished.dvc("exp", "run", "--queue", "-S", "data.dataset=mnist", "-S", "data.source=../mirror")
    finished.dvc("queue", "start")
    wait_for_queue(finished, 1)
    rows = table(finished.dvc("exp", "show", "--csv"))
    assert any(row["data.dataset"] == "mnist" and row["iterations"] == "2" for row in rows)
