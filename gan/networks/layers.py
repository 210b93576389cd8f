"""Layers that several architectures share."""

from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

INIT_STD = 0.02  # of first weights


def check_labels(labels: Tensor | None, num_classes: int) -> None:
    """Raise TypeError if a conditional network gets no labels or an unconditional network (0 classes) gets labels."""
    if num_classes and labels is None:
        raise TypeError(f"this network is conditional: call it with labels [B] in 0 … {num_classes - 1}")
    if not num_classes and labels is not None:
        raise TypeError("this network is unconditional: call it without labels")


class UnconditionalSequential(nn.Sequential):
    """nn.Sequential with the call that all networks share, network(x, labels), where labels must be None."""

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        check_labels(labels, 0)
        for layer in self:
            x = layer(x)
        return x


class PackImages(nn.Module):
    """Pictures [B, C, H, W] to packs of `size` as channels, [B / size, size · C, H, W] (Lin et al. 2018, PacGAN)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.reshape(len(pictures) // self.size, -1, *pictures.shape[2:])


class MinibatchDiscrimination(nn.Module):
    """Features [B, F] with `kernels` more, which say how near the other rows are: [B, F + kernels].

    Salimans et al. 2016, section 3.2 (https://arxiv.org/abs/1606.03498): row i of kernel b is M_ib = f(x_i) T_b, and
    the feature is o_b(x_i) = Σ_{j ≠ i} exp(−‖M_ib − M_jb‖₁). The columns of T begin with unit length: with T ~ N(0, 1)
    rows of many features are so far apart that the features are zero, and so are their gradients.
    """

    def __init__(self, features: int, kernels: int = 100, size: int = 5) -> None:
        super().__init__()
        self.kernels, self.size = kernels, size
        directions = torch.randn(features, kernels * size)
        self.weight = nn.Parameter(directions / directions.norm(dim=0))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.closeness(x)], 1)

    def closeness(self, x: Tensor) -> Tensor:
        """The new features, [B, kernels]."""
        rows = (x @ self.weight).view(len(x), self.kernels, self.size)
        apart = (rows[:, None] - rows[None]).abs().sum(3)  # [B, B, kernels]; torch.cdist cannot be derived twice
        return torch.exp(-apart).sum(1) - 1  # without the row itself, whose distance is zero


class MinibatchStdDev(nn.Module):
    """Feature maps [B, C, H, W] with one more: the mean standard deviation over a group of rows (Karras et al. 2018,
    https://arxiv.org/abs/1710.10196, section 3). Row i is in group i mod (B / size); `size` must divide B."""

    def __init__(self, size: int = 4) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        count, _, height, width = x.shape
        groups = x.reshape(self.size, count // self.size, -1)
        deviation = (groups.var(0, correction=0) + 1e-8).sqrt().mean(1)  # [B / size]
        return torch.cat([x, deviation.repeat(self.size).view(-1, 1, 1, 1).expand(-1, 1, height, width)], 1)


class ConditionalBatchNorm2d(nn.Module):
    """BatchNorm of feature maps [B, C, H, W] with a scale and a shift of each class (Dumoulin et al. 2017)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Parameter(1 + 0.02 * torch.randn(classes, channels))
        self.shift = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        # A product with one-hot rows, since its gradient is the same sum every time; that of indexing need not be.
        which = one_hot(labels, len(self.scale)).to(x.dtype)
        normed: Tensor = self.norm(x)
        return normed * (which @ self.scale)[:, :, None, None] + (which @ self.shift)[:, :, None, None]


class OneHotEmbedding(nn.Module):
    """Labels [B] to learnt vectors [B, size]."""

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, size))

    def forward(self, labels: Tensor) -> Tensor:
        return one_hot(labels, len(self.weight)).to(self.weight.dtype) @ self.weight


def init_weights(network: nn.Module, unnormed: float | None = None) -> None:
    """Give the first weights of DCGAN and CycleGAN: N(0, 0.02), those of BatchNorm N(1, 0.02).

    unnormed: slope of the LeakyReLUs of a network without normalisation. There such weights would make every layer's
    output smaller than its input, and the first gradients vanish; its convolutions get those of He et al. 2015
    (https://arxiv.org/abs/1502.01852, equation 15), which keep the size.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if unnormed is not None and isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, unnormed)
            else:
                nn.init.normal_(module.weight, 0, INIT_STD)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1, INIT_STD)
        elif isinstance(module, OneHotEmbedding):
            nn.init.normal_(module.weight, 0, INIT_STD)


BATCH_DEPENDENT_LAYERS = (nn.modules.batchnorm._BatchNorm, MinibatchDiscrimination, MinibatchStdDev)


def is_batch_dependent(network: nn.Module) -> bool:
    """Whether what a network says of a picture depends on the others of its batch."""
    return any(isinstance(module, BATCH_DEPENDENT_LAYERS) for module in network.modules())


def batch_multiple(network: nn.Module) -> int:
    """What the number of pictures in a batch must be a multiple of."""
    return prod(module.size for module in network.modules() if isinstance(module, PackImages | MinibatchStdDev))
