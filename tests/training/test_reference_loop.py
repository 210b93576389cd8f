"""The trainer against the tutorial's loop: the same weights, batches and noise give the same training."""

from collections.abc import Iterator
from typing import Literal

import pytest
import torch

from gan.data.dataset import Batch, BatchLoader
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig
from gan.training.trainer import GANTrainer
from tests.training.reference import ReferenceTrainer, tutorial_networks


@pytest.fixture(params=[torch.float64, torch.float32], ids=["double", "single"])
def dtype(request: pytest.FixtureRequest) -> Iterator[torch.dtype]:
    """The default dtype of networks and noise during a test."""
    previous = torch.get_default_dtype()
    torch.set_default_dtype(request.param)
    yield request.param
    torch.set_default_dtype(previous)


@pytest.mark.parametrize("loss", ["non-saturating", "saturating"])
def test_twenty_steps_equal_the_tutorials(loss: Literal["non-saturating", "saturating"], dtype: torch.dtype) -> None:
    config = TrainConfig(loss=loss, seed=3)
    trainer = GANTrainer(ModelConfig(), config, (1, 28, 28))
    reference = ReferenceTrainer(trainer, config.seed, tutorial_networks())

    # Every tenth of the 20 batches is short, so that a dependence on the batch size would show.
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (9 * 64 + 17, 1, 28, 28), dtype=torch.uint8, generator=rng)
    loader = BatchLoader(images, config.batch_size, config.seed)
    batches = [Batch.single_process(b.images.to(dtype)) for epoch in (0, 1) for b in loader.epoch(epoch)]
    assert [len(batch.images) for batch in batches] == ([64] * 9 + [17]) * 2

    expected = torch.tensor([reference.step(batch)[:2] for batch in batches])
    losses = torch.tensor([trainer.step(batch)[:2].tolist() for batch in batches])
    if dtype == torch.float32:  # Adam amplifies differences in rounding from step to step
        assert (losses - expected)[:5].abs().max() <= 1e-5
        assert (losses - expected).abs().max() <= 1e-3
        return
    assert (losses - expected).abs().max() <= 1e-9
    networks = ((trainer.generator, reference.generator), (trainer.discriminator, reference.discriminator))
    for network, reference_network in networks:
        for name, value in network.state_dict().items():
            difference = (value - reference_network.state_dict()[name]).abs().max().item()
            assert difference <= 1e-8, f"{name} differs by {difference}"


def test_the_metrics_are_losses_and_mean_outputs() -> None:
    trainer = GANTrainer(ModelConfig(), TrainConfig(), (1, 28, 28))
    images = torch.rand(64, 1, 28, 28) * 2 - 1
    with torch.no_grad():
        d_real = trainer.discriminator(images).sigmoid()
        noise = torch.randn(64, 100, generator=torch.Generator().manual_seed(0))
        d_fake = trainer.discriminator(trainer.generator(noise)).sigmoid()
    g_loss = -d_fake.log().mean()
    d_loss = -(d_real.log().mean() + (1 - d_fake).log().mean()) / 2
    expected = torch.stack([g_loss, d_loss, d_real.mean(), d_fake.mean()])
    torch.testing.assert_close(trainer.step(Batch.single_process(images)), expected, atol=1e-6, rtol=1e-5)
    assert trainer.metric_names == ("generator_loss", "discriminator_loss", "d_real", "d_fake")
