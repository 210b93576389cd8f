"""Convolutional networks for pictures (Radford et al. 2016, DCGAN, https://arxiv.org/abs/1511.06434)."""

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

MIN_SIDE = 8  # pixels a side of a picture
BASE_SIZE = 4  # pixels a side, to which maps are halved: there a feature is of most of a picture
MAX_CHANNEL_MULTIPLIER = 8  # the most feature maps, as a multiple of base_channels

Size = tuple[int, int]  # height, width


def check_image_shape(shape: ImageShape) -> None:
    """Raise UserError if these networks cannot make pictures of this shape."""
    _, height, width = shape
    if min(height, width) < MIN_SIDE:
        raise UserError(
            f"prepare.image_size: model.architecture dcgan draws pictures of {MIN_SIDE} pixels a side and more, these "
            f"have {height}×{width}; set it to 28, 32 or 64, for example"
        )


def feature_map_sizes(height: int, width: int) -> list[Size]:
    """Sizes of the maps from the smallest to the picture's own, each half the next, rounded up: 28 → 4, 7, 14, 28."""
    found = [(height, width)]
    while min(found[0]) > BASE_SIZE:
        found.insert(0, ((found[0][0] + 1) // 2, (found[0][1] + 1) // 2))
    return found


def kernel_size(large: Size) -> Size:
    """That of a convolution of stride 2 between maps of a size and half of it: 4, or 3 where the size is odd.

    One of 4 reaches every pixel equally often, so it leaves no checkerboard.
    """
    return 4 - large[0] % 2, 4 - large[1] % 2


def channels_per_level(count: int, base: int) -> list[int]:
    """Feature maps of `count` levels below a picture's own size, the smallest first: 28 → 256, 128, 64 of base 64."""
    return [base * min(2**i, MAX_CHANNEL_MULTIPLIER) for i in range(count - 1, -1, -1)]


def generator(config: ModelConfig, shape: ImageShape, classes: int) -> nn.Module:
    """[B, latent_dim] (and labels [B], if there are classes) → [B, C, H, W] in [-1, 1]."""
    return Generator(shape, config.latent_dim, config.base_channels, classes)


def discriminator(config: ModelConfig, shape: ImageShape, classes: int) -> nn.Module:
    """[B, C, H, W] (and labels [B], if there are classes) → logits [B / packing, 1]."""
    return Discriminator(
        shape,
        config.base_channels,
        classes,
        slope=config.leaky_slope,
        norm=config.discriminator_norm == "batch",
        packing=config.packing,
        minibatch=config.minibatch_discrimination,
    )


class Generator(nn.Module):
    """Latents [B, latent_dim] to pictures [B, C, H, W] in [-1, 1].

    A Linear layer makes the smallest maps; transposed convolutions double their size. BatchNorm and ReLU after all but
    the last. With classes, each has a scale and a shift of its own in every BatchNorm.
    """

    def __init__(self, shape: ImageShape, latent_dim: int, base: int, classes: int = 0) -> None:
        super().__init__()
        self.num_classes = classes
        self.start, *larger = feature_map_sizes(shape[1], shape[2])
        maps = channels_per_level(len(larger), base)
        self.first = nn.Linear(latent_dim, maps[0] * self.start[0] * self.start[1], bias=False)
        channels = [*maps, shape[0]]
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(before, after, kernel_size(size), 2, 1, bias=size == shape[1:])
            for (before, after), size in zip(pairwise(channels), larger, strict=True)
        )
        self.norms = nn.ModuleList(
            ConditionalBatchNorm2d(count, classes) if classes else nn.BatchNorm2d(count) for count in maps
        )
        init_weights(self)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, self.num_classes)
        x: Tensor = self.first(latents).unflatten(1, (-1, *self.start))
        # Channels last: what convolutions on the CPU, and on GPUs with mixed precision, are fastest with.
        x = x.contiguous(memory_format=torch.channels_last)
        for norm, up in zip(self.norms, self.ups, strict=True):
            x = up(torch.relu(norm(x) if labels is None else norm(x, labels)))
        return x.contiguous().tanh()


class Discriminator(nn.Module):
    """Pictures [B, C, H, W] to logits [B / packing, 1] of being real.

    Convolutions halve the maps' size; LeakyReLU after each, BatchNorm (if `norm`) in all but the first. With
    classes the logit gets the product of the last features with a learnt vector of the class (Miyato and Koyama 2018,
    projection discriminator, https://arxiv.org/abs/1802.05637).
    """

    def __init__(
        self,
        shape: ImageShape,
        base: int,
        classes: int = 0,
        *,
        slope: float = 0.2,
        norm: bool = True,
        packing: int = 1,
        minibatch: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes = classes
        start, *larger = feature_map_sizes(shape[1], shape[2])
        channels = [shape[0] * packing, *reversed(channels_per_level(len(larger), base))]
        layers: list[nn.Module] = [PackImages(packing)] if packing > 1 else []
        for (before, after), size in zip(pairwise(channels), reversed(larger), strict=True):
            normed = norm and size != shape[1:]
            layers.append(nn.Conv2d(before, after, kernel_size(size), 2, 1, bias=not normed))
            if normed:
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.LeakyReLU(slope))
        features = channels[-1] * start[0] * start[1]
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        self.embedding = OneHotEmbedding(classes, features) if classes else None
        self.minibatch = MinibatchDiscrimination(features) if minibatch else None
        self.last = nn.Linear(features + (self.minibatch.kernels if self.minibatch else 0), 1)
        init_weights(self, None if norm else slope)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, self.num_classes)
        features = self.trunk(pictures.contiguous(memory_format=torch.channels_last))
        logits: Tensor = self.last(features if self.minibatch is None else self.minibatch(features))
        if self.embedding is not None and labels is not None:
            logits = logits + (features * self.embedding(labels)).sum(1, keepdim=True)
        return logits
