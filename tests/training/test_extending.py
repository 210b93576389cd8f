"""docs/extending.md: the loss that it shows works."""

import re

import pytest
import torch

from gan.data.dataset import Batch
from gan.networks.config import ModelConfig
from gan.training import losses
from gan.training.config import TrainConfig
from gan.training.trainer import GANTrainer
from tests.conftest import ROOT


def test_the_loss_in_the_docs_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code.strip().splitlines()) <= 20
    monkeypatch.setattr(losses, "LOSSES", dict(losses.LOSSES))
    exec(compile(code, "extending.md", "exec"), {})
    assert "pearson" in losses.LOSSES

    monkeypatch.setattr("gan.training.trainer.LOSSES", losses.LOSSES)
    small = ModelConfig(latent_dim=4, generator_widths=[16], discriminator_widths=[16])
    config = TrainConfig(lr=2e-3).model_copy(update={"loss": "pearson"})
    trainer = GANTrainer(small, config, (1, 4, 4))
    assert trainer.hparams.loss == "pearson"
    bright = torch.full((64, 1, 4, 4), 0.8)
    values = torch.stack([trainer.step(Batch.single_process(bright)) for _ in range(300)])
    assert values.isfinite().all()
    assert (trainer.preview_images().mean() - 0.8).abs() < 0.3  # it generates bright images
