"""Trainings for the benchmarks of quality: of settings on pictures, kept in .cache/benchmarks/, and gone on with."""

from pathlib import Path

import torch

from benchmarks.mnist import CACHE
from gan.data.prepared import Prepared
from gan.networks.settings import ModelSettings
from gan.training.checkpoint import Checkpoints, fingerprint, loaded_sources
from gan.training.film import Film
from gan.training.games import NoiseToImage
from gan.training.loop import train
from gan.training.settings import TrainSettings
from gan.training.setup import set_up
from gan.training.snapshots import Snapshots

STEADY = TrainSettings(lr=5e-4, betas=[0, 0.99], r1=0.1, ema=0.9998)
# All train the tutorial's networks. `make better` runs the last in the pipeline; the falling rate is worth coverage and
# costs some distance.
SETTINGS = {
    "tutorial": TrainSettings(),
    "steady": STEADY,
    "better": STEADY.model_copy(update={"lr_decay": 0.35}),
}


def trained(prepared: Prepared, settings: TrainSettings, model: ModelSettings | None = None) -> NoiseToImage:
    """The game after such a training on the training split of `prepared`. model: the tutorial's networks by default."""
    model, pictures = model or ModelSettings(), prepared.train.images
    facts = {"pictures": len(pictures), "shape": prepared.shape, "classes": prepared.about["classes"]}
    identity = {**facts, "model": model.model_dump(), "train": settings.identity()}
    files = [CACHE / f"{prepared.about['dataset']['name']}.safetensors", *loaded_sources(Path.cwd())]
    folder = CACHE / "runs" / fingerprint(identity, files)
    game, batches = set_up(model, settings, (prepared, None), torch.device("cpu"))
    assert isinstance(game, NoiseToImage)
    film = Film(folder / "film", folder / "frames", settings.frame_every)
    snapshots = Snapshots(folder / "snapshots", folder / "kept", game.model, settings, facts)
    train(game, batches, settings, Checkpoints(folder), film, snapshots=snapshots)
    return game
