"""A small StyleGAN2 (Karras et al. 2020, https://arxiv.org/abs/1912.04958) for pictures of 8 pixels a side and more.

Weights are stored with unit deviation and scaled when they are used ("equalized learning rate"). Without path length
regularisation, as the authors' own settings for 32×32 pictures.
"""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu, linear, normalize

from gan.config import UserError
from gan.networks.config import ModelConfig
from gan.networks.dcgan import Size, channels_per_level
from gan.networks.layers import MinibatchDiscrimination, MinibatchStdDev, OneHotEmbedding, PackImages, check_labels
from gan.networks.mlp import ImageShape

LRELU_SLOPE = 0.2
LRELU_GAIN = sqrt(2)  # keeps the variance through a leaky ReLU of this slope
W_DIM = 128
MAPPING_LR_MULTIPLIER = 0.01  # of the mapping network's learning rate to that of the rest
W_AVG_BETA = 0.998  # of the mean style, a step
STYLE_MIXING_PROB = 0.9  # share of training pictures whose style changes to another's somewhere on the way
MBSTD_GROUP_SIZE = 4  # pictures that a minibatch deviation is taken over


def check_image_shape(shape: ImageShape) -> None:
    """Raise UserError if these networks cannot make pictures of this shape."""
    _, height, width = shape
    if min(height, width) < 8 or height % 4 or width % 4:
        raise UserError(
            "prepare.image_size: model.architecture stylegan draws pictures of 8 pixels a side and more, in multiples "
            f"of 4, these have {height}×{width}; set it to 28, 32 or 64, for example"
        )


