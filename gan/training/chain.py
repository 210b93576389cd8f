"""Perceptrons trained without autograd: both passes written out, and each layer moved as soon as it can be."""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, Protocol, TypeGuard

import torch
from torch import Tensor, nn

from gan.training.adam import Gradients
from gan.training.linear import Linear, linear

aten = torch.ops.aten

Take = Callable[[int, Gradients], None]
"""What is done with gradients: those of consecutive parameters, from the one with the given number on."""


class Link(Protocol):
    """The two passes of one layer. Activations are [features, batch]."""

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        """The layer's output, and what `backward` needs of this pass. May work in place on x, if no layer keeps it."""

    def backward(self, g: Tensor, kept: Any) -> tuple[Tensor, Gradients]:
        """The gradient of the input, and those of the parameters, given that of the output."""


class Chain:
    """The passes through a network of Linear, BatchNorm1d, LeakyReLU and Tanh layers, one after another, on the CPU.

    The network is an nn.Sequential that may begin with a Flatten and end with an Unflatten layer; it stays what it is,
    with the parameters where they are. Computes what autograd would, to rounding. What makes it faster, measured on
    two cores with batches of 64 (README, "Speed"):

    - No node for each of some forty operations.
    - The products are those that suit the processor: gan/training/linear.py.
    - The gradients of a layer are handed out as soon as they are there, while they are in the cores' caches, and their
      place serves the next layer.
    """

    def __init__(self, network: nn.Sequential) -> None:
        layers, self._shape = _inner(network), _tail(network)
        self._links = [_LINKS[type(layer)](layer) for layer in layers]
        self._starts = list(accumulate((len(list(layer.parameters())) for layer in layers), initial=0))
        assert isinstance(self._links[0], Linear)
        self._first = self._links[0]

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
    def run_back(self, tape: list[Any], g: Tensor, skip: int, wanted: bool, take: Take) -> Tensor | None:
        """Hand out the gradients, given that of the output; returns that of the input, [B, features], if `wanted`.

        `take` gets the gradients of a layer, which are valid during the call alone, when nothing of this pass needs
        the layer's parameters any more. The first `skip` rows of the input, real pictures, get no gradient: nothing
        before them is trained, and not asking saves work. That is for networks that treat every row by itself (no
        BatchNorm).
        """
        g = g.flatten(1).t().contiguous()
        for i in range(len(self._links) - 1, 0, -1):
            g, gradients = self._links[i].backward(g, tape[i])
            if gradients:
                take(self._starts[i], gradients)
            del gradients  # the next layer's find their place
        below = self._first.below(g[:, skip:]).t() if wanted else None
        take(0, self._first.gradients(g, tape[0]))
        return below

    @property
    def piecewise_linear(self) -> bool:
        """Whether there are only Linear and LeakyReLU layers: what `flatness` is for."""
        return all(isinstance(link, Linear | _LeakyReLU) for link in self._links)

    @torch.no_grad()
    def flatness(self, tape: list[Any], rows: slice) -> tuple[Tensor, list[Tensor | None]]:
        """½ E|∇D|² over `rows` of a pass whose tape this is, and its gradients by all parameters.

        D has one output and is linear around each input, so ∇D = W₁ᵀ S₁ W₂ᵀ S₂ … with the slopes S of that very pass:
        one way down through the layers makes it, one way up the gradients. Biases have no part in it (None).
        """
        kept = [link_kept[:, rows] for link_kept in tape]
        count, at = kept[0].shape[1], []
        g = kept[0].new_ones(1, count)
        for link, one in zip(reversed(self._links), reversed(kept), strict=True):
            if isinstance(link, Linear):
                at.append(g)
                g = link.below(g)
            else:
                g = link.backward(g, one)[0]
        value, h, found = g.square().sum() / (2 * count), g / count, []
        for link, one in zip(self._links, kept, strict=True):
            if isinstance(link, Linear):
                found += [link.gradients(at.pop(), h)[0].clone(), None]
                h = link.above(h)
            else:
                h = link.backward(h, one)[0]
        return value, found


class _BatchNorm:
    def __init__(self, layer: nn.BatchNorm1d) -> None:
        self.settings = (True, layer.momentum, layer.eps)
        self.values = [value.detach() for value in (*layer.parameters(), *layer.buffers())]
        assert len(self.values) == 5  # weight, bias, running mean and variance, batches tracked

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        *values, tracked = self.values
        tracked.add_(1)
        x = x[None]  # one sequence of B numbers in each channel
        out, mean, inverse = aten.native_batch_norm(x, *values, *self.settings)
        return out[0], (x, mean, inverse)

    def backward(self, g: Tensor, kept: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Gradients]:
        x, mean, inverse = kept
        below, *gradients = aten.native_batch_norm_backward(
            g[None], x, self.values[0], None, None, mean, inverse, True, self.settings[2], (True, True, True)
        )
        return below[0], gradients


class _LeakyReLU:
    def __init__(self, layer: nn.LeakyReLU) -> None:
        self.slope = layer.negative_slope

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out: Tensor = aten.leaky_relu_(x, self.slope)
        return out, out

    def backward(self, g: Tensor, kept: Tensor) -> tuple[Tensor, Gradients]:
        return aten.leaky_relu_backward(g, kept, self.slope, True), ()


class _Tanh:
    def __init__(self, _layer: nn.Tanh) -> None:
        pass

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out = x.tanh_()
        return out, out

    def backward(self, g: Tensor, kept: Tensor) -> tuple[Tensor, Gradients]:
        return aten.tanh_backward(g, kept), ()


_LINKS: dict[type[nn.Module], Callable[[Any], Link]] = {
    nn.Linear: linear,
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
