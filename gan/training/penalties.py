"""Penalties on the discriminator's gradient by its input pictures."""

from collections.abc import Callable

import torch
from torch import Tensor

EPS = 1e-12  # the square root has no derivative at 0
DiscriminatorFn = Callable[[Tensor], Tensor]  # pictures [B, C, H, W] → logits [B, 1]


def squared_gradient_norms(critic: DiscriminatorFn, pictures: Tensor) -> Tensor:
    """The squared norm of each logit's gradient by all numbers of its picture (or pack): [B]. Can be derived again."""
    x = pictures.detach().requires_grad_()
    logits = critic(x)
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.reshape(len(logits), -1).square().sum(1)


def zero_centered_penalty(critic: DiscriminatorFn, pictures: Tensor) -> Tensor:
    """½ E|∇D(x)|²: R1 on real pictures, R2 on fakes (Mescheder et al. 2018, https://arxiv.org/abs/1801.04406)."""
    return squared_gradient_norms(critic, pictures).mean() / 2


def wgan_gp_penalty(critic: DiscriminatorFn, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """E(|∇D(x̂)| − 1)² at x̂ between each real picture and a fake (Gulrajani et al. 2017, equation 3).

    share: for each pair how near x̂ is to the fake, from 0 to 1, [B, 1, 1, 1].
    """
    between = torch.lerp(real, fake.detach(), share)
    return ((squared_gradient_norms(critic, between) + EPS).sqrt() - 1).square().mean()
