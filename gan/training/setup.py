"""From settings and data to a game and its batches."""

from typing import Any

import torch

from gan.data.prepared import Batches, Prepared, scaled, spread
from gan.networks.settings import ModelSettings
from gan.settings import UserError
from gan.training.games import PREVIEW_PICTURES, Game, NoiseToImage
from gan.training.recipe import check_translation, recipe_of
from gan.training.settings import TrainSettings
from gan.training.team import ALONE, Team
from gan.training.translation import ImageToImage


def set_up(
    model: ModelSettings,
    train: TrainSettings,
    data: tuple[Prepared, Prepared | None],
    device: torch.device,
    *,
    team: Team = ALONE,
    precision: str = "float32",
) -> tuple[Game, Batches]:
    """The game of these settings, and this process's parts of its batches, on `device`.

    data: the pictures to learn from; for cyclegan, those to translate to. Raises UserError where all this does not go
    together.
    """
    prepared, target = data
    game = _game(model, train, prepared, target, device, team=team, precision=precision)
    batches = Batches(
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
    model: ModelSettings,
    train: TrainSettings,
    prepared: Prepared,
    target: Prepared | None,
    device: torch.device,
    *,
    team: Team,
    precision: str,
) -> Game:
    more: dict[str, Any] = {"team": team, "precision": precision}
    if model.architecture != "cyclegan":
        return NoiseToImage(
            model, train, prepared.shape, device, classes=prepared.classes, labels=prepared.train.labels, **more
        )
    check_translation(model, recipe_of(model, train, max(prepared.shape[1:])))
    if target is None:
        raise UserError(
            "data.target: model.architecture cyclegan translates to a second set of pictures; name it, such as digits"
        )
    examples = scaled(spread(prepared.train.images, PREVIEW_PICTURES))
    return ImageToImage(model, train, prepared.shape, device, examples=examples, **more)
