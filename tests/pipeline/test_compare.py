"""`python -m stages.compare`: systems as experiments of a queue, and a page about them."""

from PIL import Image

from stages.systems import SYSTEMS, switches
from tests.conftest import Project


def test_two_systems_are_compared(finished: Project) -> None:
    command = ("-m", "stages.compare", "--systems", "tutorial", "packing", "-S", "train.epochs=1")
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
    again = finished.python("-m", "stages.compare", *experiments)
    assert again.returncode == 0 and "of 2 experiments" in again.stdout
    assert "compare-nothing: no such experiment" in again.stderr
    assert (finished.path / "reports/comparison.md").read_text() == page
    html = (finished.path / "reports/comparison.html").read_text()
    assert "model.packing" in html and "train.epochs" not in html.split("What is different")[1]


def test_every_system_is_made_of_parameters() -> None:
    assert switches(SYSTEMS["ttur"]) == ["-S", "train.loss=hinge", "-S", "train.ttur=true"]
    assert len({tuple(parameters.items()) for parameters in SYSTEMS.values()}) == len(SYSTEMS)
