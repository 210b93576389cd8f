"""Perceptrons trained without autograd: both passes written out, each core with weights of its own."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol, TypeGuard

import torch
from torch import Tensor, nn

aten = torch.ops.aten

# Elementwise operations on fewer numbers than this stay in one thread (at::internal::GRAIN_SIZE).
GRAIN = 32768


class Link(Protocol):
    """The two passes of one layer. Activations are [features, batch]."""

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        """The layer's output, and what `backward` needs of this pass. May work in place on x, if no layer keeps it."""

    def backward(self, g: Tensor, kept: Any) -> Tensor:
        """Write the gradients of the parameters, given that of the output; returns that of the input."""


class Chain:
    """The passes through a network of Linear, BatchNorm1d, LeakyReLU and Tanh layers, one after another, on the CPU.

    The network is an nn.Sequential that may begin with a Flatten and end with an Unflatten layer; it stays what it is,
    with the parameters where they are. Computes what autograd would, to rounding. What makes it faster, measured on
    two cores with batches of 64 (README, "Speed"):

    - No node for each of some forty operations, no new tensor for each gradient.
    - Every core works on weights of its own. With few rows in a batch, a matrix product is shared out by the batch, so
      that all cores read all weights; the optimizer then has to take each cache line back before it writes to it,
      which costs more than its arithmetic, and ten times as much where the cores have no cache in common. Here each
      core computes with the same rows of a weight in all three products of a layer, and they are the rows that
      elementwise operations, the optimizer's too, give to it.
    """

    def __init__(self, network: nn.Sequential, gradients: Sequence[Tensor]) -> None:
        """`gradients`: where to write those of `network.parameters()`, in their order."""
        places = iter(gradients)
        inner, self._shape = _inner(network), _tail(network)
        links = [_LINKS[type(layer)](layer, [next(places) for _ in layer.parameters()]) for layer in inner]
        assert isinstance(links[0], _Linear)
        self._first, self._links = links[0], links

    @staticmethod
    def fits(network: nn.Module) -> TypeGuard[nn.Sequential]:
        """Whether there are written-out passes for this network: of known layers, on the CPU."""
        if not isinstance(network, nn.Sequential) or next(network.parameters()).device.type != "cpu":
            return False
        layers = _inner(network)
        # Activations work in place, on what neither a Linear nor a BatchNorm layer needs again.
        calm = all(isinstance(before, _MAPS) for before, layer in pairwise(layers) if not isinstance(layer, _MAPS))
        return type(layers[0]) is nn.Linear and calm and all(map(_usual, layers))

    @torch.no_grad()
    def run(self, x: Tensor, before: Tensor | None = None) -> tuple[Tensor, list[Any]]:
        """The output in training mode for [before; x], batches of A and B rows, and what `run_back` needs."""
        x = x.flatten(1).t()
        x = x.contiguous() if before is None else torch.cat([before.flatten(1).t(), x], 1)
        tape = []
        for link in self._links:
            x, kept = link.forward(x)
            tape.append(kept)
        x = x.t()
        return x if self._shape is None else x.unflatten(1, self._shape), tape

    @torch.no_grad()
    def run_back(self, tape: list[Any], g: Tensor, skip: int, wanted: bool) -> Tensor | None:
        """Write the gradients, given that of the output; returns that of the input, [B, features], if it is `wanted`.

        The first `skip` rows of the input, real pictures, get no gradient: nothing before them is trained, and not
        asking saves work. That is for networks that treat every row by itself (no BatchNorm).
        """
        g = g.flatten(1).t().contiguous()
        for link, kept in zip(self._links[:0:-1], tape[:0:-1], strict=True):
            g = link.backward(g, kept)
        self._first.write(g, tape[0])
        return self._first.below(g[:, skip:]).t() if wanted else None


class _Linear:
    def __init__(self, layer: nn.Linear, to: Sequence[Tensor]) -> None:
        self.weight, self.bias = layer.weight.detach(), layer.bias.detach()[:, None]
        self.turned = self.weight.t()
        self.of_weight, self.of_bias = to

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.addmm(self.bias, self.weight, x), x

    def backward(self, g: Tensor, kept: Tensor) -> Tensor:
        self.write(g, kept)
        return self.below(g)

    def write(self, g: Tensor, x: Tensor) -> None:
        """Write the gradients of the parameters."""
        torch.mm(g, x.t(), out=self.of_weight)
        torch.sum(g, 1, out=self.of_bias)

    def below(self, g: Tensor) -> Tensor:
        """The gradient of the input."""
        return torch.mm(self.turned, g)