def feature_map_sizes(height: int, width: int) -> list[Size]:
    """Sizes of the maps from the smallest to the picture's own, each twice the one before: 28 → 7, 14, 28."""
    found = [(height, width)]
    while min(found[0]) >= 8 and not (found[0][0] % 2 or found[0][1] % 2):
        found.insert(0, (found[0][0] // 2, found[0][1] // 2))
    return found


def generator(config: ModelConfig, shape: ImageShape, classes: int) -> nn.Module:
    """[B, latent_dim] (and labels [B], if there are classes) → [B, C, H, W] in [-1, 1]."""
    return Generator(shape, config.latent_dim, config.base_channels, config.mapping_layers, classes)


def discriminator(config: ModelConfig, shape: ImageShape, classes: int) -> nn.Module:
    """[B, C, H, W] (and labels [B], if there are classes) → logits [B / packing, 1]."""
    return Discriminator(
        shape,
        config.base_channels,
        classes,
        packing=config.packing,
        minibatch=config.minibatch_discrimination,
    )


class EqualizedLinear(nn.Module):
    """A Linear layer with equalized learning rate; `rate` multiplies its own learning rate."""

    def __init__(self, inputs: int, outputs: int, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.scale, self.rate = rate / sqrt(inputs), rate

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight * self.scale, self.bias * self.rate)


class MappingNetwork(nn.Module):
    """Latents [B, D] to styles [B, STYLE_DIM]; with classes, of both the latent and the label."""

    def __init__(self, latent_dim: int, layers: int, classes: int) -> None:
        super().__init__()
        self.num_classes = classes
        self.embedding = OneHotEmbedding(classes, latent_dim) if classes else None
        inputs = latent_dim * (2 if classes else 1)
        self.layers = nn.ModuleList(
            EqualizedLinear(W_DIM if i else inputs, W_DIM, rate=MAPPING_LR_MULTIPLIER) for i in range(layers)
        )

    def forward(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        check_labels(labels, self.num_classes)
        x = normalize_2nd_moment(latents)
        if self.embedding is not None and labels is not None:
            x = torch.cat([x, normalize_2nd_moment(self.embedding(labels))], 1)
        for layer in self.layers:
            x = leaky_relu(layer(x), LRELU_SLOPE) * LRELU_GAIN
        return x


class ModulatedConv2d(nn.Module):
    """A modulated convolution, noise, bias and leaky ReLU: [B, I, h, w] and styles → [B, O, h, w] or twice the size.

    Section 2.2 of the paper: weights are scaled by the style for each input map, then (`demodulate`) to unit norm for
    each output map. Both are done on the maps, before and after one convolution for the whole batch, which is the same.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: tuple[int, int],
        *,
        kernel: int = 3,
        up: bool = False,
        demodulate: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale = 1 / sqrt(inputs * kernel**2)
        self.style = EqualizedLinear(W_DIM, inputs, bias=1.0)
        self.bias = nn.Parameter(torch.zeros(outputs, 1, 1))
        self.up, self.demodulate = up, demodulate
        if demodulate:
            self.strength = nn.Parameter(torch.zeros(()))
            self.register_buffer("noise", torch.randn(1, 1, *size))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        weight, scales = self.weight * self.scale, self.style(style)
        x = x * scales[:, :, None, None]
        if self.up:
            x = interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = conv2d(x, weight, padding=weight.shape[-1] // 2)
        if not self.demodulate:  # the layer that makes pixels: no noise, no activation
            return x + self.bias
        norms = scales.square() @ weight.square().sum((2, 3)).t() + 1e-8  # [B, O]
        x = x * norms.rsqrt()[:, :, None, None]
        assert isinstance(self.noise, Tensor)
        noise = torch.randn_like(x[:, :1]) if self.training else self.noise
        return leaky_relu(x + noise * self.strength + self.bias, LRELU_SLOPE) * LRELU_GAIN


class Generator(nn.Module):
    """Latents [B, latent_dim] to pictures [B, C, H, W] in [-1, 1].

    In training mode the noise of the pixels and the styles that are mixed are drawn from torch's own random numbers
    (`draws_noise`), and the mean style is followed; in eval mode the noise is fixed, so a latent is one picture.
    """

    draws_noise = True

    def __init__(self, shape: ImageShape, latent_dim: int, base: int, mapping_layers: int, classes: int = 0) -> None:
        super().__init__()
        steps = feature_map_sizes(shape[1], shape[2])
        maps = [*channels_per_level(len(steps) - 1, base), base]
        self.mapping = MappingNetwork(latent_dim, mapping_layers, classes)
        self.register_buffer("mean_style", torch.zeros(W_DIM))
        self.constant = nn.Parameter(torch.randn(1, maps[0], *steps[0]))
        self.convs, self.pixels = nn.ModuleList([ModulatedConv2d(maps[0], maps[0], steps[0])]), nn.ModuleList()
        for i, size in enumerate(steps):
            if i:
                self.convs.append(ModulatedConv2d(maps[i - 1], maps[i], size, up=True))
                self.convs.append(ModulatedConv2d(maps[i], maps[i], size))
            self.pixels.append(ModulatedConv2d(maps[i], shape[0], size, kernel=1, demodulate=False))

    @property
    def layers(self) -> int:
        """Convolutions that take a style each."""
        return len(self.convs)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        styles = self.mapping(latents, labels)
        each = styles[:, None].expand(-1, self.layers, -1)
        if self.training:
            assert isinstance(self.mean_style, Tensor)
            self.mean_style.lerp_(styles.detach().mean(0).to(self.mean_style.dtype), 1 - W_AVG_BETA)
            # Style mixing: from a random layer on, another picture's style, for most of the batch.
            start = torch.randint(1, self.layers, (len(latents), 1), device=latents.device)
            start = start.where(torch.rand(len(latents), 1, device=latents.device) < STYLE_MIXING_PROB, self.layers)
            late = torch.arange(self.layers, device=latents.device) >= start
            other = styles.roll(1, 0) if labels is None else self.mapping(latents.roll(1, 0), labels)
            each = torch.where(late[:, :, None], other[:, None], each)
        return self.paint(each)

    def truncated(self, latents: Tensor, truncation: float, labels: Tensor | None = None) -> Tensor:
        """Styles [B, layers, STYLE_DIM] of latents, drawn towards the mean: 1: as they are, 0: the mean picture."""
        assert isinstance(self.mean_style, Tensor)
        styles = torch.lerp(self.mean_style, self.mapping(latents, labels), truncation)
        return styles[:, None].expand(-1, self.layers, -1)

    def paint(self, styles: Tensor) -> Tensor:
        """Pictures of styles, one for each layer: [B, layers, STYLE_DIM] → [B, C, H, W] in [-1, 1]."""
        x = self.convs[0](self.constant.expand(styles.shape[0], -1, -1, -1), styles[:, 0])
        picture: Tensor = self.pixels[0](x, styles[:, 0])
        for i in range(1, len(self.pixels)):
            x = self.convs[2 * i - 1](x, styles[:, 2 * i - 1])
            x = self.convs[2 * i](x, styles[:, 2 * i])
            picture = interpolate(picture, scale_factor=2, mode="bilinear", align_corners=False)
            picture = picture + self.pixels[i](x, styles[:, 2 * i])
        return picture.tanh()


class TruncatedGenerator(nn.Module):
    """A generator whose styles are drawn towards their mean (Karras et al. 2019, section B: the truncation trick)."""

    def __init__(self, generator: Generator, truncation: float) -> None:
        """truncation: 1: as they are; less: fewer flaws and less variety; 0: the mean picture."""
        super().__init__()
        self.generator, self.truncation = generator, truncation

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.generator.paint(self.generator.truncated(latents, self.truncation, labels))


class EqualizedConv2d(nn.Module):
    """A convolution with equalized learning rate, bias and leaky ReLU; `down` halves the size by averaging first."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, *, down: bool = False, act: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if act else None
        self.scale, self.down = 1 / sqrt(inputs * kernel**2), down

    def forward(self, x: Tensor) -> Tensor:
        if self.down:
            x = avg_pool2d(x, 2)
        x = conv2d(x, self.weight * self.scale, self.bias, padding=self.weight.shape[-1] // 2)
        return x if self.bias is None else leaky_relu(x, LRELU_SLOPE) * LRELU_GAIN


class ResidualBlock(nn.Module):
    """Two convolutions that halve the size, beside a 1×1 one: the paper's residual block of the discriminator."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = EqualizedConv2d(inputs, inputs), EqualizedConv2d(inputs, outputs, down=True)
        self.skip = EqualizedConv2d(inputs, outputs, 1, down=True, act=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = (self.second(self.first(x)) + self.skip(x)) / LRELU_GAIN
        return out


class Discriminator(nn.Module):
    """Pictures [B, C, H, W] to logits [B / packing, 1] of being real, with classes by a projection on their vectors."""

    def __init__(
        self, shape: ImageShape, base: int, classes: int = 0, *, packing: int = 1, minibatch: bool = False
    ) -> None:
        super().__init__()
        steps = feature_map_sizes(shape[1], shape[2])
        maps = [base, *reversed(channels_per_level(len(steps) - 1, base))]
        layers: list[nn.Module] = [PackImages(packing)] if packing > 1 else []
        layers += [EqualizedConv2d(shape[0] * packing, maps[0], 1)]
        layers += [ResidualBlock(maps[i], maps[i + 1]) for i in range(len(steps) - 1)]
        self.num_classes = classes
        self.trunk = nn.Sequential(*layers, MinibatchStdDev(MBSTD_GROUP_SIZE))
        self.conv = EqualizedConv2d(maps[-1] + 1, maps[-1])
        self.hidden = EqualizedLinear(maps[-1] * steps[0][0] * steps[0][1], maps[-1])
        self.minibatch = MinibatchDiscrimination(maps[-1]) if minibatch else None
        features = maps[-1] + (self.minibatch.kernels if self.minibatch else 0)
        self.embedding = OneHotEmbedding(classes, features) if classes else None
        self.last = EqualizedLinear(features, 1)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, self.num_classes)
        x = leaky_relu(self.hidden(self.conv(self.trunk(pictures)).flatten(1)), LRELU_SLOPE) * LRELU_GAIN
        x = x if self.minibatch is None else self.minibatch(x)
        logits: Tensor = self.last(x)
        if self.embedding is not None and labels is not None:
            logits = logits + (x * self.embedding(labels)).sum(1, keepdim=True) / sqrt(x.shape[1])
        return logits


def normalize_2nd_moment(x: Tensor) -> Tensor:
    """Rows [B, D] of length √D."""
    return normalize(x) * sqrt(x.shape[1])
