"""A training that is killed several times. `python -m tests.stress.interruptions` is the long version."""

import random
from pathlib import Path
from typing import Any

from tests.conftest import TINY, set_parameters
from tests.stress.interruptions import FINISHING, SAVING, KillPoint, make_project, results, train, train_with_kills

EPOCHS = 40
MORE_EPOCHS = 45
SAVED = KillPoint("saved", ".checkpoints/*/step-*.pt", 0.1)  # first, so that there is a checkpoint to resume from
CHANGES: dict[str, dict[str, Any]] = {
    "model": TINY["model"],
    "train": {**TINY["train"], "frame_every": 100, "epochs": EPOCHS},
    "runtime": {**TINY["runtime"], "checkpoint_seconds": 0.1},
}


def test_a_killed_and_extended_training_gives_the_bytes_of_a_fresh_one(tmp_path: Path, prepared_digits: Path) -> None:
    killed = tmp_path / "killed"
    fresh = tmp_path / "fresh"
    make_project(killed, prepared_digits, CHANGES)
    make_project(fresh, prepared_digits, CHANGES)

    report = train_with_kills(killed, [SAVED, SAVING, FINISHING], random.Random(0))
    assert report.kills.total() == 3
    assert report.num_resumed > 0
    for folder in (killed, fresh):
        set_parameters(folder / "params.yaml", train__epochs=MORE_EPOCHS)
    assert f"train: resumed at epoch {EPOCHS + 1}" in train(killed)
    train(fresh)
    assert all(results(fresh).values())
    assert results(killed) == results(fresh)
