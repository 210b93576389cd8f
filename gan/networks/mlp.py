"""Multilayer perceptrons for images (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661)."""

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

MAX_SIDE = 128  # for a larger RGB image, the last layer alone has more than 50 million weights


def check_image_shape(shape: ImageShape) -> None:
    """Raise UserError if these networks cannot generate images of this shape."""
    _, height, width = shape
    if max(height, width) > MAX_SIDE:
        raise UserError(
            f"prepare.image_size: model.architecture mlp takes images of at most {MAX_SIDE} pixels a side, got "
            f"{height}×{width}; set prepare.image_size to {MAX_SIDE} or less, or model.architecture to dcgan"
        )


def generator(config: ModelConfig, shape: ImageShape, num_classes: int) -> nn.Module:
    """z [B, latent_dim], labels [B] if there are classes → images [B, C, H, W] in [-1, 1]."""
    network = Generator(config, shape, num_classes)
    return ConcatLabels(num_classes, network) if num_classes else network


def discriminator(config: ModelConfig, shape: ImageShape, num_classes: int) -> nn.Module:
    """Images [B, C, H, W], labels [B] if there are classes → logits [B / packing, 1]. No classes with packing > 1."""
    network = Discriminator(config, shape, num_classes)
    if config.packing > 1:
        return UnconditionalSequential(PackImages(config.packing), *network)
    return ConcatLabels(num_classes, network) if num_classes else network


class Generator(UnconditionalSequential):
    """z [B, latent_dim + num_classes] → images [B, C, H, W] in [-1, 1].

    Hidden layers are Linear, BatchNorm (in all but the first) and LeakyReLU. The last layer is Linear with tanh.
    """

    def __init__(self, config: ModelConfig, shape: ImageShape, num_classes: int = 0) -> None:
        layers: list[nn.Module] = []
        in_features = config.latent_dim + num_classes
        for i, size in enumerate(config.generator_widths):
            layers.append(Linear(in_features, size))
            if i > 0:
                layers.append(nn.BatchNorm1d(size, momentum=config.batchnorm_momentum))
            layers.append(nn.LeakyReLU(config.leaky_slope, inplace=True))
            in_features = size
        super().__init__(*layers, Linear(in_features, prod(shape)), nn.Tanh(), nn.Unflatten(1, shape))


class Discriminator(UnconditionalSequential):
    """Images [B, ...] with packing · C · H · W + num_classes values → logits [B, 1] of being real.

    Hidden layers are Linear and LeakyReLU. Minibatch discrimination is before the last layer.
    """

    def __init__(self, config: ModelConfig, shape: ImageShape, num_classes: int = 0) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        in_features = prod(shape) * config.packing + num_classes
        for size in config.discriminator_widths:
            layers += [Linear(in_features, size), nn.LeakyReLU(config.leaky_slope, inplace=True)]
            in_features = size
        if config.minibatch_discrimination:
            layers.append(MinibatchDiscrimination(in_features))
            in_features += MinibatchDiscrimination(1).num_kernels
        super().__init__(*layers, Linear(in_features, 1))


class ConcatLabels(nn.Module):
    """Concatenate a learned embedding of the labels to the flattened input of `network`.

    x [B, ...], labels [B] → network([B, D + num_classes]). Conditional GAN, Mirza and Osindero 2014
    (https://arxiv.org/abs/1411.1784).
    """

    def __init__(self, num_classes: int, network: nn.Module) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.embedding = OneHotEmbedding(num_classes, num_classes)
        self.network = network

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, self.num_classes)
        output: Tensor = self.network(torch.cat([x.flatten(1), self.embedding(labels)], 1))
        return output
