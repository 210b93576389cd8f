"""Our engine against the tutorial's loop: the same weights, batches and noise give the same training."""

from collections.abc import Iterator
from typing import Literal

import pytest
import torch

from gan.data.dataset import Batch, BatchLoader
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig
from gan.training.trainer import GANTrainer
from tests.training import reference


@pytest.fixture(params=[torch.float64, torch.float32], ids=["double", "single"])
def precision(request: pytest.FixtureRequest) -> Iterator[torch.dtype]:
    """The type that networks and noise are made in during a test."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(request.param)
    yield request.param
    torch.set_default_dtype(before)


@pytest.mark.parametrize("loss", ["non-saturating", "saturating"])
def test_twenty_steps_equal_the_tutorials(
    loss: Literal["non-saturating", "saturating"], precision: torch.dtype
) -> None:
    config = TrainConfig(loss=loss, seed=3)
    game = GANTrainer(ModelConfig(), config, (1, 28, 28))
    generator, discriminator = reference.networks()
    generator.load_state_dict(game.generator.state_dict())
    discriminator.load_state_dict(game.discriminator.state_dict())

    # 20 batches of which each tenth is short, so that what depends on the batch's size is seen
    seeded = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (9 * 64 + 17, 1, 28, 28), dtype=torch.uint8, generator=seeded)
    loader = BatchLoader(pictures, config.batch_size, config.seed)
    batches = [batch.images.to(precision) for epoch in (0, 1) for batch in loader.epoch(epoch)]
    assert [len(batch) for batch in batches] == ([64] * 9 + [17]) * 2
    generate_noise = torch.Generator().manual_seed(config.seed)
    noise = [torch.randn(len(batch), 100, generator=generate_noise) for batch in batches]

    ours = torch.tensor([game.step(Batch.of(batch))[:2].tolist() for batch in batches])
    theirs = torch.tensor(reference.steps(generator, discriminator, batches, noise, saturating=loss == "saturating"))

    if precision == torch.float32:  # from step to step Adam makes more of the differences in rounding
        assert (ours - theirs)[:5].abs().max() <= 1e-5
        assert (ours - theirs).abs().max() <= 1e-3
        return
    assert (ours - theirs).abs().max() <= 1e-5
    for mine, plain in ((game.generator, generator), (game.discriminator, discriminator)):
        for name, value in mine.state_dict().items():
            difference = (value - plain.state_dict()[name]).abs().max().item()
            assert difference <= 1e-5, f"{name} differs by {difference}"


def test_the_scalars_are_losses_and_mean_answers() -> None:
    game = GANTrainer(ModelConfig(), TrainConfig(), (1, 28, 28))
    batch = torch.rand(64, 1, 28, 28) * 2 - 1
    with torch.no_grad():
        real = game.discriminator(batch).sigmoid()
        noise = torch.randn(64, 100, generator=torch.Generator().manual_seed(0))
        fake = game.discriminator(game.generator(noise)).sigmoid()
    expected = [-fake.log().mean(), -(real.log().mean() + (1 - fake).log().mean()) / 2, real.mean(), fake.mean()]
    torch.testing.assert_close(game.step(Batch.of(batch)), torch.stack(expected), atol=1e-6, rtol=1e-5)
    assert game.scalars == ("generator_loss", "discriminator_loss", "d_real", "d_fake")
