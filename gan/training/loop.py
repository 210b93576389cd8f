"""The training loop: steps, batches, frames, snapshots and checkpoints, independent of losses and networks."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gan.data.dataset import Batch, BatchLoader
from gan.io import write_json
from gan.training.checkpoint import CheckpointManager
from gan.training.config import TrainConfig
from gan.training.distributed import SINGLE_PROCESS, DistributedContext
from gan.training.frames import FrameWriter
from gan.training.metrics_log import MetricsLog
from gan.training.progress import ProgressBar
from gan.training.signals import GracefulStop
from gan.training.snapshots import SnapshotWriter
from gan.training.trainer import BaseTrainer


@dataclass(frozen=True)
class Result:
    """The log of a finished training, and the speed of this process (0 if no iteration was left)."""

    log: MetricsLog
    iterations_per_second: float

    def write_speed(self, path: Path) -> None:
        """Write the speed to `path` as JSON and print it, unless no iteration was left."""
        if self.iterations_per_second:
            write_json(path, {"iterations_per_second": round(self.iterations_per_second, 1)})
            print(f"train: {self.log.step:,} iterations, {self.iterations_per_second:.1f} it/s")


def train(
    trainer: BaseTrainer,
    loader: BatchLoader,
    config: TrainConfig,
    checkpoints: CheckpointManager,
    frames: FrameWriter,
    *,
    snapshots: SnapshotWriter,
    context: DistributedContext = SINGLE_PROCESS,
) -> Result:
    """Train for config.epochs passes over the data, resuming from the newest checkpoint.

    A frame is saved every config.frame_every iterations, the first included, and after the last. A snapshot is saved
    after each epoch that `snapshots` asks for. All ranks call this; only the main process reads and writes files.

    Raises KeyboardInterrupt after SIGINT or SIGTERM, once a checkpoint is saved; UserError if the training diverges.
    """
    steps_per_epoch = len(loader)
    total_steps = config.epochs * steps_per_epoch
    log = MetricsLog(trainer.metric_names, config.log_every, steps_per_epoch)
    resume(trainer, log, checkpoints, frames, snapshots=snapshots, total_steps=total_steps, context=context)
    start_step = log.step
    progress = ProgressBar(start_step, total_steps, disabled=not context.is_main_process)
    last_save_time = time.perf_counter()

    def save_checkpoint() -> None:
        log.check_finite()
        if context.is_main_process:
            state = {
                "trainer": trainer.state_dict(),
                "metrics_log": log.state_dict(),
                "threads": torch.get_num_threads(),
            }
            checkpoints.save(log.step, state)

    def save_frame(epoch: int, step: int) -> None:
        if context.is_main_process:
            frames.save(epoch, step, trainer.preview_images())

    def save_snapshot() -> None:
        epoch, steps_into_epoch = divmod(log.step, steps_per_epoch)
        if context.is_main_process and steps_into_epoch == 0 and snapshots.should_save(epoch):
            snapshots.save(epoch, trainer.copy_ema_generator())

    save_snapshot()  # a longer run may have left a checkpoint but no snapshot of this run's last epoch
    with GracefulStop(ignore_repeats=context.world_size > 1) as signals:
        for epoch, batch in remaining_batches(loader, log.step, config.epochs):
            step = log.step
            if config.lr_decay:
                trainer.set_lr_scale(config.lr_scale(step / total_steps))
            log.update(trainer.step(batch))
            if frames.should_save(step):
                save_frame(epoch, step)
            save_snapshot()  # before the checkpoint: a run that resumes after this epoch needs the cached snapshot
            progress.update(log, config.epochs)
            stop = step % context.stop_check_interval == 0 and context.any_rank(signals.stop_requested)
            if stop or time.perf_counter() - last_save_time > checkpoints.interval_seconds:
                save_checkpoint()
                last_save_time = time.perf_counter()
            if stop:
                context.any_rank(False)  # wait until all is written: the first rank that exits ends the others
                raise KeyboardInterrupt
        seconds = progress.close(log.step)
        if log.step > start_step:
            save_checkpoint()
        if not frames.should_save(log.step - 1):
            save_frame(config.epochs - 1, log.step - 1)
        if context.any_rank(signals.stop_requested):  # all is saved, but the later stages must not run
            raise KeyboardInterrupt
    return Result(log, (log.step - start_step) / seconds)


def resume(
    trainer: BaseTrainer,
    log: MetricsLog,
    checkpoints: CheckpointManager,
    frames: FrameWriter,
    *,
    snapshots: SnapshotWriter,
    total_steps: int,
    context: DistributedContext,
) -> None:
    """Load the newest checkpoint into `trainer` and `log`, if there is one, and restore its frames and snapshots."""
    state = None
    if context.is_main_process:
        state = load_checkpoint(checkpoints, snapshots, log.steps_per_epoch, total_steps)
    state = context.broadcast_object(state)
    if state is not None:
        trainer.load_state_dict(state["trainer"])
        log.load_state_dict(state["metrics_log"], trainer.device)
    if context.is_main_process:
        frames.restore(log.step)
        snapshots.restore(log.step // log.steps_per_epoch)
        print_resume_message(state, log, total_steps)


def load_checkpoint(
    checkpoints: CheckpointManager, snapshots: SnapshotWriter, steps_per_epoch: int, total_steps: int
) -> dict[str, Any] | None:
    """Return the newest state of at most `total_steps` iterations whose earlier snapshots are all cached.

    A snapshot can only be missing if train.epochs was lowered: the interval of a longer run may be larger.
    """
    max_epoch = snapshots.first_missing_epoch()
    max_step = max_epoch * steps_per_epoch
    if checkpoints.latest_step(total_steps) > max_step:
        print(
            f"train: with fewer train.epochs there is a snapshot of epoch {max_epoch}, which the earlier run did not "
            "save; resumes before it",
            flush=True,
        )
    return checkpoints.load(max_step)


def remaining_batches(loader: BatchLoader, step: int, epochs: int) -> Iterator[tuple[int, Batch]]:
    """Yield epoch and batch of every iteration from `step` on."""
    start_epoch, start_batch = divmod(step, len(loader))
    for epoch in range(start_epoch, epochs):
        for batch in loader.epoch(epoch, start_batch if epoch == start_epoch else 0):
            yield epoch, batch


def print_resume_message(state: dict[str, Any] | None, log: MetricsLog, total_steps: int) -> None:
    """Print where a run resumes."""
    if state is None:
        return
    if state["threads"] != torch.get_num_threads():
        print(
            f"train: the checkpoint was written with {state['threads']} CPU threads, this run has "
            f"{torch.get_num_threads()}: the result will differ in rounding from that of an uninterrupted run",
            flush=True,
        )
    if log.step == total_steps:
        print(f"train: this run is already complete; nothing to train, {total_steps:,} iterations are done", flush=True)
    else:
        epoch = log.step // log.steps_per_epoch + 1
        print(f"train: resumed at epoch {epoch}, iteration {log.step:,}", flush=True)
