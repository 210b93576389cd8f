"""From settings and data to a game and its batches."""

from typing import Any

import torch

from gan.config import UserError
from gan.data.dataset import BatchLoader, ImageDataset, evenly_spaced, to_float
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig
from gan.training.cyclegan_trainer import CycleGANTrainer
from gan.training.distributed import SINGLE_PROCESS, DistributedContext
from gan.training.hparams import check_cyclegan, resolve_hparams
from gan.training.trainer import NUM_PREVIEW_IMAGES, GANTrainer, TrainerProtocol


def build_trainer(
    model: ModelConfig,
    train: TrainConfig,
    data: tuple[ImageDataset, ImageDataset | None],
    device: torch.device,
    *,
    team: DistributedContext = SINGLE_PROCESS,
    precision: str = "float32",
) -> tuple[TrainerProtocol, BatchLoader]:
    """The game of these settings, and this process's parts of its batches, on `device`.

    data: the pictures to learn from; for cyclegan, those to translate to. Raises UserError where all this does not go
    together.
    """
    prepared, target = data
    game = _game(model, train, prepared, target, device, team=team, precision=precision)
    batches = BatchLoader(
        prepared.train.images.to(device),
        train.batch_size,
        train.seed,
        team.rank,
        team.size,
        labels=prepared.train.labels.to(device),
        together=game.together,
        target=None if target is None else target.train.images.to(device),
    )
    return game, batches


def _game(
    model: ModelConfig,
    train: TrainConfig,
    prepared: ImageDataset,
    target: ImageDataset | None,
    device: torch.device,
    *,
    team: DistributedContext,
    precision: str,
) -> TrainerProtocol:
    more: dict[str, Any] = {"team": team, "precision": precision}
    if model.architecture != "cyclegan":
        return GANTrainer(
            model, train, prepared.shape, device, classes=prepared.classes, labels=prepared.train.labels, **more
        )
    check_cyclegan(model, resolve_hparams(model, train, max(prepared.shape[1:])))
    if target is None:
        raise UserError(
            "data.target: model.architecture cyclegan translates to a second set of pictures; name it, such as digits"
        )
    examples = to_float(evenly_spaced(prepared.train.images, NUM_PREVIEW_IMAGES))
    return CycleGANTrainer(model, train, prepared.shape, device, examples=examples, **more)
