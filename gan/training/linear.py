"""The passes of a Linear layer, with the matrix products that are fastest on this machine's cores."""

import os
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from gan.training.adam import Gradients

# Elementwise operations on fewer numbers than this stay in one thread (at::internal::GRAIN_SIZE).
GRAIN = 32768


def linear(layer: nn.Linear) -> "Linear":
    """The passes of `layer`: see the three kinds. Weights that are few take the plain ones, which cost least a call."""
    cores, weight = torch.get_num_threads(), layer.weight
    if weight.dtype == torch.float32 and weight.numel() >= GRAIN and prefers_one_dnn(cores):
        return OneDnnLinear(layer)
    if cores > 1 and len(weight) % cores == 0 and weight.numel() >= cores * GRAIN:
        return SharedLinear(layer, cores)
    return Linear(layer)


def prefers_one_dnn(cores: int) -> bool:
    """Whether oneDNN's products are the faster ones: with AVX-512, unless several cores have no cache in common.

    A rule and no measurement, so that a machine always rounds in the same way.
    """
    wide = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"
    return wide and (cores == 1 or cores_share_a_cache())


@cache
def cores_share_a_cache() -> bool:
    """Whether all cores that this process may use have one third-level cache, as far as Linux tells."""
    if not hasattr(os, "sched_getaffinity"):
        return False
    files = [
        Path(f"/sys/devices/system/cpu/cpu{core}/cache/index3/shared_cpu_list") for core in os.sched_getaffinity(0)
    ]
    return all(file.is_file() for file in files) and len({file.read_text() for file in files}) == 1


class Linear:
    """Activations are [features, batch], gradients alike."""

    def __init__(self, layer: nn.Linear) -> None:
        self.weight, self.bias = layer.weight.detach(), layer.bias.detach()[:, None]
        self.turned = self.weight.t()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.addmm(self.bias, self.weight, x), x

    def backward(self, g: Tensor, kept: Tensor) -> tuple[Tensor, Gradients]:
        return self.below(g), self.gradients(g, kept)

    def gradients(self, g: Tensor, x: Tensor) -> Gradients:
        """Those of weight and bias, valid until the next call."""
        return torch.mm(g, x.t()), g.sum(1)

    def below(self, g: Tensor) -> Tensor:
        """The gradient of the input."""
        return torch.mm(self.turned, g)

    def above(self, x: Tensor) -> Tensor:
        """The product of the weight with x alone, without the bias."""
        return torch.mm(self.weight, x)


class OneDnnLinear(Linear):
    """Products by oneDNN, which makes them for the very processor.

    MKL, which torch.mm takes, leaves AVX-512 alone on AMD's processors: on two cores of an EPYC 9005 it makes 190
    GFLOP/s of these products, oneDNN 400. The operation is the one that torch.compile puts in the place of a Linear
    layer; it wants its first factor contiguous and takes the second as it lies.
    """

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return _product(self.weight, x.t()).add_(self.bias), x

    def gradients(self, g: Tensor, x: Tensor) -> Gradients:
        return _product(g, x), g.sum(1)

    def below(self, g: Tensor) -> Tensor:
        # Turning the gradient and the result is cheaper than turning the weight.
        return _product(g.t(), self.turned).t().contiguous()

    def above(self, x: Tensor) -> Tensor:
        return _product(self.weight, x.t())


def _product(first: Tensor, second: Tensor) -> Tensor:
    """first [M, K] · second [N, K]ᵀ, [M, N]."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(first, second, None, "none", [], "")
    return product


class SharedLinear(Linear):
    """The weight, [outputs, inputs], cut into as many parts of its rows as there are cores, a part for each core.

    With few rows in a batch, torch.mm shares a product out by the batch, so that all cores read all weights; the
    optimizer then has to take each cache line back before it writes to it, which costs more than its arithmetic, and
    ten times as much where the cores have no cache in common. Here each core computes with the same rows of a weight
    in all three products, and they are the rows that elementwise operations, the optimizer's too, give to it.
    """

    def __init__(self, layer: nn.Linear, cores: int) -> None:
        super().__init__(layer)
        self.cores, self.cut = cores, (cores, len(self.weight) // cores, -1)
        self.weights, self.biases = self.weight.view(self.cut), self.bias.view(self.cut)
        self.turned = self.weights.transpose(1, 2)
        # Places that are kept stay with their cores, and so large a tensor costs more to get than to fill.
        self.of_weight = torch.empty_like(self.weight)
        self.of_weights = self.of_weight.view(self.cut)
        self.shares: Tensor | None = None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.baddbmm(self.biases, self.weights, x.expand(self.cores, -1, -1)).flatten(0, 1), x

    def gradients(self, g: Tensor, x: Tensor) -> Gradients:
        torch.bmm(g.view(self.cut), x.t().expand(self.cores, -1, -1), out=self.of_weights)
        return self.of_weight, g.sum(1)

    def below(self, g: Tensor) -> Tensor:
        cut = g.unflatten(0, self.cut[:2])
        if self.shares is None or self.shares.shape[2] != cut.shape[2]:
            self.shares = torch.empty(self.cores, self.turned.shape[1], cut.shape[2], dtype=g.dtype)
        torch.bmm(self.turned, cut, out=self.shares)  # each core sums over its outputs
        return torch.add(self.shares[0], self.shares[1]) if self.cores == 2 else self.shares.sum(0)
