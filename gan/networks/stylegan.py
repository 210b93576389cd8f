"""A small StyleGAN2 (Karras et al. 2020, https://arxiv.org/abs/1912.04958) for images of 8×8 pixels and more.

Equalized learning rate: weights are stored with unit variance and scaled when used (Karras et al. 2018,
https://arxiv.org/abs/1710.10196, section 4.1). As in the authors' own configuration for images of 32×32, there is no
path length regularization.
"""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu, linear, normalize

from gan.networks.config import ModelConfig
from gan.networks.dcgan import Size, channels_per_level, check_sides
from gan.networks.layers import MinibatchDiscrimination, MinibatchStdDev, OneHotEmbedding, PackImages, check_labels
from gan.networks.mlp import ImageShape

LRELU_SLOPE = 0.2
LRELU_GAIN = sqrt(2)  # keeps the variance through a leaky ReLU
W_DIM = 128
W_AVG_BETA = 0.998  # decay of the moving average of w, per step
STYLE_MIXING_PROB = 0.9  # probability that an image is generated from two w in training


def check_image_shape(shape: ImageShape) -> None:
    """Raise UserError if these networks cannot generate images of this shape."""
    check_sides("stylegan", shape, min_side=8, multiple=4)


def feature_map_sizes(height: int, width: int) -> list[Size]:
    """Return the sizes of feature maps from smallest to largest, each half the next: 28 → 7, 14, 28."""
    sizes = [(height, width)]
    while min(height, width) >= 8 and height % 2 == 0 and width % 2 == 0:
        height //= 2
        width //= 2
        sizes.insert(0, (height, width))
    return sizes


class EqualizedLinear(nn.Module):
    """Linear layer with equalized learning rate, times `lr_multiplier`: [B, in_features] → [B, out_features]."""

    def __init__(
        self, in_features: int, out_features: int, *, lr_multiplier: float = 1.0, bias_init: float = 0.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), bias_init / lr_multiplier))
        self.weight_gain = lr_multiplier / sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


