"""Layers used by several architectures."""

from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

INIT_STD = 0.02  # standard deviation of initial weights


def check_labels(labels: Tensor | None, num_classes: int) -> None:
    """Raise TypeError if a conditional network gets no labels or an unconditional network (0 classes) gets labels."""
    if num_classes and labels is None:
        raise TypeError(f"this network is conditional: call it with labels [B] in 0 … {num_classes - 1}")
    if not num_classes and labels is not None:
        raise TypeError("this network is unconditional: call it without labels")


class UnconditionalSequential(nn.Sequential):
    """nn.Sequential with the signature of all networks, network(x, labels); labels must be None."""

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, 0)
        for layer in self:
            x = layer(x)
        return x


class PackImages(nn.Module):
    """Concatenate every `pack_size` images along the channels: [B, C, H, W] → [B / pack_size, pack_size · C, H, W].

    PacGAN, Lin et al. 2018 (https://arxiv.org/abs/1712.04086).
    """

    def __init__(self, pack_size: int) -> None:
        super().__init__()
        self.pack_size = pack_size

    def forward(self, images: Tensor) -> Tensor:
        return images.reshape(len(images) // self.pack_size, -1, *images.shape[2:])


class MinibatchDiscrimination(nn.Module):
    """Append features that measure the similarity to the rest of the batch: [B, F] → [B, F + num_kernels].

    Salimans et al. 2016, section 3.2 (https://arxiv.org/abs/1606.03498): M_i = f(x_i) T has one vector M_ib per kernel
    b, and the new features are o_b(x_i) = Σ_{j ≠ i} exp(−‖M_ib − M_jb‖₁). The columns of T are initialized with unit
    length: with T ~ N(0, 1), distances are so large that the new features and their gradients are zero.
    """

    def __init__(self, in_features: int, num_kernels: int = 100, kernel_dim: int = 5) -> None:
        super().__init__()
        self.num_kernels = num_kernels
        self.kernel_dim = kernel_dim
        weight = torch.randn(in_features, num_kernels * kernel_dim)
        self.weight = nn.Parameter(weight / weight.norm(dim=0))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.similarity(x)], 1)

    def similarity(self, x: Tensor) -> Tensor:
        """Compute o_b(x_i): [B, F] → [B, num_kernels]."""
        vectors = (x @ self.weight).view(len(x), self.num_kernels, self.kernel_dim)
        # torch.cdist has no second derivative, which gradient penalties need.
        distances = (vectors[:, None] - vectors[None]).abs().sum(3)  # [B, B, num_kernels]
        return torch.exp(-distances).sum(1) - 1  # −1 removes j = i, whose distance is zero


class MinibatchStdDev(nn.Module):
    """Append one channel, the mean standard deviation over a group of images: [B, C, H, W] → [B, C + 1, H, W].

    Karras et al. 2018, section 3 (https://arxiv.org/abs/1710.10196). Image i is in group i mod (B / group_size).
    B must be a multiple of `group_size`.
    """

    def __init__(self, group_size: int = 4) -> None:
        super().__init__()
        self.group_size = group_size

    def forward(self, x: Tensor) -> Tensor:
        batch_size, _, height, width = x.shape
        groups = x.reshape(self.group_size, batch_size // self.group_size, -1)
        std = (groups.var(0, correction=0) + 1e-8).sqrt().mean(1)  # [B / group_size]
        channel = std.repeat(self.group_size).view(-1, 1, 1, 1).expand(-1, 1, height, width)
        return torch.cat([x, channel], 1)


class ConditionalBatchNorm2d(nn.Module):
    """BatchNorm2d with one scale and shift per class: x [B, C, H, W], labels [B] → [B, C, H, W].

    Dumoulin et al. 2017 (https://arxiv.org/abs/1610.07629).
    """

    def __init__(self, num_channels: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_channels, affine=False)
        self.scale = nn.Parameter(1 + INIT_STD * torch.randn(num_classes, num_channels))
        self.shift = nn.Parameter(torch.zeros(num_classes, num_channels))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        # The gradient of a matrix product is deterministic on every device. That of indexing is not.
        class_weights = one_hot(labels, len(self.scale)).to(x.dtype)
        normalized: Tensor = self.norm(x)
        scale = (class_weights @ self.scale)[:, :, None, None]
        shift = (class_weights @ self.shift)[:, :, None, None]
        return normalized * scale + shift


class OneHotEmbedding(nn.Module):
    """nn.Embedding as a product with one-hot vectors, whose gradient is deterministic: [B] → [B, embedding_dim]."""

    def __init__(self, num_classes: int, embedding_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_classes, embedding_dim))

    def forward(self, labels: Tensor) -> Tensor:
        return one_hot(labels, len(self.weight)).to(self.weight.dtype) @ self.weight


def init_weights(network: nn.Module, leaky_slope: float | None = None) -> None:
    """Initialize as DCGAN and CycleGAN do: weights from N(0, 0.02), scales of BatchNorm from N(1, 0.02), biases zero.

    leaky_slope: slope of the LeakyReLUs of a network without normalization. Its convolutions are initialized by He et
    al. 2015 (https://arxiv.org/abs/1502.01852, equation 15), which keeps the variance; N(0, 0.02) would not.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if leaky_slope is not None and isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, leaky_slope)
            else:
                nn.init.normal_(module.weight, 0, INIT_STD)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1, INIT_STD)
        elif isinstance(module, OneHotEmbedding):
            nn.init.normal_(module.weight, 0, INIT_STD)


def batch_multiple(network: nn.Module) -> int:
    """Return the number of which the batch size must be a multiple."""
    modules = list(network.modules())
    pack_size = prod(module.pack_size for module in modules if isinstance(module, PackImages))
    group_size = prod(module.group_size for module in modules if isinstance(module, MinibatchStdDev))
    return pack_size * group_size
