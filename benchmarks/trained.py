"""Trainings for the benchmarks of quality: of settings on pictures, kept in .cache/benchmarks/, and gone on with."""

from pathlib import Path

from benchmarks.mnist import CACHE
from gan.data.prepared import Batches, Prepared
from gan.networks.settings import ModelSettings
from gan.training.checkpoint import Checkpoints, fingerprint, loaded_sources
from gan.training.film import Film
from gan.training.games import NoiseToImage
from gan.training.loop import train
from gan.training.settings import TrainSettings
from gan.training.snapshots import Snapshots

# Both train the tutorial's networks. `make better` runs the second in the pipeline.
SETTINGS = {
    "tutorial": TrainSettings(),
    "better": TrainSettings(lr=1e-3, lr_decay=1, betas=[0, 0.99]),
}


def trained(prepared: Prepared, settings: TrainSettings) -> NoiseToImage:
    """The game after such a training on the training split of `prepared`."""
    model, path = ModelSettings(), CACHE / "mnist.safetensors"
    pictures = prepared.train.images
    facts = {"pictures": len(pictures), "shape": prepared.shape}
    identity = {**facts, "train": settings.identity()}
    folder = CACHE / "runs" / fingerprint(identity, [path, *loaded_sources(Path.cwd())])
    game = NoiseToImage(model, settings, prepared.shape)
    film = Film(folder / "film", folder / "frames", settings.frame_every)
    snapshots = Snapshots(folder / "snapshots", folder / "kept", model, settings, facts)
    batches = Batches(pictures, settings.batch_size, settings.seed)
    train(game, batches, settings, Checkpoints(folder), film, snapshots=snapshots)
    return game
