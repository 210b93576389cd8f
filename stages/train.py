"""Train the two networks on data/prepared.safetensors; goes on where an interrupted run of the same settings was."""

import os
from pathlib import Path

from gan.data.prepared import Batches, Prepared
from gan.files import write_json, write_text
from gan.networks.build import save_network
from gan.networks.settings import ModelSettings
from gan.networks.summary import describe_game
from gan.runtime import RuntimeSettings, select_device, set_threads
from gan.training.checkpoint import Checkpoints, fingerprint, held, loaded_sources
from gan.training.film import Film
from gan.training.games import NoiseToImage
from gan.training.loop import train
from gan.training.settings import TrainSettings
from stages import HOME, run
from stages.params import section

DATA, REPORTS = Path("data/prepared.safetensors"), Path("reports")


def main() -> None:
    with held(Path(".checkpoints/here"), "training in this folder"):  # two would mix their frames and models
        train_and_save()


def train_and_save() -> None:
    model, settings = section("model", ModelSettings), section("train", TrainSettings)
    runtime = section("runtime", RuntimeSettings)
    set_threads(runtime.threads)
    device, prepared = select_device(runtime.device), Prepared.load(DATA)
    game = NoiseToImage(model, settings, prepared.shape, device)
    write_text(REPORTS / "networks.txt", describe_game(game.generator, game.discriminator, model.latent_dim))
    batches = Batches(prepared.train.images.to(device), settings.batch_size, settings.seed)

    identity = {"model": model.model_dump(), "train": settings.model_dump(exclude={"epochs"}), "device": device.type}
    folder = HOME / ".checkpoints" / fingerprint(identity, DATA, loaded_sources(Path.cwd()))
    queued = "DVC_EXP_NAME" in os.environ  # jobs of a sweep may share a run, such as one of fewer epochs: take turns
    with held(folder, "training this very run", wait=queued):
        film = Film(REPORTS / "frames", folder / "frames", settings.frame_every)
        seconds = runtime.checkpoint_seconds
        result = train(game, batches, settings, Checkpoints(folder), film, checkpoint_seconds=seconds)

    write_text(REPORTS / "history.tsv", result.history.table())
    means = {name: round(mean, 6) for name, mean in result.history.epoch_means().items()}
    done = {"epochs_done": settings.epochs, "iterations": result.history.step}
    write_json(REPORTS / "metrics.json", {**done, **means})
    trained = settings.model_dump(exclude={"frame_every", "log_every"})  # these two leave the weights as they are
    facts = {**prepared.about, "train": trained}
    for name, network in game.networks().items():
        save_network(Path(f"models/{name}.safetensors"), network, name.split("_")[0], model, facts)
    if result.rate:
        write_json(REPORTS / "timings/rate.json", {"iterations_per_second": round(result.rate, 1)})
        print(f"train: {result.history.step:,} iterations, {result.rate:.1f} it/s")


if __name__ == "__main__":
    run(main)
