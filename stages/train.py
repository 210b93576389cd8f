"""Train the two networks on data/prepared.safetensors; goes on where an interrupted run of the same settings was."""

import os
from contextlib import nullcontext
from pathlib import Path

from gan.data.dataset import ImageDataset
from gan.io import write_text
from gan.networks.config import ModelConfig
from gan.networks.factory import save_networks
from gan.runtime import RuntimeConfig, select_device, set_num_threads
from gan.training.checkpoint import CheckpointManager, exclusive_lock, fingerprint, imported_sources
from gan.training.config import TrainConfig
from gan.training.distributed import DistributedContext, launch
from gan.training.factory import build_trainer
from gan.training.frames import FrameWriter
from gan.training.loop import train
from gan.training.snapshots import SnapshotWriter
from stages._common import PROJECT_ROOT, load_section, num_concurrent_jobs, run_stage

MODELS, REPORTS = Path("models"), Path("reports")
DATA, TARGET = Path("data/prepared.safetensors"), Path("data/target/prepared.safetensors")


def main() -> None:
    sections = (
        load_section("model", ModelConfig),
        load_section("train", TrainConfig),
        load_section("runtime", RuntimeConfig),
    )
    if (runtime := sections[-1]).processes > 1 and not DistributedContext.is_started():
        launch("stages.train", runtime.processes)
    team = DistributedContext.join(select_device(runtime.device))
    with (
        exclusive_lock(Path(".checkpoints/here"), "training in this folder") if team.leads else nullcontext()
    ):  # or files mix
        train_and_save(*sections, team)
    team.leave()


def train_and_save(model: ModelConfig, config: TrainConfig, runtime: RuntimeConfig, team: DistributedContext) -> None:
    set_num_threads(runtime.threads, num_concurrent_jobs())
    device, prepared = select_device(runtime.device), ImageDataset.load(DATA)
    data = prepared, ImageDataset.load(TARGET) if model.architecture == "cyclegan" and TARGET.exists() else None
    game, batches = build_trainer(model, config, data, device, team=team, precision=runtime.precision)
    facts = {**prepared.metadata, "device": device.type, "processes": team.size, "precision": runtime.precision}
    identity = {**facts, "model": model.model_dump(), "train": config.identity()}
    files = [DATA, *([TARGET] if data[1] else []), *imported_sources(Path.cwd())]
    folder, facts["recipe"] = PROJECT_ROOT / ".checkpoints" / fingerprint(identity, files), game.recipe._asdict()
    queued = "DVC_EXP_NAME" in os.environ  # jobs of a sweep may share a run, such as one of fewer epochs: take turns
    with exclusive_lock(folder, "training this very run", wait=queued) if team.leads else nullcontext():
        film = FrameWriter(REPORTS / "frames", folder / "frames", config.frame_every)
        snapshots = SnapshotWriter(MODELS / "snapshots", folder / "snapshots", game.model, config, facts)
        checkpoints = CheckpointManager(folder, runtime.checkpoint_seconds)
        result = train(game, batches, config, checkpoints, film, snapshots=snapshots, team=team)
    if team.leads:
        write_text(REPORTS / "networks.txt", game.description())
        result.history.save(REPORTS / "history.tsv", REPORTS / "metrics.json", config.epochs)
        save_networks(MODELS, game.networks(), game.model, {**facts, "train": config.facts()})
        result.report(REPORTS / "timings/rate.json")


if __name__ == "__main__":
    run_stage(main)
