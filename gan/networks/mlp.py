"""Multilayer perceptrons for pictures (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661)."""

from collections.abc import Sequence
from math import prod

from torch import nn

PictureShape = tuple[int, int, int]  # channels, height, width


class Generator(nn.Sequential):
    """Latents [B, latent_dim] to pictures [B, C, H, W] in [-1, 1].

    Linear and LeakyReLU layers of the given widths, BatchNorm in all but the first, then a Linear layer and tanh.
    `momentum` is BatchNorm's in PyTorch's sense, the weight of the newest batch in the running statistics.
    """

    def __init__(
        self, shape: PictureShape, latent_dim: int, widths: Sequence[int], slope: float, momentum: float
    ) -> None:
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(zip([latent_dim, *widths], widths, strict=False)):
            layers.append(nn.Linear(inputs, outputs))
            if i > 0:
                layers.append(nn.BatchNorm1d(outputs, momentum=momentum))
            layers.append(nn.LeakyReLU(slope, inplace=True))
        last = [latent_dim, *widths][-1]
        super().__init__(*layers, nn.Linear(last, prod(shape)), nn.Tanh(), nn.Unflatten(1, shape))


class Discriminator(nn.Sequential):
    """Pictures [B, C, H, W] to logits [B, 1] of being real. Treats every picture of a batch by itself."""

    def __init__(self, shape: PictureShape, widths: Sequence[int], slope: float) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in zip([prod(shape), *widths], widths, strict=False):
            layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(slope, inplace=True)]
        super().__init__(*layers, nn.Linear([prod(shape), *widths][-1], 1))
