"""The passes of a Linear layer, with the matrix products that are fastest on this machine's cores."""

import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gan.training.adam import Gradients

FEW = 4096  # with fewer weights, oneDNN takes longer to prepare a product than to make it
MANY = 2**19  # weights from which on it matters that a core need not read all of them
# Elementwise operations on fewer numbers than this stay in one thread (at::internal::GRAIN_SIZE).
GRAIN = 32768

aten = torch.ops.aten


class Activation(NamedTuple):
    """What follows a layer, by oneDNN's name for it: leaky_relu, with a slope, tanh or none."""

    name: str = "none"
    slope: float = 0.0

    @classmethod
    def of(cls, layer: nn.LeakyReLU | nn.Tanh) -> "Activation":
        """That of a network's layer."""
        return cls("leaky_relu", layer.negative_slope) if isinstance(layer, nn.LeakyReLU) else cls("tanh")

    def forward(self, x: Tensor) -> Tensor:
        """In place."""
        if self.name == "leaky_relu":
            aten.leaky_relu_.default(x, self.slope)
        elif self.name == "tanh":
            x.tanh_()
        return x

    def backward(self, g: Tensor, out: Tensor) -> Tensor:
        """The gradient of its input, given that of its output, and the output."""
        if self.name == "leaky_relu":
            g = aten.leaky_relu_backward.default(g, out, self.slope, True)
        elif self.name == "tanh":
            g = aten.tanh_backward.default(g, out)
        return g


def linear(layer: nn.Linear, activation: Activation) -> "Linear":
    """The passes of `layer` and an activation after it."""
    return products(layer.weight.detach(), layer.bias.detach(), activation, torch.get_num_threads())


def products(weight: Tensor, bias: Tensor, activation: Activation, cores: int) -> "Linear":
    """The passes of a layer by so many threads: see the three kinds. Weights that are few take the plain ones, which
    cost least a call."""
    if weight.dtype == torch.float32 and weight.numel() >= FEW and prefers_one_dnn(cores):
        return OneDnnLinear(weight, bias, activation, cores)
    if cores > 1 and len(weight) % cores == 0 and weight.numel() >= cores * GRAIN:
        return SharedLinear(weight, bias, activation, cores)
    return Linear(weight, bias, activation)


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
    """Activations are [batch, features], gradients alike."""

    def __init__(self, weight: Tensor, bias: Tensor, activation: Activation) -> None:
        self.weight, self.bias, self.activation = weight, bias, activation
        self.turned = weight.t()

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """The output, and what else the way back needs of this pass: nothing."""
        return self.activation.forward(self.affine(x)), None

    def affine(self, x: Tensor) -> Tensor:
        """The output before the activation."""
        return torch.addmm(self.bias, x, self.turned)

    def gradients(self, g: Tensor, x: Tensor) -> Gradients:
        """Those of weight and bias, valid until the next call, given that of `affine`'s output."""
        return self.weight_gradient(g, x), g.sum(0)

    def weight_gradient(self, g: Tensor, x: Tensor) -> Tensor:
        """That of the weight, to be kept."""
        return torch.mm(g.t(), x)

    def below(self, g: Tensor) -> Tensor:
        """The gradient of the input, given the same."""
        return torch.mm(g, self.weight)

    def above(self, x: Tensor) -> Tensor:
        """The product of x with the weight alone."""
        return torch.mm(x, self.turned)


class OneDnnLinear(Linear):
    """Products by oneDNN, which makes them for the very processor.

    MKL, which torch.mm takes, leaves AVX-512 alone on AMD's processors: on two cores of an EPYC 9005 it makes 190
    GFLOP/s of these products, oneDNN 400. The operation is the one that torch.compile puts in the place of a Linear
    layer; it wants its first factor contiguous, or copies it, and takes the second as it lies.
    """

    def __init__(self, weight: Tensor, bias: Tensor, activation: Activation, cores: int) -> None:
        super().__init__(weight, bias, activation)
        # oneDNN may share out the rows of its first factor and have each core read all of the second. With many weights
        # as the second that costs a tenth of a training step in the slow phases that README, "Speed", tells of; as the
        # first one of the pass forward, next to nothing. On the way back the turned weights would have to be copied.
        self.first = cores > 1 and weight.numel() >= MANY

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        if self.first:
            return super().forward(x)
        kind, slope = self.activation
        return _product(x, self.weight, self.bias, kind, (slope,) if kind == "leaky_relu" else ()), None

    def affine(self, x: Tensor) -> Tensor:
        if self.first:
            return _turned_sum(_product(self.weight, x), self.bias)
        return _product(x, self.weight, self.bias)

    def weight_gradient(self, g: Tensor, x: Tensor) -> Tensor:
        return _product(g.t(), x.t())

    def below(self, g: Tensor) -> Tensor:
        return _product(g, self.turned)

    def above(self, x: Tensor) -> Tensor:
        return _product(x, self.weight)


def _product(
    first: Tensor, second: Tensor, bias: Tensor | None = None, kind: str = "none", config: tuple[float, ...] = ()
) -> Tensor:
    """first [M, K] · second [N, K]ᵀ + bias [N], and what an activation of that kind makes of it, [M, N]."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise.default(first, second, bias, kind, config, "")
    return product


def _turned_sum(product: Tensor, bias: Tensor) -> Tensor:
    """product [N, M]ᵀ + bias [N], contiguous: without a place given it would lie as the product does."""
    return torch.add(product.t(), bias, out=product.new_empty(product.shape[::-1]))


class SharedLinear(Linear):
    """The weight, [outputs, inputs], cut into as many parts of its rows as there are cores, a part for each core.

    With few rows in a batch, torch.mm shares a product out by the batch, so that all cores read all weights; the
    optimizer then has to take each cache line back before it writes to it, which costs more than its arithmetic, and
    ten times as much where the cores have no cache in common. Here each core computes with the same rows of a weight
    in all three products, and they are the rows that elementwise operations, the optimizer's too, give to it.
    """

    def __init__(self, weight: Tensor, bias: Tensor, activation: Activation, cores: int) -> None:
        super().__init__(weight, bias, activation)
        self.cores, self.weights = cores, weight.view(cores, len(weight) // cores, -1)
        # Places that are kept stay with their cores, and so large a tensor costs more to get than to fill.
        self.of_weight = torch.empty_like(weight)
        self.of_weights = self.of_weight.view_as(self.weights)
        self.shares: Tensor | None = None

    def affine(self, x: Tensor) -> Tensor:
        products = torch.bmm(self.weights, x.t().expand(self.cores, -1, -1)).flatten(0, 1)
        return _turned_sum(products, self.bias)

    def gradients(self, g: Tensor, x: Tensor) -> Gradients:
        torch.bmm(self._cut(g), x.expand(self.cores, -1, -1), out=self.of_weights)
        return self.of_weight, g.sum(0)

    def below(self, g: Tensor) -> Tensor:
        if self.shares is None or self.shares.shape[1] != len(g):
            self.shares = g.new_empty(self.cores, len(g), self.weight.shape[1])
        torch.bmm(self._cut(g).transpose(1, 2), self.weights, out=self.shares)  # each core sums over its outputs
        return torch.add(self.shares[0], self.shares[1]) if self.cores == 2 else self.shares.sum(0)

    def _cut(self, g: Tensor) -> Tensor:
        return g.t().view(self.cores, -1, len(g))
