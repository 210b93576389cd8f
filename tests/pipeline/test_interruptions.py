"""A training that is killed again and again; `python -m tests.stress.interruptions` is the long version."""

import random
from pathlib import Path
from typing import Any

import torch
import yaml

from gan.io import save_safetensors
from tests.conftest import TINY
from tests.stress.interruptions import FINISHING, SAVING, KillPoint, make_project, results, train, train_with_kills

EPOCHS, MORE = 100, 110
SAVED = KillPoint("saved", ".checkpoints/*/step-*.pt", 0.1)  # first, so that there is a checkpoint to go on from
CHANGES: dict[str, dict[str, Any]] = {
    "model": TINY["model"],
    "train": {**TINY["train"], "frame_every": 100, "epochs": EPOCHS},
    "runtime": {**TINY["runtime"], "checkpoint_seconds": 0.1, "threads": 2},  # two threads: a pair of processes
}


def set_epochs(folder: Path, epochs: int) -> None:
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["train"]["epochs"] = epochs
    (folder / "params.yaml").write_text(yaml.safe_dump(params))


def test_a_training_that_is_killed_three_times_gives_the_same_bytes_and_can_be_extended(tmp_path: Path) -> None:
    chance = torch.Generator().manual_seed(0)
    tensors = {}
    for part, count in {"train": 1000, "test": 10}.items():
        tensors[f"{part}.images"] = torch.randint(0, 256, (count, 1, 8, 8), dtype=torch.uint8, generator=chance)
        tensors[f"{part}.labels"] = torch.zeros(count, dtype=torch.int64)
    save_safetensors(tmp_path / "data", tensors, {"shape": [1, 8, 8], "classes": []})
    whole, killed, longer = (tmp_path / name for name in ("whole", "killed", "longer"))
    for folder in (whole, killed, longer):
        make_project(folder, tmp_path / "data", CHANGES)

    train(whole)
    report = train_with_kills(killed, [SAVED, SAVING, FINISHING], random.Random(0))
    assert report.kills.total() == 3
    assert report.num_resumed > 0
    assert all(results(whole).values())
    assert results(killed) == results(whole)

    for folder in (killed, longer):
        set_epochs(folder, MORE)
    assert f"train: resumed at epoch {EPOCHS + 1}" in train(killed)
    train(longer)
    assert results(killed) == results(longer) != results(whole)
