"""Networks that translate pictures of one set into another (Zhu et al. 2017, https://arxiv.org/abs/1703.10593).

Smaller than the paper's, which are for 256 pixels a side: fewer blocks and fewer layers of the discriminator.
"""

import torch
from torch import Tensor, nn

from gan.config import UserError
from gan.networks.config import ModelConfig
from gan.networks.layers import UnconditionalSequential, check_labels, init_weights
from gan.networks.mlp import ImageShape

SMALL_SIDE = 64  # pixels, of a picture's shorter side, below which a discriminator looks at smaller patches


def check_image_shape(shape: ImageShape) -> None:
    """Raise UserError if these networks cannot translate pictures of this shape."""
    _, height, width = shape
    if min(height, width) < 16 or height % 4 or width % 4:
        raise UserError(
            "prepare.image_size: model.architecture cyclegan translates pictures of 16 pixels a side and more, in "
            f"multiples of 4, these have {height}×{width}; set it to 28, 32 or 64, for example"
        )


def generator(config: ModelConfig, shape: ImageShape, classes: int) -> nn.Module:
    """A pair of translators: [B, C, H, W] → [B, C, H, W], both in [-1, 1]."""
    return CycleGenerators(shape, config.base_channels, config.residual_blocks)


def discriminator(config: ModelConfig, shape: ImageShape, classes: int) -> nn.Module:
    """A pair of discriminators: [B, C, H, W] → a logit for each of some overlapping patches, [B, 1, h, w]."""
    return CycleDiscriminators(shape, config.base_channels, config.leaky_slope)


class CycleGenerators(nn.Module):
    """A translator from the first set of pictures to the second (`there`, which is `forward`), and one back."""

    def __init__(self, shape: ImageShape, base: int, blocks: int) -> None:
        super().__init__()
        self.g_ab, self.g_ba = (resnet_generator(shape[0], base, blocks) for _ in range(2))
        init_weights(self)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, 0)
        translated: Tensor = self.g_ab(images)
        return translated


class CycleDiscriminators(nn.Module):
    """A discriminator for pictures of the first set (`source`), and one for the second (`target`, `forward`)."""

    def __init__(self, shape: ImageShape, base: int, slope: float) -> None:
        super().__init__()
        self.d_a, self.d_b = (patch_discriminator(shape, base, slope) for _ in range(2))
        init_weights(self)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, 0)
        logits: Tensor = self.d_b(images)
        return logits


def resnet_generator(channels: int, base: int, blocks: int) -> UnconditionalSequential:
    """Two convolutions that halve the size, residual blocks, two that double it; instance norm, reflected borders."""
    layers: list[nn.Module] = [nn.Conv2d(channels, base, 7, padding=3, padding_mode="reflect"), *norm_relu(base)]
    for maps in (base, 2 * base):
        layers += [nn.Conv2d(maps, 2 * maps, 3, 2, 1), *norm_relu(2 * maps)]
    layers += [ResidualBlock(4 * base) for _ in range(blocks)]
    for maps in (4 * base, 2 * base):
        layers += [nn.ConvTranspose2d(maps, maps // 2, 4, 2, 1), *norm_relu(maps // 2)]
    return UnconditionalSequential(*layers, nn.Conv2d(base, channels, 7, padding=3, padding_mode="reflect"), nn.Tanh())


def patch_discriminator(shape: ImageShape, base: int, slope: float) -> UnconditionalSequential:
    """PatchGAN: each logit is of a patch of 22 pixels a side, in pictures of less than 64 of 10: at most about a third,
    as the paper's 70 of 256 (InstanceNorm alone sees more).

    A discriminator that sees a small picture as a whole asks for what the target's pictures show, not for how they are
    drawn, and translators that give it that exchange a seven for a three.
    """
    channels, *sides = shape
    layers: list[nn.Module] = [nn.Conv2d(channels, base, 4, 2, 1), nn.LeakyReLU(slope)]
    strides = (1,) if min(sides) < SMALL_SIDE else (2, 1)
    for i, stride in enumerate(strides):
        maps = base * 2**i
        layers += [nn.Conv2d(maps, 2 * maps, 4, stride, 1), nn.InstanceNorm2d(2 * maps), nn.LeakyReLU(slope)]
    return UnconditionalSequential(*layers, nn.Conv2d(base * 2 ** len(strides), 1, 1))


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions whose result is added to their input."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(maps, maps, 3, padding=1, padding_mode="reflect") for _ in range(2))
        self.change = nn.Sequential(first, *norm_relu(maps), second, nn.InstanceNorm2d(maps))

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.as_tensor(self.change(x))


def norm_relu(maps: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm2d(maps), nn.ReLU(inplace=True)
