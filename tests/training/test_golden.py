"""Our engine against the tutorial's loop: the same weights, batches and noise give the same training."""

from typing import Literal

import pytest
import torch

from gan.data.prepared import Batches
from gan.networks.settings import ModelSettings
from gan.training.games import NoiseToImage
from gan.training.settings import TrainSettings
from tests.training import reference

STEPS = 20


@pytest.mark.parametrize("loss", ["non-saturating", "saturating"])
def test_twenty_steps_equal_the_tutorials(loss: Literal["non-saturating", "saturating"]) -> None:
    settings = TrainSettings(loss=loss, seed=3)
    game = NoiseToImage(ModelSettings(), settings, (1, 28, 28))
    generator, discriminator = reference.networks()
    generator.load_state_dict(game.generator.state_dict())
    discriminator.load_state_dict(game.discriminator.state_dict())

    # 20 batches of which each tenth is short, so that what depends on the batch's size is seen
    pictures = torch.randint(
        0, 256, (9 * 64 + 17, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    loader = Batches(pictures, settings.batch_size, settings.seed)
    batches = [*loader.epoch(0), *loader.epoch(1)]
    assert [len(batch) for batch in batches] == ([64] * 9 + [17]) * 2
    generate_noise = torch.Generator().manual_seed(settings.seed)
    noise = [torch.randn(len(batch), 100, generator=generate_noise) for batch in batches]

    ours = [game.step(batch)[:2].tolist() for batch in batches]
    theirs = reference.steps(generator, discriminator, batches, noise, saturating=loss == "saturating")

    assert len(ours) == STEPS
    torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs), atol=1e-5, rtol=1e-5)
    # A bias before a BatchNorm is cancelled by it. Its gradient is rounding error, which Adam scales up to steps of
    # the learning rate in either direction; the running mean follows the bias. Everything else must agree.
    cancelled = {f"{i}.bias" for i in (2, 5, 8)}
    followers = {f"{i}.running_mean" for i in (3, 6, 9)}
    for mine, plain in ((game.generator, generator), (game.discriminator, discriminator)):
        for name, value in mine.state_dict().items():
            of_generator = mine is game.generator
            bound = 2 * STEPS * settings.lr if of_generator and name in cancelled | followers else 1e-5
            difference = (value - plain.state_dict()[name]).abs().max().item()
            assert difference <= bound, f"{name} differs by {difference}"


def test_the_scalars_are_losses_and_mean_answers() -> None:
    game = NoiseToImage(ModelSettings(), TrainSettings(), (1, 28, 28))
    batch = torch.rand(64, 1, 28, 28) * 2 - 1
    with torch.no_grad():
        real = game.discriminator(batch).sigmoid()
        noise = torch.randn(64, 100, generator=torch.Generator().manual_seed(0))
        fake = game.discriminator(game.generator(noise)).sigmoid()
    expected = [-fake.log().mean(), -(real.log().mean() + (1 - fake).log().mean()) / 2, real.mean(), fake.mean()]
    torch.testing.assert_close(game.step(batch), torch.stack(expected), atol=1e-6, rtol=1e-5)
    assert game.scalars == ("generator_loss", "discriminator_loss", "d_real", "d_fake")
