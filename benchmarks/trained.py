"""Trainings for the benchmarks of quality: of settings on pictures, kept in .cache/benchmarks/, and gone on with."""

from pathlib import Path

import torch

from benchmarks.mnist import CACHE
from gan.data.dataset import ImageDataset
from gan.networks.config import ModelConfig
from gan.training.checkpoint import CheckpointManager, fingerprint, imported_sources
from gan.training.config import TrainConfig
from gan.training.factory import build_trainer
from gan.training.frames import FrameWriter
from gan.training.loop import train
from gan.training.snapshots import SnapshotWriter
from gan.training.trainer import GANTrainer

STEADY = TrainConfig(lr=5e-4, betas=[0, 0.99], r1=0.1, ema=0.9998)
# All train the tutorial's networks. `make better` runs the last in the pipeline; the falling rate is worth coverage and
# costs some distance.
SETTINGS = {
    "tutorial": TrainConfig(),
    "steady": STEADY,
    "better": STEADY.model_copy(update={"lr_decay": 0.35}),
}


def trained(prepared: ImageDataset, config: TrainConfig, model: ModelConfig | None = None) -> GANTrainer:
    """The game after such a training on the training split of `prepared`. model: the tutorial's networks by default."""
    model, pictures = model or ModelConfig(), prepared.train.images
    facts = {"pictures": len(pictures), "shape": prepared.shape, "classes": prepared.metadata["classes"]}
    identity = {**facts, "model": model.model_dump(), "train": config.identity()}
    files = [CACHE / f"{prepared.metadata['dataset']['name']}.safetensors", *imported_sources(Path.cwd())]
    folder = CACHE / "runs" / fingerprint(identity, files)
    game, batches = build_trainer(model, config, (prepared, None), torch.device("cpu"))
    assert isinstance(game, GANTrainer)
    film = FrameWriter(folder / "film", folder / "frames", config.frame_every)
    snapshots = SnapshotWriter(folder / "snapshots", folder / "kept", game.model, config, facts)
    train(game, batches, config, CheckpointManager(folder), film, snapshots=snapshots)
    return game
