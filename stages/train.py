"""Train the networks on data/prepared.safetensors, resuming an interrupted run of the same configuration."""

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

DATA = Path("data/prepared.safetensors")
TARGET_DATA = Path("data/target/prepared.safetensors")
MODELS = Path("models")
REPORTS = Path("reports")


def main() -> None:
    model = load_section("model", ModelConfig)
    config = load_section("train", TrainConfig)
    runtime = load_section("runtime", RuntimeConfig)
    if runtime.processes > 1 and not DistributedContext.is_launched():
        launch("stages.train", runtime.processes)
    context = DistributedContext.init(select_device(runtime.device))
    # Two trainings in one folder would mix their files.
    folder_lock = exclusive_lock(Path(".checkpoints/workspace"), "training in this folder")
    with folder_lock if context.is_main_process else nullcontext():
        train_and_save(model, config, runtime, context)
    context.shutdown()


def train_and_save(
    model: ModelConfig, config: TrainConfig, runtime: RuntimeConfig, context: DistributedContext
) -> None:
    """Train, and write models and logs from the main process."""
    set_num_threads(runtime.threads, num_concurrent_jobs())
    device = select_device(runtime.device)
    data_files = [DATA]
    dataset = ImageDataset.load(DATA)
    target_dataset = None
    if model.architecture == "cyclegan" and TARGET_DATA.exists():
        data_files.append(TARGET_DATA)
        target_dataset = ImageDataset.load(TARGET_DATA)
    trainer, loader = build_trainer(
        model, config, dataset, target_dataset, device, context=context, precision=runtime.precision
    )

    metadata = {
        **dataset.metadata,
        "device": device.type,
        "processes": context.world_size,
        "precision": runtime.precision,
    }
    run_key = {**metadata, "model": model.model_dump(), "train": config.resume_key()}
    run_id = fingerprint(run_key, [*data_files, *imported_sources(Path.cwd())])
    run_dir = PROJECT_ROOT / ".checkpoints" / run_id
    metadata["hparams"] = trainer.hparams._asdict()

    # Two jobs of a queue may belong to one run, for example with different epochs: the second waits for the first.
    is_queued = "DVC_EXP_NAME" in os.environ
    run_lock = exclusive_lock(run_dir, "training this very run", wait=is_queued)
    with run_lock if context.is_main_process else nullcontext():
        frames = FrameWriter(REPORTS / "frames", run_dir / "frames", config.frame_every)
        snapshots = SnapshotWriter(MODELS / "snapshots", run_dir / "snapshots", trainer.model_config, config, metadata)
        checkpoints = CheckpointManager(run_dir, runtime.checkpoint_seconds)
        result = train(trainer, loader, config, checkpoints, frames, snapshots=snapshots, context=context)
    if context.is_main_process:
        write_text(REPORTS / "networks.txt", trainer.summary())
        result.log.save(REPORTS / "history.tsv", REPORTS / "metrics.json", config.epochs)
        save_networks(MODELS, trainer.networks(), trainer.model_config, {**metadata, "train": config.to_metadata()})
        result.write_speed(REPORTS / "timings/speed.json")


if __name__ == "__main__":
    run_stage(main)
