"""Every noise-to-image system as a plain loop: torch's own optimizer, everything in its place, nothing shared.

What tests compare the engine's steps with, and what benchmarks.system_speed times it against.
"""

import copy
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gan.data.dataset import Batch
from gan.training.trainer import GANTrainer


def losses(name: str, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The generator's and the discriminator's loss at logits of real pictures and fakes, from the papers."""
    log_d, log_not_d = real.sigmoid().log().mean(), (1 - fake.sigmoid()).log().mean()
    formulas: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
        "non-saturating": lambda: (-fake.sigmoid().log().mean(), -(log_d + log_not_d) / 2),
        "saturating": lambda: (log_not_d, -(log_d + log_not_d) / 2),
        "lsgan": lambda: (((fake - 1) ** 2).mean() / 2, ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2),
        "hinge": lambda: (-fake.mean(), (1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()),
        "wgan-gp": lambda: (-fake.mean(), fake.mean() - real.mean()),
        "relativistic": lambda: (softplus(-(fake - real)).mean(), softplus(-(real - fake)).mean()),
    }
    return formulas[name]()


class Plain:
    """The same training as a game's, from copies of its networks and with the same noise, written as papers do."""

    def __init__(self, game: GANTrainer, seed: int) -> None:
        """seed: train.seed of the game, which has not made a step yet."""
        self.generator, self.discriminator = copy.deepcopy(game.generator), copy.deepcopy(game.discriminator)
        self._game, self._recipe, self._step = game, game.recipe, 0
        self._noise = torch.Generator().manual_seed(seed)
        betas = self._recipe.betas
        self._optimizers = (
            torch.optim.Adam(self.generator.parameters(), lr=self._recipe.lr, betas=betas),
            torch.optim.Adam(self.discriminator.parameters(), lr=self._recipe.discriminator_lr, betas=betas),
        )

    def step(self, batch: Batch) -> None:
        """One iteration."""
        recipe, count = self._recipe, len(batch.images)
        labels = [batch.labels] if self._game.model.conditional and batch.labels is not None else []
        z = torch.randn(count, self._game.latent_dim, generator=self._noise)
        moves = (self._step + 1) % recipe.discriminator_steps == 0
        with self._game.randomness(self._step, z.device), nullcontext() if moves else torch.no_grad():
            fake = self.generator(z, *labels)
        if moves:
            judged = self.discriminator(batch.images, *labels), self.discriminator(fake, *labels)
            of_generator, _ = losses(recipe.loss, *judged)
            gradients = torch.autograd.grad(of_generator, list(self.generator.parameters()))
        fake = fake.detach()
        judged = self.discriminator(batch.images, *labels), self.discriminator(fake, *labels)
        _, total = losses(recipe.loss, *judged)
        if self._step % recipe.penalty_every == 0:
            if recipe.gradient_penalty:
                share = torch.rand(count, 1, 1, 1, generator=self._noise)
                between = (1 - share) * batch.images + share * fake
                penalty = ((self._norms(between, labels) - 1) ** 2).mean()
                total = total + recipe.penalty_every * recipe.gradient_penalty * penalty
            for weight, pictures in ((recipe.r1, batch.images), (recipe.r2, fake)):
                if weight:
                    penalty = (self._norms(pictures, labels) ** 2).mean()
                    total = total + recipe.penalty_every * weight / 2 * penalty
        self._optimizers[1].zero_grad()
        total.backward()
        self._optimizers[1].step()
        if moves:
            for parameter, gradient in zip(self.generator.parameters(), gradients, strict=True):
                parameter.grad = gradient
            self._optimizers[0].step()
        self._step += 1

    def _norms(self, pictures: Tensor, labels: list[Tensor]) -> Tensor:
        """Of each logit's gradient by its pictures."""
        x = pictures.detach().requires_grad_()
        logits = self.discriminator(x, *labels)
        (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
        squares: Tensor = gradient.reshape(len(logits), -1).square().sum(1)
        return squares.sqrt()
