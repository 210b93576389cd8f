"""`python -m tools.compare`: presets as experiments of DVC's queue, and a page about them."""

import pytest
from PIL import Image

from tests.conftest import Project
from tools import compare
from tools.presets import PRESETS


def test_two_presets_are_compared(finished: Project) -> None:
    command = ("-m", "tools.compare", "--presets", "hinge", "packing", "-S", "train.epochs=1")
    result = finished.python(*command)
    assert result.returncode == 0, result.stdout + result.stderr
    page = (finished.path / "reports/comparison.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith(("| hinge", "| packing"))]
    assert [row[:2] for row in rows] == [["| hinge", "`train.loss=hinge`"], ["| packing", "`model.packing=2`"]]
    assert "`train.epochs=1`" in page
    for row in rows:
        frechet_ratio = float(row[2])
        coverage = float(row[3])
        seconds = float(row[-1].strip(" |"))
        assert frechet_ratio > 0
        assert 0 <= coverage <= 1
        assert seconds > 0
    assert Image.open(finished.path / "reports/comparison.png").width > 800
    assert "compare-packing" in finished.dvc("exp", "list")
    # The workspace has not changed, and the checkpoints are where the next run looks for them.
    assert len(list(finished.path.glob(".checkpoints/*/step-*.pt"))) == 3
    assert finished.git("status", "--porcelain", "--untracked-files=no") == ""

    experiments = ("--experiments", "compare-hinge", "compare-packing", "compare-nothing")
    result = finished.python("-m", "tools.compare", *experiments)
    assert result.returncode == 0
    assert "of 2 experiments" in result.stdout
    assert "compare-nothing: no such experiment" in result.stderr
    assert (finished.path / "reports/comparison.md").read_text() == page
    html = (finished.path / "reports/comparison.html").read_text()
    assert "model.packing" in html


def test_parameters_of_all_experiments_override_those_of_a_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(compare, "dvc", lambda *args: calls.append(args))
    monkeypatch.setattr(compare, "experiment_ref", lambda name: "")
    compare.enqueue(["ttur"], ["train.epochs=3"])
    changes = ("-S", "train.loss=hinge", "-S", "train.ttur=true", "-S", "train.epochs=3")
    assert calls == [("exp", "run", "--queue", "--name", "compare-ttur", *changes)]


def test_default_presets_use_the_dataset_of_params_yaml() -> None:
    assert set(PRESETS) - set(compare.DEFAULT_PRESETS) == {"better", "cyclegan-digits"}


def test_workers_that_end_are_started_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[int] = []
    idle = "Worker status: 0 active, 0 idle"
    busy = "Worker status: 1 active, 0 idle"
    queued = "a1 compare-hinge 05:49 AM Queued"
    succeeded = "b2 compare-hinge 05:49 AM Success"

    def dvc(*args: str) -> str:
        return f"{succeeded}\n{busy}" if len(started) == 2 else f"{queued}\n{idle}"

    monkeypatch.setattr(compare, "POLL_SECONDS", 0)
    monkeypatch.setattr(compare, "dvc", dvc)
    monkeypatch.setattr(compare, "start_workers", started.append)
    compare.wait_for_queue(["hinge"], 1)
    assert started == [1, 1]
    assert capsys.readouterr().out.splitlines() == [
        "compare: DVC's worker has ended, starting another one",
        "compare: compare-hinge: done",
    ]

    started.clear()
    monkeypatch.setattr(compare, "dvc", lambda *args: f"{queued}\n{idle}")
    with pytest.raises(SystemExit, match="workers end before compare-hinge does"):
        compare.wait_for_queue(["hinge"], 1)
    assert len(started) == 1 + compare.MAX_RESTARTS
