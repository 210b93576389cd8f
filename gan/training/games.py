"""Games: which networks play against each other, and what one step of each is."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from gan.networks.build import build_discriminator, build_generator
from gan.networks.mlp import PictureShape
from gan.networks.settings import ModelSettings
from gan.sampling import draw_latents
from gan.training.averaging import Average
from gan.training.losses import LOSSES
from gan.training.settings import TrainSettings

PREVIEW_PICTURES = 25
STATISTICS_LATENTS = 2048


class Game(Protocol):
    """What the loop trains. `scalars` names what a step returns."""

    @property
    def scalars(self) -> tuple[str, ...]:
        """Names of the values of a step."""

    def step(self, batch: Tensor) -> Tensor:
        """One step of every player on a batch in [-1, 1]; returns their values, on the device."""

    def preview(self) -> Tensor:
        """The same pictures at every call but for what the networks have learned: [25, C, H, W] in [-1, 1]."""

    def networks(self) -> Mapping[str, nn.Module]:
        """The networks worth keeping, by file name, in eval mode."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state."""


class NoiseToImage:
    """A generator that makes pictures of noise, against a discriminator (Goodfellow et al. 2014, algorithm 1).

    In a step the generator moves first; the discriminator then learns from the real batch and from the very fakes that
    the generator was judged by, made before it moved. The discriminator has not changed between the two, so its
    pass over the fakes is made once and serves both.
    """

    scalars = ("generator_loss", "discriminator_loss", "d_real", "d_fake")

    def __init__(
        self, model: ModelSettings, train: TrainSettings, shape: PictureShape, device: torch.device | str = "cpu"
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(train.seed)  # on the CPU, so that every device starts from the same weights
            self.generator = build_generator(model, shape).to(device)
            self.discriminator = build_discriminator(model, shape).to(device)
        self.loss = LOSSES[train.loss]()
        self.latent_dim = model.latent_dim
        self.noise = torch.Generator(device).manual_seed(train.seed)
        beta1, beta2 = train.betas
        self.generator_optimizer, self.discriminator_optimizer = (
            torch.optim.Adam(network.parameters(), train.lr, (beta1, beta2), fused=True)
            for network in (self.generator, self.discriminator)
        )
        self.average = Average(self.generator, train.ema) if train.ema > 0 else None
        # Latents of their own seeds: drawing a frame leaves the noise of the training untouched.
        self._shown = draw_latents(PREVIEW_PICTURES, self.latent_dim, train.seed + 1).to(device)
        self._typical = draw_latents(STATISTICS_LATENTS, self.latent_dim, train.seed + 2).to(device)

    def step(self, batch: Tensor) -> Tensor:
        latents = torch.randn(len(batch), self.latent_dim, generator=self.noise, device=batch.device)
        fakes = self.generator(latents)
        real, fake = self.discriminator(batch), self.discriminator(fakes)
        generator_loss = self.loss.generator(fake)
        discriminator_loss = self.loss.discriminator(real, fake)
        # Each player's gradients alone: the generator's pass computes none for the discriminator's weights.
        _set_gradients(self.generator, generator_loss, keep=True)
        _set_gradients(self.discriminator, discriminator_loss)
        self.generator_optimizer.step()
        self.discriminator_optimizer.step()
        if self.average is not None:
            self.average.update()
        with torch.no_grad():
            means = real.sigmoid().mean(), fake.sigmoid().mean()
            return torch.stack([generator_loss.detach(), discriminator_loss.detach(), *means])

    @torch.no_grad()
    def preview(self) -> Tensor:
        sampler = self._sampler()
        training = sampler.training
        pictures: Tensor = sampler.eval()(self._shown)
        sampler.train(training)
        return pictures

    def networks(self) -> dict[str, nn.Module]:
        networks = {"generator": self._sampler(), "generator_raw": self.generator, "discriminator": self.discriminator}
        return {name: network.eval() for name, network in networks.items()}

    def state_dict(self) -> dict[str, Any]:
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "generator_optimizer": self.generator_optimizer.state_dict(),
            "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "noise": self.noise.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.generator_optimizer.load_state_dict(state["generator_optimizer"])
        self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.noise.set_state(state["noise"].cpu())

    def _sampler(self) -> nn.Module:
        """The generator that samples are drawn with: the average if there is one."""
        return self.generator if self.average is None else self.average.settled(self._typical)


def _set_gradients(network: nn.Module, loss: Tensor, *, keep: bool = False) -> None:
    parameters = list(network.parameters())
    gradients = torch.autograd.grad(loss, parameters, retain_graph=keep)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
