"""`python -m tools.compare`: systems as experiments of a queue, and a page about them."""

import pytest
from PIL import Image

from tests.conftest import Project
from tools import compare
from tools.presets import SYSTEMS, switches


def test_two_systems_are_compared(finished: Project) -> None:
    command = ("-m", "tools.compare", "--systems", "tutorial", "packing", "-S", "train.epochs=1")
    done = finished.python(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (finished.path / "reports/comparison.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith(("| tutorial", "| packing"))]
    assert [row[0] for row in rows] == ["| tutorial", "| packing"]
    assert rows[1][1] == "`model.packing=2`" and rows[0][1] == ""
    assert "`train.epochs=1`" in page
    assert all(float(row[2]) > 0 and 0 <= float(row[3]) <= 1 for row in rows)
    assert all(float(row[-1].strip(" |")) > 0 for row in rows)  # seconds of the training
    assert Image.open(finished.path / "reports/comparison.png").width > 800
    assert "compare-packing" in finished.dvc("exp", "list")
    assert finished.git("status", "--porcelain", "--untracked-files=no") == ""

    experiments = ("--experiments", "compare-tutorial", "compare-packing", "compare-nothing")
    again = finished.python("-m", "tools.compare", *experiments)
    assert again.returncode == 0 and "of 2 experiments" in again.stdout
    assert "compare-nothing: no such experiment" in again.stderr
    assert (finished.path / "reports/comparison.md").read_text() == page
    html = (finished.path / "reports/comparison.html").read_text()
    assert "model.packing" in html and "train.epochs" not in html.split("What is different")[1]


def test_every_system_is_made_of_parameters() -> None:
    assert switches(SYSTEMS["ttur"]) == ["-S", "train.loss=hinge", "-S", "train.ttur=true"]
    assert len({tuple(parameters.items()) for parameters in SYSTEMS.values()}) == len(SYSTEMS)


def test_a_worker_that_has_ended_is_followed_by_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As happens where DVC's worker meets a message of its queue that is half written."""
    started: list[int] = []
    nobody, somebody = "Worker status: 0 active, 0 idle", "Worker status: 1 active, 0 idle"

    def status(*_arguments: str) -> str:
        queued = "a1 compare-hinge 05:49 AM Queued\n"
        return f"b2 compare-hinge 05:49 AM Success\n{somebody}" if len(started) == 2 else queued + nobody

    monkeypatch.setattr(compare, "POLL", 0)
    monkeypatch.setattr(compare, "dvc", status)
    monkeypatch.setattr(compare, "start", started.append)
    compare.wait(["hinge"], 1)
    assert started == [1, 1]
    assert capsys.readouterr().out.splitlines() == [
        "compare: DVC's worker has ended, starting another",
        "compare: compare-hinge: done",
    ]
    monkeypatch.setattr(compare, "dvc", lambda *_arguments: f"a1 compare-hinge 05:49 AM Queued\n{nobody}")
    with pytest.raises(SystemExit, match="workers end before compare-hinge does"):
        compare.wait(["hinge"], 1)
    assert len(started) == 2 + 1 + compare.RESTARTS
