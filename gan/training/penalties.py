"""Penalties on the gradient of the discriminator with respect to its input images."""

from collections.abc import Callable

import torch
from torch import Tensor

EPS = 1e-12  # the square root has no derivative at 0

DiscriminatorFn = Callable[[Tensor], Tensor]
"""Images [B, C, H, W] to logits [B, 1]."""


def squared_gradient_norms(images: Tensor, logits: Tensor) -> Tensor:
    """Return ‖∇D(x)‖² for every logit: [B], differentiable.

    images: [B, C, H, W], the discriminator's input, which requires gradients. A pack of images has one logit and one
    norm.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.reshape(len(logits), -1).square().sum(1)


def zero_centered_penalty(images: Tensor, logits: Tensor) -> Tensor:
    """Return ½ E‖∇D(x)‖²: R1 on real images, R2 on fake ones (Mescheder et al. 2018, equation 9).

    https://arxiv.org/abs/1801.04406
    """
    return squared_gradient_norms(images, logits).mean() / 2


def wgan_gp_penalty(discriminator: DiscriminatorFn, real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
    """Return E(‖∇D(x̂)‖ − 1)² at x̂ = (1 − α) real + α fake (Gulrajani et al. 2017, equation 3).

    alpha: uniform in [0, 1], one value per pair of images, [B, 1, 1, 1]. https://arxiv.org/abs/1704.00028
    """
    interpolates = torch.lerp(real.detach(), fake.detach(), alpha).requires_grad_()
    norms = (squared_gradient_norms(interpolates, discriminator(interpolates)) + EPS).sqrt()
    return (norms - 1).square().mean()
