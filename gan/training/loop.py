"""The training loop: it knows steps, batches, frames and checkpoints, but no loss and no network."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gan.data.prepared import Batches
from gan.training.checkpoint import Checkpoints
from gan.training.film import Film
from gan.training.games import Game
from gan.training.history import History
from gan.training.interruption import Interruption
from gan.training.progress import Progress
from gan.training.settings import TrainSettings


@dataclass(frozen=True)
class Result:
    """The history of a finished training, and this process's rate in iterations a second (0 if none were left)."""

    history: History
    rate: float


def train(
    game: Game,
    batches: Batches,
    settings: TrainSettings,
    checkpoints: Checkpoints,
    film: Film,
    *,
    checkpoint_seconds: float,
) -> Result:
    """Train `game` for settings.epochs passes over `batches`, going on from the newest of its `checkpoints`.

    The film gets a frame every settings.frame_every iterations, the first included, and one of the last.
    SIGINT and SIGTERM save a checkpoint and raise KeyboardInterrupt; losses that are not finite raise UserError.
    """
    history = History(game.scalars, settings.log_every, len(batches))
    _resume(game, history, batches, checkpoints, last=settings.epochs * len(batches))
    film.rewind(history.step)
    first = history.step
    progress, saved = Progress(first, settings.epochs * len(batches)), time.perf_counter()

    def save() -> None:
        history.check()
        state = {"history": history.state_dict(), "game": game.state_dict(), "threads": torch.get_num_threads()}
        checkpoints.save(history.step, state)

    with Interruption() as interruption:
        for epoch, batch in _remaining(batches, history.step, settings.epochs):
            iteration = history.step
            history.add(game.step(batch))
            if film.wants(iteration):
                film.add(epoch, iteration, game.preview())
            progress.show(history, settings.epochs)
            if interruption.wanted or time.perf_counter() - saved > checkpoint_seconds:
                save()
                saved = time.perf_counter()
            if interruption.wanted:
                raise KeyboardInterrupt
        seconds = progress.close(history.step)
        if history.step > first:
            save()
        if not film.wants(history.step - 1):
            film.add(settings.epochs - 1, history.step - 1, game.preview())
        if interruption.wanted:  # all is saved, but who asked to stop does not want the stages after this one
            raise KeyboardInterrupt
    return Result(history, (history.step - first) / seconds)


def _remaining(batches: Batches, done: int, epochs: int) -> Iterator[tuple[int, Tensor]]:
    first, skip = divmod(done, len(batches))
    for epoch in range(first, epochs):
        for batch in batches.epoch(epoch, skip if epoch == first else 0):
            yield epoch, batch


def _resume(game: Game, history: History, batches: Batches, checkpoints: Checkpoints, last: int) -> None:
    state = checkpoints.load(last)
    if state is None:
        return
    game.load_state_dict(state["game"])
    history.load_state_dict(state["history"], batches.images.device)
    if state["threads"] != torch.get_num_threads():
        print(
            f"train: the checkpoint was made with {state['threads']} CPU threads, this goes on with "
            f"{torch.get_num_threads()}: the result will differ in rounding from that of a run without a stop"
        )
    if history.step == last:
        print(f"train: this very run was finished before; its {last:,} iterations are kept in {checkpoints.folder}")
    else:
        epoch = history.step // len(batches) + 1
        print(f"train: resumed at epoch {epoch}, iteration {history.step:,}", flush=True)
