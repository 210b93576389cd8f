"""docs/extending.md: the loss that it shows works."""

import re

import pytest
import torch

from gan.data.prepared import Batch
from gan.networks.settings import ModelSettings
from gan.training import losses
from gan.training.games import NoiseToImage
from gan.training.settings import TrainSettings
from tests.conftest import ROOT


def test_the_loss_in_the_docs_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code.strip().splitlines()) <= 20
    monkeypatch.setattr(losses, "LOSSES", dict(losses.LOSSES))
    exec(compile(code, "extending.md", "exec"), {})
    assert "pearson" in losses.LOSSES

    monkeypatch.setattr("gan.training.games.LOSSES", losses.LOSSES)
    small = ModelSettings(latent_dim=4, generator_widths=[16], discriminator_widths=[16])
    settings = TrainSettings(lr=2e-3).model_copy(update={"loss": "pearson"})
    game = NoiseToImage(small, settings, (1, 4, 4))
    assert game.recipe.loss == "pearson"
    bright = torch.full((64, 1, 4, 4), 0.8)
    values = torch.stack([game.step(Batch.of(bright)) for _ in range(300)])
    assert values.isfinite().all()
    assert (game.preview().mean() - 0.8).abs() < 0.3  # it has learnt to draw what there is
