"""Games: which networks play against each other, and what one step of each is."""

import copy
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
from gan.training.player import Player
from gan.training.settings import TrainSettings
from gan.training.team import ALONE, Team

PREVIEW_PICTURES = 25
STATISTICS_LATENTS = 2048
TINY = 1e-20


class Game(Protocol):
    """What the loop trains. `scalars` names what a step returns."""

    @property
    def scalars(self) -> tuple[str, ...]:
        """Names of the values of a step."""

    def step(self, batch: Tensor, rows: int | None = None) -> Tensor:
        """One step of every player on a batch in [-1, 1]; returns their values, on the device.

        `rows`: pictures in the whole batch, where the batch given is this process's part of it.
        """

    def anneal(self, rate: float) -> None:
        """From now on, take the settings' learning rates times `rate`."""

    def preview(self) -> Tensor:
        """The same pictures at every call but for what the networks have learned: [25, C, H, W] in [-1, 1]."""

    def snapshot(self) -> nn.Module:
        """A copy, in eval mode, of the network that samples are drawn with. Leaves the training as it is."""

    def networks(self) -> Mapping[str, nn.Module]:
        """The networks worth keeping, by file name, in eval mode."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state."""


class NoiseToImage:
    """A generator that makes pictures of noise, against a discriminator (Goodfellow et al. 2014, algorithm 1).

    In a step the generator moves first; the discriminator then learns from the real batch and from the very fakes that
    the generator was judged by, made before it moved. So neither player's gradient depends on the other's move, and
    one pass through the discriminator, forward and backward, serves both. It treats every picture by itself, so what
    reaches fake i on the way back is the derivative of the loss by its logit o_i times a vector that is the same for
    both losses: the generator's gradient is the discriminator's times (∂L_G/∂o_i) / (∂L_D/∂o_i).
    """

    scalars = ("generator_loss", "discriminator_loss", "d_real", "d_fake")

    def __init__(
        self,
        model: ModelSettings,
        train: TrainSettings,
        shape: PictureShape,
        device: torch.device | str = "cpu",
        *,
        team: Team = ALONE,
        precision: str = "float32",
    ) -> None:
        self.team = team
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(train.seed)  # on the CPU, so that every device starts from the same weights
            self.generator = build_generator(model, shape).to(device)
            self.discriminator = build_discriminator(model, shape).to(device)
        betas = (train.betas[0], train.betas[1])
        networks = (self.generator, self.discriminator)
        self._players = [
            Player(network, train.lr, betas, team=team, bfloat16=precision == "bfloat16") for network in networks
        ]
        self.average = Average(self.generator, train.ema) if train.ema > 0 else None
        if team.size > 1 and torch.device(device).type == "cuda":  # PyTorch has none for the CPU
            nn.SyncBatchNorm.convert_sync_batchnorm(self.generator)  # in place, after the average has taken its copy
        self.loss = LOSSES[train.loss]()
        self.latent_dim = model.latent_dim
        self.noise = torch.Generator(device).manual_seed(train.seed)
        # Latents of their own seeds: drawing a frame leaves the noise of the training untouched.
        self._shown = draw_latents(PREVIEW_PICTURES, self.latent_dim, train.seed + 1).to(device)
        self._typical = draw_latents(STATISTICS_LATENTS, self.latent_dim, train.seed + 2).to(device)

    def step(self, batch: Tensor, rows: int | None = None) -> Tensor:
        count, (generator, discriminator) = len(batch), self._players
        # All processes draw the noise of the whole batch, so that how many they are makes no difference.
        latents = torch.randn(rows or count, self.latent_dim, generator=self.noise, device=batch.device)
        fakes, back_to_latents = generator.forward(self.team.part(latents))
        logits, back_to_fakes = discriminator.forward(fakes, before=batch, wanted=True)
        real, fake = logits.split(count)
        slopes = self.loss.slopes(real, fake)

        # Where D is so sure that its derivative (nearly) underflows, a floor far below what D's weights can feel keeps
        # the quotient, and so G's gradient, exact.
        by_fake = slopes.discriminator_by_fake
        by_fake = by_fake.where(by_fake.abs() > TINY, TINY)
        upstream = torch.cat([slopes.discriminator_by_real, by_fake])
        share = count / (rows or count)  # before the passes back: SyncBatchNorm, too, adds up what processes have
        to_fakes = back_to_fakes(upstream if share == 1 else upstream.mul_(share))
        assert to_fakes is not None
        back_to_latents(to_fakes.flatten(1).mul_(slopes.generator_by_fake / by_fake).view_as(fakes))
        if self.average is not None:
            self.average.update()
        means = logits.sigmoid().view(2, count).mean(1)
        values = torch.cat([torch.stack([slopes.generator_loss, slopes.discriminator_loss]), means])
        return self.team.add(values if share == 1 else values.mul_(share))

    def anneal(self, rate: float) -> None:
        for player in self._players:
            player.optimizer.rate = rate

    @torch.no_grad()
    def preview(self) -> Tensor:
        sampler = self._sampler()
        training = sampler.training
        pictures: Tensor = sampler.eval()(self._shown)
        sampler.train(training)
        return pictures

    def snapshot(self) -> nn.Module:
        return copy.deepcopy(self._sampler()).eval()

    def networks(self) -> dict[str, nn.Module]:
        networks = {"generator": self._sampler(), "generator_raw": self.generator, "discriminator": self.discriminator}
        return {name: network.eval() for name, network in networks.items()}

    def state_dict(self) -> dict[str, Any]:
        return {
            "players": [player.state_dict() for player in self._players],
            "average": None if self.average is None else self.average.state_dict(),
            "noise": self.noise.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for player, one in zip(self._players, state["players"], strict=True):
            player.load_state_dict(one)
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.noise.set_state(state["noise"].cpu())

    def _sampler(self) -> nn.Module:
        """The generator that samples are drawn with: the average if there is one."""
        return self.generator if self.average is None else self.average.settled(self._typical)
