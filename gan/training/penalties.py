"""Penalties on the discriminator's gradient by its input pictures."""

from collections.abc import Callable

import torch
from torch import Tensor

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
