"""Games: which networks play against each other, and what one step of each is."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from gan.data.dataset import Batch
from gan.networks.config import ModelConfig
from gan.networks.factory import answer, build_discriminator, build_generator
from gan.networks.layers import batch_multiple
from gan.networks.mlp import ImageShape
from gan.networks.summary import summarize_networks
from gan.sampling import sample_latents
from gan.training.chain import Chain
from gan.training.config import TrainConfig
from gan.training.distributed import SINGLE_PROCESS, DistributedContext
from gan.training.ema import EMA
from gan.training.halves import Halves
from gan.training.hparams import HParams, check_compatibility, resolve_hparams, resolve_model_config
from gan.training.losses import LOSSES, Slopes
from gan.training.pair import Pair
from gan.training.penalties import wgan_gp_penalty
from gan.training.player import Critic, Player

NUM_PREVIEW_IMAGES = 25
BN_SAMPLES, BN_SAMPLES_PREVIEW = 2048, 512  # for BatchNorm's statistics of an average; fewer for a frame


class TrainerProtocol(Protocol):
    """What the loop trains. `scalars` names what a step returns."""

    @property
    def scalars(self) -> tuple[str, ...]:
        """Names of the values of a step."""

    @property
    def model(self) -> ModelConfig:
        """The settings of the networks, with a value in the place of `auto`."""

    @property
    def recipe(self) -> HParams:
        """What the settings of the training came to."""

    @property
    def together(self) -> int:
        """What the number of pictures in a process's part of a batch must be a multiple of."""

    def step(self, batch: Batch) -> Tensor:
        """One iteration: a step of the players on a batch; returns their values, on the device."""

    def anneal(self, rate: float) -> None:
        """From now on, take the settings' learning rates times `rate`."""

    def running(self) -> AbstractContextManager[None]:
        """What to be in for many steps: here a game may have processes of its own."""

    def preview(self) -> Tensor:
        """The same pictures at every call but for what the networks have learned: [25, C, H, W] in [-1, 1].

        To be quick, they may be made less carefully than those of a snapshot.
        """

    def snapshot(self) -> nn.Module:
        """A copy, in eval mode, of the network that samples are drawn with. Leaves the training as it is."""

    def description(self) -> str:
        """The layers of the networks, as text."""

    def networks(self) -> Mapping[str, nn.Module]:
        """The networks worth keeping, by file name, in eval mode."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state."""