class _SharedLinear(_Linear):
    """The weight, [outputs, inputs], cut into as many parts of its rows as there are cores: see Chain."""

    def __init__(self, layer: nn.Linear, to: Sequence[Tensor], cores: int) -> None:
        super().__init__(layer, to)
        self.cores, self.cut = cores, (cores, len(self.weight) // cores, -1)
        self.weights, self.biases = self.weight.view(self.cut), self.bias.view(self.cut)
        self.turned = self.weights.transpose(1, 2)
        self.of_weights = self.of_weight.view(self.cut)
        self.shares: Tensor | None = None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.baddbmm(self.biases, self.weights, x.expand(self.cores, -1, -1)).flatten(0, 1), x

    def write(self, g: Tensor, x: Tensor) -> None:
        torch.bmm(g.view(self.cut), x.t().expand(self.cores, -1, -1), out=self.of_weights)
        torch.sum(g, 1, out=self.of_bias)

    def below(self, g: Tensor) -> Tensor:
        cut = g.unflatten(0, self.cut[:2])
        # Each core sums over its outputs. The place is kept: so large a tensor costs more to get than to fill.
        if self.shares is None or self.shares.shape[2] != cut.shape[2]:
            self.shares = torch.empty(self.cores, self.turned.shape[1], cut.shape[2], dtype=g.dtype)
        torch.bmm(self.turned, cut, out=self.shares)
        return torch.add(self.shares[0], self.shares[1]) if self.cores == 2 else self.shares.sum(0)


def _linear(layer: nn.Linear, to: Sequence[Tensor]) -> _Linear:
    """The passes of a Linear layer, shared out by weights where they are many and can be evenly."""
    cores = torch.get_num_threads()
    shared = cores > 1 and layer.out_features % cores == 0 and layer.weight.numel() >= cores * GRAIN
    return _SharedLinear(layer, to, cores) if shared else _Linear(layer, to)


class _BatchNorm:
    def __init__(self, layer: nn.BatchNorm1d, to: Sequence[Tensor]) -> None:
        self.to, self.settings = to, (True, layer.momentum, layer.eps)
        self.values = [value.detach() for value in (*layer.parameters(), *layer.buffers())]
        assert len(self.values) == 5  # weight, bias, running mean and variance, batches tracked

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        *values, tracked = self.values
        tracked.add_(1)
        x = x[None]  # one sequence of B numbers in each channel
        out, mean, inverse = aten.native_batch_norm(x, *values, *self.settings)
        return out[0], (x, mean, inverse)

    def backward(self, g: Tensor, kept: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        x, mean, inverse = kept
        g, weight, below = g[None], self.values[0], torch.empty_like(g)
        aten.native_batch_norm_backward.out(
            g, x, weight, None, None, mean, inverse, True, self.settings[2], (True, True, True),
            out0=below[None], out1=self.to[0], out2=self.to[1],
        )  # fmt: skip
        return below


class _LeakyReLU:
    def __init__(self, layer: nn.LeakyReLU, _to: Sequence[Tensor]) -> None:
        self.slope = layer.negative_slope

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out: Tensor = aten.leaky_relu_(x, self.slope)
        return out, out

    def backward(self, g: Tensor, kept: Tensor) -> Tensor:
        below: Tensor = aten.leaky_relu_backward(g, kept, self.slope, True)
        return below


class _Tanh:
    def __init__(self, _layer: nn.Tanh, _to: Sequence[Tensor]) -> None:
        pass

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out = x.tanh_()
        return out, out

    def backward(self, g: Tensor, kept: Tensor) -> Tensor:
        below: Tensor = aten.tanh_backward(g, kept)
        return below


_LINKS: dict[type[nn.Module], Callable[[Any, Sequence[Tensor]], Link]] = {
    nn.Linear: _linear,
    nn.BatchNorm1d: _BatchNorm,
    nn.LeakyReLU: _LeakyReLU,
    nn.Tanh: _Tanh,
}


_MAPS = (nn.Linear, nn.BatchNorm1d)


def _usual(layer: nn.Module) -> bool:
    """Whether it is of a kind that has passes here, and set as they expect."""
    if isinstance(layer, nn.BatchNorm1d):
        return (
            type(layer) is nn.BatchNorm1d and layer.affine and layer.track_running_stats and layer.momentum is not None
        )
    return type(layer) in _LINKS and (not isinstance(layer, nn.Linear) or layer.bias is not None)


def _inner(network: nn.Sequential) -> list[nn.Module]:
    """The layers between Flatten and Unflatten."""
    layers = list(network.children())
    return layers[isinstance(layers[0], nn.Flatten) : len(layers) - isinstance(layers[-1], nn.Unflatten)]


def _tail(network: nn.Sequential) -> Sequence[int] | None:
    """The shape that an Unflatten layer at the end gives each row."""
    last = list(network.children())[-1]
    return tuple(last.unflattened_size) if isinstance(last, nn.Unflatten) else None