class MappingNetwork(nn.Module):
    """z [B, latent_dim], labels [B] if there are classes → w [B, W_DIM]."""

    def __init__(self, latent_dim: int, num_layers: int, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.embedding = OneHotEmbedding(num_classes, latent_dim) if num_classes else None
        in_features = 2 * latent_dim if num_classes else latent_dim
        self.layers = nn.ModuleList(
            EqualizedLinear(W_DIM if i else in_features, W_DIM, lr_multiplier=0.01) for i in range(num_layers)
        )

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        check_labels(labels, self.num_classes)
        x = normalize_2nd_moment(z)
        if self.embedding is not None:
            x = torch.cat([x, normalize_2nd_moment(self.embedding(labels))], 1)
        for layer in self.layers:
            x = leaky_relu(layer(x), LRELU_SLOPE) * LRELU_GAIN
        return x


class ModulatedConv2d(nn.Module):
    """Modulated convolution, noise, bias and leaky ReLU: x [B, I, h, w], w [B, W_DIM] → [B, O, h, w].

    With `upsample`, the size is doubled first. The 3×3 weights are scaled by the style per input channel (equation 1 of
    the paper) and normalized per output channel (equation 3). Both are done on the feature maps, before and after one
    convolution for the whole batch, which is equivalent. With `to_rgb`, the weights are 1×1 and not normalized, and
    there is no noise or leaky ReLU.
    """

    def __init__(
        self, in_channels: int, out_channels: int, out_size: Size, *, upsample: bool = False, to_rgb: bool = False
    ) -> None:
        super().__init__()
        kernel_size = 1 if to_rgb else 3
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.weight_gain = 1 / sqrt(in_channels * kernel_size**2)
        self.affine = EqualizedLinear(W_DIM, in_channels, bias_init=1.0)
        self.bias = nn.Parameter(torch.zeros(out_channels, 1, 1))
        self.upsample = upsample
        self.to_rgb = to_rgb
        self.noise_const: Tensor
        if not to_rgb:
            self.noise_strength = nn.Parameter(torch.zeros(()))
            self.register_buffer("noise_const", torch.randn(1, 1, *out_size))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        weight = self.weight * self.weight_gain
        style = self.affine(w)  # [B, I]
        x = x * style[:, :, None, None]
        if self.upsample:
            x = interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = conv2d(x, weight, padding=weight.shape[-1] // 2)
        if self.to_rgb:
            return x + self.bias
        squared_norm = style.square() @ weight.square().sum((2, 3)).t() + 1e-8  # [B, O]
        x = x * squared_norm.rsqrt()[:, :, None, None]
        noise = torch.randn_like(x[:, :1]) if self.training else self.noise_const
        return leaky_relu(x + noise * self.noise_strength + self.bias, LRELU_SLOPE) * LRELU_GAIN


class Generator(nn.Module):
    """z [B, latent_dim], labels [B] if there are classes → images [B, C, H, W] in [-1, 1].

    In training mode, noise and style mixing are drawn from PyTorch's default random generator (`draws_noise`), and the
    moving average of w is updated. In eval mode, the noise is constant, so z determines the image.
    """

    draws_noise = True

    def __init__(self, config: ModelConfig, shape: ImageShape, num_classes: int = 0) -> None:
        super().__init__()
        sizes = feature_map_sizes(shape[1], shape[2])
        channels = [*channels_per_level(len(sizes) - 1, config.base_channels), config.base_channels]
        self.mapping = MappingNetwork(config.latent_dim, config.mapping_layers, num_classes)
        self.w_avg: Tensor
        self.register_buffer("w_avg", torch.zeros(W_DIM))
        self.const = nn.Parameter(torch.randn(1, channels[0], *sizes[0]))
        self.convs = nn.ModuleList([ModulatedConv2d(channels[0], channels[0], sizes[0])])
        self.to_rgb = nn.ModuleList()
        for i, size in enumerate(sizes):
            if i > 0:
                self.convs.append(ModulatedConv2d(channels[i - 1], channels[i], size, upsample=True))
                self.convs.append(ModulatedConv2d(channels[i], channels[i], size))
            self.to_rgb.append(ModulatedConv2d(channels[i], shape[0], size, to_rgb=True))
        self.num_ws = len(self.convs)  # one w per convolution

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        w = self.mapping(z, labels)
        if not self.training:
            return self.synthesis(w[:, None].expand(-1, self.num_ws, -1))
        self.w_avg.lerp_(w.detach().mean(0).to(self.w_avg.dtype), 1 - W_AVG_BETA)
        return self.synthesis(self._mix_styles(w, z, labels))

    def _mix_styles(self, w: Tensor, z: Tensor, labels: Tensor | None) -> Tensor:
        """Style mixing (Karras et al. 2019, section 3.1): w [B, W_DIM] → ws [B, num_ws, W_DIM].

        With probability STYLE_MIXING_PROB, ws change to those of another z, with the same label, at a random layer.
        """
        start = torch.randint(1, self.num_ws, (len(z), 1), device=z.device)
        is_mixed = torch.rand(len(z), 1, device=z.device) < STYLE_MIXING_PROB
        start = start.where(is_mixed, self.num_ws)
        mixing_mask = torch.arange(self.num_ws, device=z.device) >= start  # [B, num_ws]
        other_w = w.roll(1, 0) if labels is None else self.mapping(z.roll(1, 0), labels)
        return torch.where(mixing_mask[:, :, None], other_w[:, None], w[:, None])

    def truncate(self, z: Tensor, truncation: float, labels: Tensor | None = None) -> Tensor:
        """Return ws [B, num_ws, W_DIM], interpolated from the average w (truncation 0) to that of z (truncation 1).

        Truncation trick, Karras et al. 2019, appendix B (https://arxiv.org/abs/1812.04948).
        """
        w = torch.lerp(self.w_avg, self.mapping(z, labels), truncation)
        return w[:, None].expand(-1, self.num_ws, -1)

    def synthesis(self, ws: Tensor) -> Tensor:
        """Generate images from one w per convolution: [B, num_ws, W_DIM] → [B, C, H, W] in [-1, 1]."""
        const = self.const.expand(ws.shape[0], -1, -1, -1)  # len(ws) would fix the batch size of an ONNX model
        x = self.convs[0](const, ws[:, 0])
        images: Tensor = self.to_rgb[0](x, ws[:, 0])
        for i in range(1, len(self.to_rgb)):
            x = self.convs[2 * i - 1](x, ws[:, 2 * i - 1])
            x = self.convs[2 * i](x, ws[:, 2 * i])
            images = interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)
            images = images + self.to_rgb[i](x, ws[:, 2 * i])
        return images.tanh()


class TruncatedGenerator(nn.Module):
    """A generator with the truncation trick: less variety and fewer flaws the closer `truncation` is to 0."""

    def __init__(self, generator: Generator, truncation: float) -> None:
        super().__init__()
        self.generator = generator
        self.truncation = truncation

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.generator.synthesis(self.generator.truncate(z, self.truncation, labels))


class EqualizedConv2d(nn.Module):
    """Convolution with equalized learning rate: [B, in_channels, H, W] → [B, out_channels, H, W].

    With `downsample`, average pooling halves the size first. With `activate`, a bias and a leaky ReLU follow.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, downsample: bool = False, activate: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if activate else None
        self.weight_gain = 1 / sqrt(in_channels * kernel_size**2)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        if self.downsample:
            x = avg_pool2d(x, 2)
        x = conv2d(x, self.weight * self.weight_gain, self.bias, padding=self.weight.shape[-1] // 2)
        return x if self.bias is None else leaky_relu(x, LRELU_SLOPE) * LRELU_GAIN


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions plus a 1×1 skip connection: [B, in_channels, H, W] → [B, out_channels, H / 2, W / 2]."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = EqualizedConv2d(in_channels, in_channels)
        self.conv2 = EqualizedConv2d(in_channels, out_channels, downsample=True)
        self.skip = EqualizedConv2d(in_channels, out_channels, 1, downsample=True, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self.conv2(self.conv1(x)) + self.skip(x)
        return total / sqrt(2)


class Discriminator(nn.Module):
    """Images [B, C, H, W], labels [B] if there are classes → logits [B / packing, 1] of being real.

    With classes, the logit is a projection on a learned embedding of the label plus an unconditional term.
    """

    def __init__(self, config: ModelConfig, shape: ImageShape, num_classes: int = 0) -> None:
        super().__init__()
        self.num_classes = num_classes
        sizes = feature_map_sizes(shape[1], shape[2])
        channels = [config.base_channels, *reversed(channels_per_level(len(sizes) - 1, config.base_channels))]
        layers: list[nn.Module] = [PackImages(config.packing)] if config.packing > 1 else []
        layers.append(EqualizedConv2d(shape[0] * config.packing, channels[0], 1))
        layers += [ResidualBlock(channels[i], channels[i + 1]) for i in range(len(sizes) - 1)]
        self.features = nn.Sequential(*layers, MinibatchStdDev())
        self.conv = EqualizedConv2d(channels[-1] + 1, channels[-1])
        self.hidden = EqualizedLinear(channels[-1] * sizes[0][0] * sizes[0][1], channels[-1])
        num_features = channels[-1]
        self.minibatch_discrimination = None
        if config.minibatch_discrimination:
            self.minibatch_discrimination = MinibatchDiscrimination(num_features)
            num_features += self.minibatch_discrimination.num_kernels
        self.embedding = OneHotEmbedding(num_classes, num_features) if num_classes else None
        self.output_layer = EqualizedLinear(num_features, 1)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, self.num_classes)
        x = self.conv(self.features(images)).flatten(1)
        x = leaky_relu(self.hidden(x), LRELU_SLOPE) * LRELU_GAIN
        if self.minibatch_discrimination is not None:
            x = self.minibatch_discrimination(x)
        logits: Tensor = self.output_layer(x)
        if self.embedding is not None:
            logits = logits + (x * self.embedding(labels)).sum(1, keepdim=True) / sqrt(x.shape[1])
        return logits


def normalize_2nd_moment(x: Tensor) -> Tensor:
    """Scale vectors to length √D, so that their elements have a mean square of 1: [B, D] → [B, D]."""
    return normalize(x) * sqrt(x.shape[1])
