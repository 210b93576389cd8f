"""Penalties on the discriminator's gradient by its input pictures."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gan.training.recipe import Recipe

TINY = 1e-12  # the square root has no derivative at 0
Critic = Callable[[Tensor], Tensor]  # pictures [B, C, H, W] → logits [B, 1]


def gradient_norms(critic: Critic, pictures: Tensor) -> Tensor:
    """The squared norm of each logit's gradient by all numbers of its picture (or pack): [B]. Can be derived again."""
    x = pictures.detach().requires_grad_()
    logits = critic(x)
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.reshape(len(logits), -1).square().sum(1)


def zero_centred(critic: Critic, pictures: Tensor) -> Tensor:
    """½ E|∇D(x)|²: R1 on real pictures, R2 on fakes (Mescheder et al. 2018, https://arxiv.org/abs/1801.04406)."""
    return gradient_norms(critic, pictures).mean() / 2


def one_centred(critic: Critic, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """E(|∇D(x̂)| − 1)² at x̂ between each real picture and a fake (Gulrajani et al. 2017, equation 3).

    share: for each pair how near x̂ is to the fake, from 0 to 1, [B, 1, 1, 1].
    """
    between = torch.lerp(real, fake.detach(), share)
    return ((gradient_norms(critic, between) + TINY).sqrt() - 1).square().mean()


class Penalties:
    """The penalties of a recipe, and the iterations that have them."""

    def __init__(self, recipe: Recipe, noise: torch.Generator) -> None:
        """noise: where WGAN-GP's places between pictures are drawn from."""
        self._recipe, self._noise = recipe, noise
        self.wanted = bool(recipe.gradient_penalty or recipe.r1 or recipe.r2)

    def due(self, iteration: int) -> bool:
        """Whether iteration number `iteration` has any."""
        return self.wanted and iteration % self._recipe.penalty_every == 0

    def measure(
        self, critic: Critic, real: Tensor, fake: Tensor, rows: int, part: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Their weighted sum, as it is added to the discriminator's loss.

        rows: pictures in the whole batch; part: picks this process's rows.
        """
        total, recipe = real.new_zeros(()), self._recipe
        if recipe.gradient_penalty:
            share = torch.rand(rows, 1, 1, 1, generator=self._noise, device=real.device)
            total = total + recipe.gradient_penalty * one_centred(critic, real, fake, part(share))
        if recipe.r1:
            total = total + recipe.r1 * zero_centred(critic, real)
        if recipe.r2:
            total = total + recipe.r2 * zero_centred(critic, fake)
        return total * recipe.penalty_every


def gradients(penalty: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Of a penalty by the discriminator's parameters; zero by those, such as the last bias, that it does not see."""
    found = torch.autograd.grad(penalty, list(parameters), materialize_grads=True)
    return [gradient.contiguous() for gradient in found]
