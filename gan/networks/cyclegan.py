"""Networks that translate between two sets of images, A and B: CycleGAN (https://arxiv.org/abs/1703.10593).

Zhu et al. 2017. The networks are smaller than the paper's, which are for images of 256×256: fewer residual blocks, and
fewer layers in the discriminators.
"""

from torch import Tensor, nn

from gan.networks.config import ModelConfig
from gan.networks.dcgan import check_sides
from gan.networks.layers import UnconditionalSequential, check_labels, init_weights
from gan.networks.mlp import ImageShape


def check_image_shape(shape: ImageShape) -> None:
    """Raise UserError if these networks cannot translate images of this shape."""
    check_sides("cyclegan", shape, min_side=16, multiple=4)


class CycleGenerators(nn.Module):
    """Generators A → B (`g_ab`, called by `forward`) and B → A (`g_ba`): [B, C, H, W] → same shape, in [-1, 1]."""

    def __init__(self, config: ModelConfig, shape: ImageShape, num_classes: int = 0) -> None:
        super().__init__()
        self.g_ab = resnet_generator(shape[0], config.base_channels, config.residual_blocks)
        self.g_ba = resnet_generator(shape[0], config.base_channels, config.residual_blocks)
        init_weights(self)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, 0)
        translations: Tensor = self.g_ab(images)
        return translations


class CycleDiscriminators(nn.Module):
    """Discriminators of A (`d_a`) and of B (`d_b`, called by `forward`): [B, C, H, W] → patch logits [B, 1, h, w]."""

    def __init__(self, config: ModelConfig, shape: ImageShape, num_classes: int = 0) -> None:
        super().__init__()
        self.d_a = patch_discriminator(shape, config.base_channels, config.leaky_slope)
        self.d_b = patch_discriminator(shape, config.base_channels, config.leaky_slope)
        init_weights(self)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, 0)
        logits: Tensor = self.d_b(images)
        return logits


def resnet_generator(image_channels: int, base_channels: int, num_residual_blocks: int) -> UnconditionalSequential:
    """Two convolutions that halve the size, residual blocks, two that double it: [B, C, H, W] → same, in [-1, 1].

    With InstanceNorm, and reflection padding except where the size changes. Zhu et al. 2017, section 7.2.
    """
    input_layer = nn.Conv2d(image_channels, base_channels, 7, padding=3, padding_mode="reflect")
    layers: list[nn.Module] = [input_layer, *norm_relu(base_channels)]
    for channels in (base_channels, 2 * base_channels):
        layers += [nn.Conv2d(channels, 2 * channels, 3, 2, 1), *norm_relu(2 * channels)]
    layers += [ResidualBlock(4 * base_channels) for _ in range(num_residual_blocks)]
    for channels in (4 * base_channels, 2 * base_channels):
        layers += [nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1), *norm_relu(channels // 2)]
    output_layer = nn.Conv2d(base_channels, image_channels, 7, padding=3, padding_mode="reflect")
    return UnconditionalSequential(*layers, output_layer, nn.Tanh())


def patch_discriminator(shape: ImageShape, base_channels: int, leaky_slope: float) -> UnconditionalSequential:
    """PatchGAN: images [B, C, H, W] → one logit per overlapping patch [B, 1, h, w].

    A patch has 22×22 pixels, or 10×10 in images with a side of less than 64: at most about a third of a side, as in the
    paper. A discriminator of whole images would learn their content too, and the generators would change it.
    """
    image_channels, *sides = shape
    layers: list[nn.Module] = [nn.Conv2d(image_channels, base_channels, 4, 2, 1), nn.LeakyReLU(leaky_slope)]
    channels = base_channels
    for stride in (1,) if min(sides) < 64 else (2, 1):
        layers += [nn.Conv2d(channels, 2 * channels, 4, stride, 1), nn.InstanceNorm2d(2 * channels)]
        layers.append(nn.LeakyReLU(leaky_slope))
        channels *= 2
    return UnconditionalSequential(*layers, nn.Conv2d(channels, 1, 1))


class ResidualBlock(nn.Module):
    """x + body(x), where body has two 3×3 convolutions: [B, C, H, W] → [B, C, H, W]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"),
            *norm_relu(channels),
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.body(x)
        return x + residual


def norm_relu(channels: int) -> tuple[nn.Module, nn.Module]:
    """InstanceNorm and ReLU."""
    return nn.InstanceNorm2d(channels), nn.ReLU(inplace=True)
