"""Convolutional networks for images: DCGAN (Radford et al. 2016, https://arxiv.org/abs/1511.06434)."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from gan.config import UserError
from gan.networks.config import ModelConfig
from gan.networks.layers import (
    ConditionalBatchNorm2d,
    MinibatchDiscrimination,
    OneHotEmbedding,
    PackImages,
    check_labels,
    init_weights,
)
from gan.networks.mlp import ImageShape

Size = tuple[int, int]  # height, width


def check_image_shape(shape: ImageShape) -> None:
    """Raise UserError if these networks cannot generate images of this shape."""
    check_sides("dcgan", shape, min_side=8)


def check_sides(architecture: str, shape: ImageShape, min_side: int, multiple: int = 1) -> None:
    """Raise UserError unless both sides have at least `min_side` pixels and are multiples of `multiple`."""
    _, height, width = shape
    if min(height, width) < min_side or height % multiple or width % multiple:
        multiples = f", in multiples of {multiple}" if multiple > 1 else ""
        raise UserError(
            f"prepare.image_size: model.architecture {architecture} takes images of at least {min_side} pixels a side"
            f"{multiples}, got {height}×{width}; set it to 28, 32 or 64, for example"
        )


def feature_map_sizes(height: int, width: int) -> list[Size]:
    """Return sizes of feature maps, smallest first: each half the next, rounded up, down to at most 4 pixels a side."""
    sizes = [(height, width)]
    while min(height, width) > 4:
        height = (height + 1) // 2
        width = (width + 1) // 2
        sizes.insert(0, (height, width))
    return sizes


def kernel_size(size: Size) -> Size:
    """Return the kernel size of a convolution of stride 2 between maps of this size and half of it.

    A side is 4, which covers all pixels equally often and leaves no checkerboard, or 3 if the side of the map is odd.
    """
    return 4 - size[0] % 2, 4 - size[1] % 2


def channels_per_level(num_levels: int, base_channels: int) -> list[int]:
    """Return the channels of all levels but the full size, smallest maps first: 3 levels of base 64 → 256, 128, 64."""
    return [base_channels * min(2**i, 8) for i in range(num_levels - 1, -1, -1)]


class Generator(nn.Module):
    """z [B, latent_dim], labels [B] if there are classes → images [B, C, H, W] in [-1, 1].

    A Linear layer computes the smallest maps. Transposed convolutions double their size. BatchNorm and ReLU follow all
    layers but the last, which has tanh. With classes, BatchNorm is conditional.
    """

    def __init__(self, config: ModelConfig, shape: ImageShape, num_classes: int = 0) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.base_size, *larger_sizes = feature_map_sizes(shape[1], shape[2])
        channels = channels_per_level(len(larger_sizes), config.base_channels)
        self.input_layer = nn.Linear(config.latent_dim, channels[0] * self.base_size[0] * self.base_size[1], bias=False)
        self.upsample = nn.ModuleList(
            nn.ConvTranspose2d(in_channels, out_channels, kernel_size(size), 2, 1, bias=size == shape[1:])
            for (in_channels, out_channels), size in zip(pairwise([*channels, shape[0]]), larger_sizes, strict=True)
        )
        self.norms = nn.ModuleList(
            ConditionalBatchNorm2d(num_channels, num_classes) if num_classes else nn.BatchNorm2d(num_channels)
            for num_channels in channels
        )
        init_weights(self)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, self.num_classes)
        x: Tensor = self.input_layer(z).unflatten(1, (-1, *self.base_size))
        # Convolutions are fastest in this format on a CPU, and on a GPU in mixed precision.
        x = x.contiguous(memory_format=torch.channels_last)
        for norm, upsample in zip(self.norms, self.upsample, strict=True):
            x = norm(x) if labels is None else norm(x, labels)
            x = upsample(torch.relu(x))
        return x.contiguous().tanh()


class Discriminator(nn.Module):
    """Images [B, C, H, W], labels [B] if there are classes → logits [B / packing, 1] of being real.

    Convolutions halve the size of the maps. LeakyReLU follows each, BatchNorm (optional) all but the first. With
    classes, the features' inner product with a learned embedding of the label is added to the logit (projection,
    Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637).
    """

    def __init__(self, config: ModelConfig, shape: ImageShape, num_classes: int = 0) -> None:
        super().__init__()
        self.num_classes = num_classes
        batchnorm = config.discriminator_norm == "batch"
        base_size, *larger_sizes = feature_map_sizes(shape[1], shape[2])
        channels = [shape[0] * config.packing, *reversed(channels_per_level(len(larger_sizes), config.base_channels))]
        layers: list[nn.Module] = [PackImages(config.packing)] if config.packing > 1 else []
        for (in_channels, out_channels), size in zip(pairwise(channels), reversed(larger_sizes), strict=True):
            normalize = batchnorm and size != shape[1:]
            layers.append(nn.Conv2d(in_channels, out_channels, kernel_size(size), 2, 1, bias=not normalize))
            if normalize:
                layers.append(nn.BatchNorm2d(out_channels))
            layers.append(nn.LeakyReLU(config.leaky_slope))
        num_features = channels[-1] * base_size[0] * base_size[1]
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.embedding = OneHotEmbedding(num_classes, num_features) if num_classes else None
        self.minibatch_discrimination = None
        if config.minibatch_discrimination:
            self.minibatch_discrimination = MinibatchDiscrimination(num_features)
            num_features += self.minibatch_discrimination.num_kernels
        self.output_layer = nn.Linear(num_features, 1)
        init_weights(self, None if batchnorm else config.leaky_slope)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, self.num_classes)
        features = self.features(images.contiguous(memory_format=torch.channels_last))
        x = features if self.minibatch_discrimination is None else self.minibatch_discrimination(features)
        logits: Tensor = self.output_layer(x)
        if self.embedding is not None:
            logits = logits + (features * self.embedding(labels)).sum(1, keepdim=True)
        return logits
