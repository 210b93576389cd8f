"""The game of two translators against two discriminators: CycleGAN."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan.data.dataset import Batch
from gan.networks.config import ModelConfig
from gan.networks.cyclegan import CycleDiscriminators, CycleGenerators
from gan.networks.factory import build_discriminator, build_generator
from gan.networks.mlp import ImageShape
from gan.networks.summary import network_summary
from gan.training.config import TrainConfig
from gan.training.distributed import SINGLE_PROCESS, DistributedContext
from gan.training.ema import EMA
from gan.training.hparams import resolve_hparams, resolve_model_config
from gan.training.losses import LOSSES
from gan.training.player import Player
from gan.training.trainer import BaseTrainer

POOL_SIZE = 50  # past translations that the discriminators are shown


class CycleGANTrainer(BaseTrainer):
    """Pictures of one set are translated to another and back, without pairs (Zhu et al. 2017, CycleGAN, equation 3).

    Each translator is to deceive a discriminator of the set that it translates to; there and back again is to give the
    picture that it began with (`cycle`, L1), and what is of the set already is to be left alone (`identity`, L1). The
    translators move first; the discriminators then learn from fakes half of which are older (a pool of 50). Several
    processes have no pool: each would have one of its own, and a run that goes on only that of the first.
    """

    together = 1
    scalars = ("generator_loss", "discriminator_loss", "d_real", "d_fake", "cycle_error", "identity_error")

    def __init__(
        self,
        model: ModelConfig,
        train: TrainConfig,
        shape: ImageShape,
        device: torch.device | str = "cpu",
        *,
        examples: Tensor,
        team: DistributedContext = SINGLE_PROCESS,
        precision: str = "float32",
    ) -> None:
        """examples: pictures of the first set in [-1, 1], [N, C, H, W], whose translations are the frames."""
        self.team, self.recipe = team, resolve_hparams(model, train, max(shape[1:]))
        self.model = resolve_model_config(model, self.recipe)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(train.seed)
            translators, critics = build_generator(self.model, shape), build_discriminator(self.model, shape)
        assert isinstance(translators, CycleGenerators) and isinstance(critics, CycleDiscriminators)
        self.generator = self.translators = translators.to(device)
        self.discriminator = self.critics = critics.to(device)
        more: dict[str, Any] = {"team": team, "bfloat16": precision == "bfloat16"}
        self._generator = Player(self.translators, self.recipe.lr, self.recipe.betas, **more)
        self._critic = Player(self.critics, self.recipe.discriminator_lr, self.recipe.betas, **more)
        self.average = EMA(self.translators, train.ema) if train.ema > 0 else None
        self.loss, self._weights = LOSSES[self.recipe.loss](), (train.cycle_weight, train.identity_weight)
        # The paper halves the discriminators' squares alone; LeastSquares halves the generator's, too.
        self._scale = 2.0 if self.recipe.loss == "lsgan" else 1.0
        self._examples = examples.to(device)
        self._random = torch.Generator().manual_seed(train.seed)
        self._pools = [torch.zeros(0, *shape, device=device) for _ in range(2)]

    def step(self, batch: Batch) -> Tensor:
        a, b = batch.images, batch.target
        assert b is not None
        share = len(a) / batch.rows
        with self._critic.mixed(a.device):
            real = self._judge(a, b)  # serves both moves
        with self._generator.mixed(a.device):
            fake_b, fake_a = self.translators.there(a), self.translators.back(b)
            cycle = _difference(self.translators.back(fake_b), a) + _difference(self.translators.there(fake_a), b)
            same = _difference(self.translators.there(b), b) + _difference(self.translators.back(a), a)
            pairs = zip(real, self._judge(fake_a, fake_b), strict=True)
            fooled = [self.loss.generator(on_real.detach(), on_fake) for on_real, on_fake in pairs]
            adversarial = fooled[0] + fooled[1]
            total = self._scale * adversarial + self._weights[0] * cycle + self._weights[1] * same
        gradients = torch.autograd.grad(total * share, self._generator.parameters)
        old_a, old_b = (self._older(i, _full(fake.detach())) for i, fake in enumerate((fake_a, fake_b)))
        with self._critic.mixed(a.device):
            fake = self._judge(old_a, old_b)
            losses = [self.loss.discriminator(*pair) for pair in zip(real, fake, strict=True)]
        against = torch.autograd.grad((losses[0] + losses[1]) * share, self._critic.parameters)
        self._generator.move(gradients)
        self._critic.move(against)
        if self.average is not None:
            self.average.update()
        answers = [torch.cat([x.flatten() for x in some]).detach() for some in (real, fake)]
        means = [(x.sigmoid() if self.recipe.probabilities else x).mean() for x in answers]
        values = [adversarial.detach() / 2, (losses[0] + losses[1]).detach() / 2, *means, cycle.detach(), same.detach()]
        return self.team.add(torch.stack(values) * share)

    def _judge(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of pictures of both sets, in one row each."""
        return _full(self.critics.source(a)).flatten(), _full(self.critics.target(b)).flatten()

    def _older(self, which: int, fakes: Tensor) -> Tensor:
        """Fakes for a discriminator: each one, or with a chance of ½ an older one, whose place in the pool it takes."""
        if self.team.size > 1:
            return fakes
        pool, size = self._pools[which], max(POOL_SIZE, len(fakes))
        if len(pool) < size:
            self._pools[which] = torch.cat([pool, fakes[: size - len(pool)]])
            return fakes
        swapped = torch.rand(len(fakes), generator=self._random) < 0.5
        places = torch.randperm(size, generator=self._random)[: len(fakes)][swapped].to(fakes.device)
        swapped, shown = swapped.to(fakes.device), fakes.clone()
        shown[swapped] = pool[places]
        pool[places] = fakes[swapped]
        return shown

    @torch.no_grad()
    def preview(self) -> Tensor:
        translated: Tensor = self._sampler()(self._examples)
        return translated

    def description(self) -> str:
        pictures = self._examples[:1].expand(64, -1, -1, -1)
        there, target = self.translators.there, self.critics.target
        return (
            network_summary("Translator, there (the one back is alike)", there, pictures)
            + "\n"
            + network_summary("Discriminator of the target (that of the source is alike)", target, pictures)
        )

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"random": self._random.get_state(), "pools": self._pools}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._random.set_state(state["random"].cpu())
        self._pools = [pool.to(self._examples.device) for pool in state["pools"]]

    def _sampler(self) -> nn.Module:
        return self.translators if self.average is None else self.average.settled(self._examples)


def _difference(one: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference."""
    return (_full(one) - other).abs().mean()


def _full(x: Tensor) -> Tensor:
    """Losses are not made in bfloat16."""
    return x.float() if x.dtype == torch.bfloat16 else x
