"""Train the two networks on data/prepared.safetensors; goes on where an interrupted run of the same settings was."""

from pathlib import Path

from gan.data.prepared import Batches, Prepared
from gan.files import write_json, write_text
from gan.networks.build import save_network
from gan.networks.settings import ModelSettings
from gan.networks.summary import describe_game
from gan.runtime import RuntimeSettings, select_device, set_threads
from gan.training.checkpoint import Checkpoints, fingerprint, loaded_sources
from gan.training.film import Film
from gan.training.games import NoiseToImage
from gan.training.loop import train
from gan.training.settings import TrainSettings
from stages import HOME, run
from stages.params import section

DATA = Path("data/prepared.safetensors")


def main() -> None:
    model, settings = section("model", ModelSettings), section("train", TrainSettings)
    runtime = section("runtime", RuntimeSettings)
    set_threads(runtime.threads)
    device = select_device(runtime.device)
    prepared = Prepared.load(DATA)

    game = NoiseToImage(model, settings, prepared.shape, device)
    write_text(Path("reports/networks.txt"), describe_game(game.generator, game.discriminator, model.latent_dim))
    batches = Batches(prepared.train.images.to(device), settings.batch_size, settings.seed)

    identity = {"model": model.model_dump(), "train": settings.model_dump(exclude={"epochs"}), "device": device.type}
    folder = HOME / ".checkpoints" / fingerprint(identity, DATA, loaded_sources(Path.cwd()))
    film = Film(Path("reports/frames"), folder / "frames", settings.frame_every)
    with Checkpoints(folder).held() as checkpoints:
        every = runtime.checkpoint_seconds
        result = train(game, batches, settings, checkpoints=checkpoints, checkpoint_seconds=every, film=film)
    history = result.history
    write_text(Path("reports/history.tsv"), history.table())
    means = {name: round(mean, 6) for name, mean in history.epoch_means().items()}
    write_json(Path("reports/metrics.json"), {"epochs_done": result.epochs, "iterations": history.step, **means})
    trained = settings.model_dump(exclude={"frame_every", "log_every"})  # these two leave the weights as they are
    facts = {"dataset": prepared.about["dataset"], "classes": prepared.about["classes"], "train": trained}
    for name, network in game.networks().items():
        kind = "discriminator" if name == "discriminator" else "generator"
        save_network(
            Path(f"models/{name}.safetensors"), network, kind, settings=model, shape=prepared.shape, facts=facts
        )
    if result.iterations:  # none were left to do where the run had finished before
        rate = result.iterations / result.seconds
        write_json(Path("reports/timings/rate.json"), {"iterations_per_second": round(rate, 1)})
        print(f"train: {history.step:,} iterations, {rate:.1f} it/s")


if __name__ == "__main__":
    run(main)
