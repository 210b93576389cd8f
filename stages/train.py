"""Train the two networks on data/prepared.safetensors; goes on where an interrupted run of the same settings was."""

import os
from contextlib import nullcontext
from pathlib import Path

from gan.data.prepared import Prepared
from gan.files import write_text
from gan.networks.build import save_networks
from gan.networks.settings import ModelSettings
from gan.runtime import RuntimeSettings, select_device, set_threads
from gan.training.checkpoint import Checkpoints, fingerprint, held, loaded_sources
from gan.training.film import Film
from gan.training.loop import train
from gan.training.settings import TrainSettings
from gan.training.setup import set_up
from gan.training.snapshots import Snapshots
from gan.training.team import Team, launch
from stages import HOME, run
from stages.jobs import sharers
from stages.params import section

MODELS, REPORTS = Path("models"), Path("reports")
DATA, TARGET = Path("data/prepared.safetensors"), Path("data/target/prepared.safetensors")


def main() -> None:
    sections = section("model", ModelSettings), section("train", TrainSettings), section("runtime", RuntimeSettings)
    if (runtime := sections[-1]).processes > 1 and not Team.is_started():
        launch("stages.train", runtime.processes)
    team = Team.join(select_device(runtime.device))
    with held(Path(".checkpoints/here"), "training in this folder") if team.leads else nullcontext():  # or files mix
        train_and_save(*sections, team)
    team.leave()


def train_and_save(model: ModelSettings, settings: TrainSettings, runtime: RuntimeSettings, team: Team) -> None:
    set_threads(runtime.threads, sharers())
    device, prepared = select_device(runtime.device), Prepared.load(DATA)
    data = prepared, Prepared.load(TARGET) if model.architecture == "cyclegan" and TARGET.exists() else None
    game, batches = set_up(model, settings, data, device, team=team, precision=runtime.precision)
    facts = {**prepared.about, "device": device.type, "processes": team.size, "precision": runtime.precision}
    identity = {**facts, "model": model.model_dump(), "train": settings.identity()}
    files = [DATA, *([TARGET] if data[1] else []), *loaded_sources(Path.cwd())]
    folder, facts["recipe"] = HOME / ".checkpoints" / fingerprint(identity, files), game.recipe._asdict()
    queued = "DVC_EXP_NAME" in os.environ  # jobs of a sweep may share a run, such as one of fewer epochs: take turns
    with held(folder, "training this very run", wait=queued) if team.leads else nullcontext():
        film = Film(REPORTS / "frames", folder / "frames", settings.frame_every)
        snapshots = Snapshots(MODELS / "snapshots", folder / "snapshots", game.model, settings, facts)
        checkpoints = Checkpoints(folder, runtime.checkpoint_seconds)
        result = train(game, batches, settings, checkpoints, film, snapshots=snapshots, team=team)
    if team.leads:
        write_text(REPORTS / "networks.txt", game.description())
        result.history.save(REPORTS / "history.tsv", REPORTS / "metrics.json", settings.epochs)
        save_networks(MODELS, game.networks(), game.model, {**facts, "train": settings.facts()})
        result.report(REPORTS / "timings/rate.json")


if __name__ == "__main__":
    run(main)
