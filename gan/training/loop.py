"""The training loop: it knows steps, batches, frames, snapshots and checkpoints, but no loss and no network."""

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
from gan.training.trainer import TrainerProtocol


@dataclass(frozen=True)
class Result:
    """The history of a finished training, and this process's rate in iterations a second (0 if none were left)."""

    history: MetricsLog
    rate: float

    def report(self, path: Path) -> None:
        """Write the rate to `path` as JSON and print it, if there was anything left to do."""
        if self.rate:
            write_json(path, {"iterations_per_second": round(self.rate, 1)})
            print(f"train: {self.history.step:,} iterations, {self.rate:.1f} it/s")


def train(
    game: TrainerProtocol,
    batches: BatchLoader,
    config: TrainConfig,
    checkpoints: CheckpointManager,
    film: FrameWriter,
    *,
    snapshots: SnapshotWriter,
    team: DistributedContext = SINGLE_PROCESS,
) -> Result:
    """Train `game` for settings.epochs passes over `batches`, going on from the newest of its `checkpoints`.

    The film gets a frame every settings.frame_every iterations, the first included, and one of the last; the snapshots
    get the network that samples are drawn with after each of the epochs that they want.
    SIGINT and SIGTERM save a checkpoint and raise KeyboardInterrupt; losses that are not finite raise UserError.
    All processes of a team call this; its leader alone reads and writes files.
    """
    last = config.epochs * len(batches)
    history = MetricsLog(game.scalars, config.log_every, len(batches))
    state = team.from_leader(_load(checkpoints, snapshots, len(batches), last) if team.leads else None)
    if state is not None:
        game.load_state_dict(state["game"])
        history.load_state_dict(state["history"], batches.images.device)
    if team.leads:
        film.rewind(history.step)
        snapshots.rewind(history.step // len(batches))
        _say(state, history, last)
    first, threads = history.step, torch.get_num_threads()
    progress, saved = ProgressBar(first, last, quiet=not team.leads), time.perf_counter()

    def save() -> None:
        history.check()
        if team.leads:
            state = {"history": history.state_dict(), "game": game.state_dict(), "threads": threads}
            checkpoints.save(history.step, state)

    def draw(epoch: int, iteration: int) -> None:
        if team.leads:
            film.add(epoch, iteration, game.preview())

    def snap() -> None:
        epoch, inside = divmod(history.step, len(batches))
        if team.leads and not inside and snapshots.wants(epoch):
            snapshots.add(epoch, game.snapshot())

    snap()  # a longer run may have left a checkpoint, but no snapshot, of an epoch that is the last one here
    with GracefulStop(patient=team.size > 1) as interruption, game.running():
        for epoch, batch in _remaining(batches, history.step, config.epochs):
            iteration = history.step
            if config.lr_decay:
                game.anneal(config.rate(iteration / last))
            history.add(game.step(batch))
            if film.wants(iteration):
                draw(epoch, iteration)
            snap()  # before the checkpoint: one that counts an epoch as done must find its snapshot kept
            progress.show(history, config.epochs)
            stop = iteration % team.ask_every == 0 and team.any(interruption.wanted)
            if stop or time.perf_counter() - saved > checkpoints.seconds:
                save()
                saved = time.perf_counter()
            if stop:
                team.any(False)  # wait until all is written: the first process to leave takes the others with it
                raise KeyboardInterrupt
        seconds = progress.close(history.step)
        if history.step > first:
            save()
        if not film.wants(history.step - 1):
            draw(config.epochs - 1, history.step - 1)
        if team.any(interruption.wanted):  # all is saved, but who asked to stop does not want the stages after this one
            raise KeyboardInterrupt
    return Result(history, (history.step - first) / seconds)


def _load(
    checkpoints: CheckpointManager, snapshots: SnapshotWriter, per_epoch: int, last: int
) -> dict[str, Any] | None:
    """The newest state, of at most `last` iterations, such that the snapshots wanted of the time before it are kept.

    They are, unless train.epochs was lowered: a longer run has its snapshots further apart.
    """
    reach = snapshots.reach() * per_epoch
    if checkpoints.newest(last) > reach:
        print(
            f"train: with fewer train.epochs there is a snapshot of epoch {snapshots.reach()}, "
            "which the run so far did not make: goes on from before it",
            flush=True,
        )
    return checkpoints.load(reach)


def _remaining(batches: BatchLoader, done: int, epochs: int) -> Iterator[tuple[int, Batch]]:
    first, skip = divmod(done, len(batches))
    for epoch in range(first, epochs):
        for batch in batches.epoch(epoch, skip if epoch == first else 0):
            yield epoch, batch


def _say(state: dict[str, Any] | None, history: MetricsLog, last: int) -> None:
    """Tell where a run goes on."""
    if state is None:
        return
    if state["threads"] != torch.get_num_threads():
        print(
            f"train: the checkpoint was made with {state['threads']} CPU threads, this goes on with "
            f"{torch.get_num_threads()}: the result will differ in rounding from that of a run without a stop",
            flush=True,
        )
    if history.step == last:
        print(f"train: this very run was finished before; its {last:,} iterations are kept", flush=True)
    else:
        epoch = history.step // history.per_epoch + 1
        print(f"train: resumed at epoch {epoch}, iteration {history.step:,}", flush=True)