class BaseTrainer:
    """What games of a generator and a critic have in common: the state of both players, and the average."""

    generator: nn.Module
    discriminator: nn.Module
    average: EMA | None
    _generator: Player
    _critic: Player

    def _sampler(self) -> nn.Module:
        """The network that samples are drawn with: the average if there is one."""
        raise NotImplementedError

    def running(self) -> AbstractContextManager[None]:
        return nullcontext()

    def anneal(self, rate: float) -> None:
        self._generator.optimizer.rate = self._critic.optimizer.rate = rate

    def snapshot(self) -> nn.Module:
        return copy.deepcopy(self._sampler()).eval()

    def networks(self) -> dict[str, nn.Module]:
        networks = {"generator": self._sampler(), "generator_raw": self.generator, "discriminator": self.discriminator}
        return {name: network.eval() for name, network in networks.items()}

    def state_dict(self) -> dict[str, Any]:
        return {
            "players": [self._generator.state_dict(), self._critic.state_dict()],
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for player, one in zip((self._generator, self._critic), state["players"], strict=True):
            player.load_state_dict(one)
        if self.average is not None:
            self.average.load_state_dict(state["average"])


class GANTrainer(BaseTrainer):
    """A generator that makes pictures of noise, against a discriminator (Goodfellow et al. 2014, algorithm 1).

    In a step the generator moves first; the discriminator then learns from the real batch and from the very fakes that
    the generator was judged by, made before it moved. So neither player's gradient depends on the other's move, and
    one pass through the discriminator serves both: see Critic.judge. Where the recipe has several steps of the
    discriminator to one of the generator, the generator moves in the last of so many iterations.

    A conditional game gives fakes the labels of the real batch.
    """

    _critic: Critic

    def __init__(
        self,
        model: ModelConfig,
        train: TrainConfig,
        shape: ImageShape,
        device: torch.device | str = "cpu",
        *,
        classes: int = 0,
        labels: Tensor | None = None,
        team: DistributedContext = SINGLE_PROCESS,
        precision: str = "float32",
    ) -> None:
        """classes: of the data, 0 if it has no labels; labels: of the training pictures, for the classes' shares (all
        alike by default). Raises UserError where the settings do not go together.
        """
        self.team, self.recipe = team, resolve_hparams(model, train, max(shape[1:]))
        self.model = resolve_model_config(model, self.recipe)
        check_compatibility(self.model, self.recipe, classes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(train.seed)  # on the CPU, so that every device starts from the same weights
            self.generator = build_generator(self.model, shape, classes).to(device)
            self.discriminator = build_discriminator(self.model, shape, classes).to(device)
        betas, rows = self.recipe.betas, train.batch_size
        self._pair = self._suited_pair(precision)
        more: dict[str, Any] = {"team": team, "bfloat16": precision == "bfloat16", "pair": self._pair}
        self._generator = Player(self.generator, self.recipe.lr, betas, rows=rows, **more)
        self._critic = Critic(self.discriminator, self.recipe.discriminator_lr, betas, rows=2 * rows, **more)
        self.average = EMA(self.generator, train.ema, self._pair) if train.ema > 0 else None
        if team.size > 1 and torch.device(device).type == "cuda":  # PyTorch has none for the CPU
            for network in (self.generator, self.discriminator):  # in place, after the average has taken its copy
                nn.SyncBatchNorm.convert_sync_batchnorm(network)
        self.loss = LOSSES[self.recipe.loss]()
        self.together = batch_multiple(self.discriminator)
        self._stochastic = getattr(self.generator, "stochastic", False)
        self.latent_dim, self._seed, self._iteration = self.model.latent_dim, train.seed, 0
        self.noise = torch.Generator(device).manual_seed(train.seed)
        self._penalised = any((self.recipe.gradient_penalty, self.recipe.r1, self.recipe.r2))
        self.scalars: tuple[str, ...] = ("generator_loss", "discriminator_loss", "d_real", "d_fake")
        if self._penalised:
            self.scalars += ("penalty",)
        # Latents of their own seeds: drawing a frame leaves the noise of the training untouched.
        self._shown = sample_latents(NUM_PREVIEW_IMAGES, self.latent_dim, train.seed + 1).to(device)
        self._typical = sample_latents(BN_SAMPLES, self.latent_dim, train.seed + 2).to(device)
        self._classes = classes if self.model.conditional else 0
        self._typical_labels = None if labels is None else self._like(labels, train.seed + 2)

    def step(self, batch: Batch) -> Tensor:
        pictures, labels = batch.images, batch.labels if self._classes else None
        rows, moves = batch.rows, (self._iteration + 1) % self.recipe.discriminator_steps == 0
        # All processes draw the latents of the whole batch, so that how many they are makes no difference to them.
        latents = torch.randn(rows, self.latent_dim, generator=self.noise, device=pictures.device)
        with self.randomness(self._iteration, pictures.device), torch.set_grad_enabled(moves):
            fakes, back_to_latents = self._generator.forward(self.team.part(latents), labels)
        logits, reply = self._critic.judge(pictures, fakes, labels, wanted=moves)
        slopes, penalty = self.loss.slopes(*logits), None
        share = len(pictures) / rows
        if self._penalised and self._iteration % self.recipe.penalty_every == 0:
            penalty = self._penalise(pictures, fakes, labels, rows)
        if share != 1:  # before the passes back: SyncBatchNorm, too, adds up what processes have
            slopes = Slopes(*(share * value for value in slopes))
        to_fakes = reply(slopes)
        if to_fakes is not None:
            back_to_latents(to_fakes)
            if self.average is not None:
                self.average.update()
        self._iteration += 1
        means = (logits.sigmoid() if self.recipe.probabilities else logits).flatten(1).mean(1)
        values = [slopes.losses, means if share == 1 else means.mul(share)]
        if self._penalised:
            values.append(logits.new_zeros(1) if penalty is None else penalty.view(1))
        if self._pair is not None and self._pair.active:
            self._pair.settle()  # whoever looks at the networks between two steps is to see all of the last one
        return self.team.add(torch.cat(values))

    def _penalise(self, real: Tensor, fakes: Tensor, labels: Tensor | None, rows: int) -> Tensor:
        """Have the discriminator's next move minimise the recipe's penalties, too; returns their weighted sum, as it is
        added to its loss."""
        recipe, critic, total = self.recipe, self._critic, real.new_zeros(())
        scale = recipe.penalty_every * len(real) / rows
        if recipe.gradient_penalty:
            places = torch.rand(rows, 1, 1, 1, generator=self.noise, device=real.device)
            value = wgan_gp_penalty(partial(critic.answer, labels=labels), real, fakes, self.team.part(places))
            weight = scale * recipe.gradient_penalty
            total = total + weight * critic.penalise(value, weight)
        for half, (gamma, pictures) in enumerate(((recipe.r1, real), (recipe.r2, fakes))):
            if gamma:
                total = total + scale * gamma * critic.zero_centred(pictures, labels, half, scale * gamma)
        return total

    def _suited_pair(self, precision: str) -> Pair | None:
        """A pair, if the machine and this training are for one: penalties by autograd are not."""
        if self.team.size > 1 or precision != "float32" or not Pair.possible():
            return None
        if not Halves.fits(self.generator) or not Halves.fits(self.discriminator):
            return None
        flat = Chain(self.discriminator).piecewise_linear or not (self.recipe.r1 or self.recipe.r2)
        return Pair() if flat and not self.recipe.gradient_penalty else None

    def running(self) -> AbstractContextManager[None]:
        return nullcontext() if self._pair is None else self._pair.working()

    def randomness(self, iteration: int, device: torch.device) -> AbstractContextManager[None]:
        """Random numbers for layers that draw their own: those of the seed and the iteration, also after a stop."""
        return self._seeded(iteration, device) if self._stochastic else nullcontext()

    @contextmanager
    def _seeded(self, iteration: int, device: torch.device) -> Iterator[None]:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            mixed = np.random.SeedSequence([self._seed, iteration, self.team.rank])
            torch.manual_seed(int(mixed.generate_state(1)[0]))
            yield

    @torch.no_grad()
    def preview(self) -> Tensor:
        sampler = self._sampler(BN_SAMPLES_PREVIEW)
        training = sampler.training
        pictures = answer(sampler.eval(), self._shown, self._labels(len(self._shown)))
        sampler.train(training)
        return pictures

    def description(self) -> str:
        batch = -(-64 // self.together) * self.together
        networks = (self.generator, self.discriminator, self.latent_dim, batch)
        return summarize_networks(*networks, conditional=self.model.conditional)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"noise": self.noise.get_state(), "iteration": self._iteration}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.noise.set_state(state["noise"].cpu())
        self._iteration = state["iteration"]

    def _labels(self, count: int) -> Tensor | None:
        """Labels 0, 1, …, again from 0 after the last class, if the game is conditional."""
        return torch.arange(count, device=self._shown.device) % self._classes if self._classes else None

    def _like(self, labels: Tensor, seed: int) -> Tensor | None:
        """Labels for the latents that BatchNorm's statistics are made of, in the proportions of the training split."""
        if not self._classes:
            return None
        seeded = torch.Generator().manual_seed(seed)
        rows = torch.randint(len(labels), (BN_SAMPLES,), generator=seeded)
        return labels[rows.to(labels.device)].to(self._typical.device)

    def _sampler(self, latents: int = BN_SAMPLES) -> nn.Module:
        if self.average is None:
            return self.generator
        labels = self._labels(latents) if self._typical_labels is None else self._typical_labels[:latents]
        with nullcontext() if self._pair is None else self._pair.alone():
            return self.average.settled(self._typical[:latents], labels)
