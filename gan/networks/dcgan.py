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

MIN_SIDE = 8  # pixels
BASE_SIZE = 4  # feature maps are halved until a side has at most this many pixels
MAX_CHANNEL_MULTIPLIER = 8  # of base_channels

Size = tuple[int, int]  # height, width


def check_image_shape(shape: ImageShape) -> None:
    """Raise UserError if these networks cannot generate images of this shape."""
    _, height, width = shape
    if min(height, width) < MIN_SIDE:
        raise UserError(
            f"prepare.image_size: model.architecture dcgan takes images of at least {MIN_SIDE} pixels a side, got "
            f"{height}×{width}; set it to 28, 32 or 64, for example"
        )


def feature_map_sizes(height: int, width: int) -> list[Size]:
    """Return the sizes of feature maps from smallest to largest, each half the next, rounded up: 28 → 4, 7, 14, 28."""
    sizes = [(height, width)]
    while min(height, width) > BASE_SIZE:
        height = (height + 1) // 2
        width = (width + 1) // 2
        sizes.insert(0, (height, width))
    return sizes


def kernel_size(size: Size) -> Size:
    """Return the kernel size of a convolution of stride 2 between maps of this size and half of it.

    A side of the kernel is 4, or 3 where the side of the map is odd. With stride 2, a kernel of 4 covers all pixels
    equally often, so it leaves no checkerboard.
    """
    return 4 - size[0] % 2, 4 - size[1] % 2


def channels_per_level(num_levels: int, base_channels: int) -> list[int]:
    """Return the channels of all levels but the full size, smallest maps first: 3 levels of base 64 → 256, 128, 64."""
    return [base_channels * min(2**i, MAX_CHANNEL_MULTIPLIER) for i in range(num_levels - 1, -1, -1)]


def generator(config: ModelConfig, shape: ImageShape, num_classes: int) -> nn.Module:
    """z [B, latent_dim], labels [B] if there are classes → images [B, C, H, W] in [-1, 1]."""
    return Generator(shape, config.latent_dim, config.base_channels, num_classes)


def discriminator(config: ModelConfig, shape: ImageShape, num_classes: int) -> nn.Module:
    """Images [B, C, H, W], labels [B] if there are classes → logits [B / packing, 1]."""
    return Discriminator(
        shape,
        config.base_channels,
        num_classes,
        leaky_slope=config.leaky_slope,
        batchnorm=config.discriminator_norm == "batch",
        packing=config.packing,
        minibatch_discrimination=config.minibatch_discrimination,
    )


class Generator(nn.Module):
    """z [B, latent_dim], labels [B] if there are classes → images [B, C, H, W] in [-1, 1].

    A Linear layer computes the smallest maps. Transposed convolutions double their size. BatchNorm and ReLU follow all
    layers but the last, which has tanh. With classes, BatchNorm is conditional.
    """

    def __init__(self, shape: ImageShape, latent_dim: int, base_channels: int, num_classes: int = 0) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.base_size, *larger_sizes = feature_map_sizes(shape[1], shape[2])
        channels = channels_per_level(len(larger_sizes), base_channels)
        self.input_layer = nn.Linear(latent_dim, channels[0] * self.base_size[0] * self.base_size[1], bias=False)
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
    classes, the inner product of the features with a learned embedding of the label is added to the logit (projection
    discriminator, Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637).
    """

    def __init__(
        self,
        shape: ImageShape,
        base_channels: int,
        num_classes: int = 0,
        *,
        leaky_slope: float = 0.2,
        batchnorm: bool = True,
        packing: int = 1,
        minibatch_discrimination: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        base_size, *larger_sizes = feature_map_sizes(shape[1], shape[2])
        channels = [shape[0] * packing, *reversed(channels_per_level(len(larger_sizes), base_channels))]
        layers: list[nn.Module] = [PackImages(packing)] if packing > 1 else []
        for (in_channels, out_channels), size in zip(pairwise(channels), reversed(larger_sizes), strict=True):
            normalize = batchnorm and size != shape[1:]
            layers.append(nn.Conv2d(in_channels, out_channels, kernel_size(size), 2, 1, bias=not normalize))
            if normalize:
                layers.append(nn.BatchNorm2d(out_channels))
            layers.append(nn.LeakyReLU(leaky_slope))
        num_features = channels[-1] * base_size[0] * base_size[1]
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.embedding = OneHotEmbedding(num_classes, num_features) if num_classes else None
        self.minibatch_discrimination = MinibatchDiscrimination(num_features) if minibatch_discrimination else None
        if self.minibatch_discrimination is not None:
            num_features += self.minibatch_discrimination.num_kernels
        self.output_layer = nn.Linear(num_features, 1)
        init_weights(self, None if batchnorm else leaky_slope)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, self.num_classes)
        features = self.features(images.contiguous(memory_format=torch.channels_last))
        x = features if self.minibatch_discrimination is None else self.minibatch_discrimination(features)
        logits: Tensor = self.output_layer(x)
        if self.embedding is not None:
            logits = logits + (features * self.embedding(labels)).sum(1, keepdim=True)
        return logits
