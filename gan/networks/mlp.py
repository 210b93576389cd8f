"""Multilayer perceptrons for pictures (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661)."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from gan.config import UserError
from gan.networks.config import ModelConfig
from gan.networks.layers import (
    MinibatchDiscrimination,
    OneHotEmbedding,
    PackImages,
    UnconditionalSequential,
    check_labels,
)
from gan.networks.linear import Linear

ImageShape = tuple[int, int, int]  # channels, height, width
MAX_SIDE = 128  # beyond it the last layer alone has more than 50 million weights for an RGB picture


def check_image_shape(shape: ImageShape) -> None:
    """Raise UserError if these networks cannot make pictures of this shape."""
    if max(shape[1:]) > MAX_SIDE:
        raise UserError(
            f"prepare.image_size: model.architecture mlp draws pictures of up to {MAX_SIDE} pixels a side, "
            f"these have {shape[1]}×{shape[2]}; set prepare.image_size to {MAX_SIDE} or less, "
            "or model.architecture to dcgan"
        )


def generator(config: ModelConfig, shape: ImageShape, classes: int) -> nn.Module:
    """[B, latent_dim] (and labels [B], if there are classes) → [B, C, H, W] in [-1, 1]."""
    widths, slope, momentum = config.generator_widths, config.leaky_slope, config.batchnorm_momentum
    if not classes:
        return Generator(shape, config.latent_dim, widths, slope, momentum)
    return ConcatLabels(classes, Generator(shape, config.latent_dim + classes, widths, slope, momentum))


def discriminator(config: ModelConfig, shape: ImageShape, classes: int) -> nn.Module:
    """[B, C, H, W] (and labels [B], if there are classes) → logits [B / packing, 1]."""
    inputs = prod(shape) * config.packing + classes
    network = Discriminator(inputs, config.discriminator_widths, config.leaky_slope, config.minibatch_discrimination)
    if config.packing > 1:
        return UnconditionalSequential(PackImages(config.packing), *network)
    return ConcatLabels(classes, network) if classes else network


class Generator(UnconditionalSequential):
    """Latents [B, latent_dim] to pictures [B, C, H, W] in [-1, 1].

    Linear and LeakyReLU layers of the given widths, BatchNorm in all but the first, then a Linear layer and tanh.
    `momentum` is BatchNorm's in PyTorch's sense, the weight of the newest batch in the running statistics.
    """

    def __init__(
        self, shape: ImageShape, latent_dim: int, widths: Sequence[int], slope: float, momentum: float
    ) -> None:
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(zip([latent_dim, *widths], widths, strict=False)):
            layers.append(Linear(inputs, outputs))
            if i > 0:
                layers.append(nn.BatchNorm1d(outputs, momentum=momentum))
            layers.append(nn.LeakyReLU(slope, inplace=True))
        last = [latent_dim, *widths][-1]
        super().__init__(*layers, Linear(last, prod(shape)), nn.Tanh(), nn.Unflatten(1, shape))


class Discriminator(UnconditionalSequential):
    """Pictures [B, C, H, W] to logits [B, 1] of being real: Linear and LeakyReLU layers of the given widths.

    Treats every picture of a batch by itself, unless there is minibatch discrimination before the last layer.
    """

    def __init__(self, inputs: int, widths: Sequence[int], slope: float, minibatch: bool = False) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        for before, outputs in zip([inputs, *widths], widths, strict=False):
            layers += [Linear(before, outputs), nn.LeakyReLU(slope, inplace=True)]
        last = [inputs, *widths][-1]
        if minibatch:
            layers.append(MinibatchDiscrimination(last))
            last += MinibatchDiscrimination(1).kernels
        super().__init__(*layers, Linear(last, 1))


class ConcatLabels(nn.Module):
    """A network that finds a learnt vector of the class, as long as there are classes, behind its input [B, ...]
    (Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784)."""

    def __init__(self, classes: int, network: nn.Sequential) -> None:
        super().__init__()
        self.embedding, self.network = OneHotEmbedding(classes, classes), network

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, len(self.embedding.weight))
        output: Tensor = self.network(torch.cat([x.flatten(1), self.embedding(labels)], 1))
        return output
