"""Perceptrons trained without autograd: both passes written out, and each layer moved as soon as it can be."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeGuard

import torch
from torch import Tensor, nn

from gan.training.adam import Gradients
from gan.training.linear import Activation, Linear, linear

aten = torch.ops.aten

Take = Callable[[int, Gradients], None]
"""What is done with gradients: those of consecutive parameters, from the one with the given number on."""


class Tape(NamedTuple):
    """What the way back needs of a pass: the input and the layers' outputs, [batch, features] each, and what else
    layers keep."""

    values: list[Tensor]
    kept: list[Any]


class Chain:
    """The passes through a network of Linear, BatchNorm1d, LeakyReLU and Tanh layers, one after another, on the CPU.

    The network is an nn.Sequential that may begin with a Flatten and end with an Unflatten layer; it stays what it is,
    with the parameters where they are. Computes what autograd would, to rounding. What makes it faster, measured on
    two cores with batches of 64 (README, "Speed"):

    - No node for each of some forty operations.
    - The products are those that suit the processor: gan/training/linear.py.
    - The gradients of a Linear layer are handed out as soon as they are there, while they are in the cores' caches, and
      their place serves the next layer.
    """

    def __init__(self, network: nn.Sequential) -> None:
        layers, self._shape = inner(network), tail(network)
        self._links = list(_links(layers))
        self._linears = [link for link in self._links if isinstance(link, Linear)]

    @staticmethod
    def fits(network: nn.Module) -> TypeGuard[nn.Sequential]:
        """Whether there are written-out passes for this network: of known layers, on the CPU."""
        if not isinstance(network, nn.Sequential) or next(network.parameters()).device.type != "cpu":
            return False
        layers = inner(network)
        # An activation goes with the layer that it follows.
        calm = all(isinstance(before, _MAPS) for before, layer in pairwise(layers) if not isinstance(layer, _MAPS))
        return type(layers[0]) is nn.Linear and calm and all(map(_usual, layers))

    @torch.no_grad()
    def run(self, x: Tensor) -> tuple[Tensor, Tape]:
        """The output in training mode for B rows, and what `run_back` needs."""
        values, kept = [x.flatten(1)], []
        for link in self._links:
            out, more = link.forward(values[-1])
            values.append(out)
            kept.append(more)
        return out if self._shape is None else out.unflatten(1, self._shape), Tape(values, kept)

    @torch.no_grad()
    def run_back(self, tape: Tape, g: Tensor, skip: int, wanted: bool, take: Take) -> Tensor | None:
        """Hand out the gradients, given that of the output; returns that of the input, [B - skip, features], if
        `wanted`.

        `take` gets the gradients of a Linear layer and of the BatchNorm after it, which are valid during the call
        alone, when nothing of this pass needs the layers' parameters any more. The first `skip` rows of the input, real
        pictures, get no gradient: nothing before them is trained, and not asking saves work. That is for networks that
        treat every row by itself (no BatchNorm).
        """
        g = g.flatten(1)
        after: Gradients = []  # of a BatchNorm
        for i in reversed(range(1, len(self._links))):
            link, x = self._links[i], tape.values[i]
            g = link.activation.backward(g, tape.values[i + 1])
            if isinstance(link, Linear):
                below = link.below(g)
                take(2 * i, [*link.gradients(g, x), *after])  # each has a weight and a bias
                g, after = below, []
            else:
                g, of_these = link.backward(g, x, tape.kept[i])
                after = [*of_these, *after]
        first, x = self._linears[0], tape.values[0]
        g = first.activation.backward(g, tape.values[1])
        of_input = first.below(g[skip:]) if wanted else None
        take(0, [*first.gradients(g, x), *after])
        return of_input

    @property
    def piecewise_linear(self) -> bool:
        """Whether there are only Linear and LeakyReLU layers: what `flatness` is for."""
        return all(isinstance(link, Linear) and link.activation.name != "tanh" for link in self._links)

    @torch.no_grad()
    def flatness(self, tape: Tape, rows: slice) -> tuple[Tensor, list[Tensor | None]]:
        """½ E|∇D|² over `rows` of a pass whose tape this is, and its gradients by all parameters.

        D has one output and is linear around each input, so ∇D = W₁ᵀ S₁ W₂ᵀ S₂ … with the slopes S of that very pass:
        one way down through the layers makes it, one way up the gradients. Biases have no part in it (None).
        """
        outputs, at = [value[rows] for value in tape.values[1:]], []
        count = len(outputs[0])
        g = outputs[0].new_ones(count, 1)
        for link, out in zip(reversed(self._linears), reversed(outputs), strict=True):
            g = link.activation.backward(g, out)
            at.append(g)
            g = link.below(g)
        value, h = g.square().sum() / (2 * count), g / count
        found: list[Tensor | None] = []
        for link, out in zip(self._linears, outputs, strict=True):
            found += [link.weight_gradient(at.pop(), h), None]
            h = link.activation.backward(link.above(h), out)
        return value, found


class BatchNorm:
    """Forward as a Linear's; keeps mean and inverse deviation of each feature for `backward`."""

    def __init__(
        self, layer: nn.BatchNorm1d, activation: Activation, part: Callable[[Tensor], Tensor] = lambda x: x
    ) -> None:
        """part: what is taken of the values of all features."""
        assert layer.num_batches_tracked is not None
        self.config, self.activation = (True, layer.momentum, layer.eps), activation
        self.tracked = layer.num_batches_tracked
        self.values = [part(value.detach()) for value in (*layer.parameters(), *layer.buffers()) if value.dim()]
        assert len(self.values) == 4  # weight, bias, running mean and variance

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        self.tracked.add_(1)
        out, mean, inverse = aten.native_batch_norm.default(x, *self.values, *self.config)
        return self.activation.forward(out), (mean, inverse)

    def backward(self, g: Tensor, x: Tensor, kept: tuple[Tensor, Tensor]) -> tuple[Tensor, Gradients]:
        mean, inverse = kept
        below, *gradients = aten.native_batch_norm_backward.default(
            g, x, self.values[0], None, None, mean, inverse, True, self.config[2], (True, True, True)
        )
        return below, gradients


_MAPS = (nn.Linear, nn.BatchNorm1d)
_BENDS = (nn.LeakyReLU, nn.Tanh)


def _links(layers: Sequence[nn.Module]) -> Iterator[Linear | BatchNorm]:
    """The passes of each Linear and BatchNorm layer with the activation that follows it."""
    for layer, after in pairwise([*layers, None]):
        activation = Activation.of(after) if isinstance(after, _BENDS) else Activation()
        if isinstance(layer, nn.Linear):
            yield linear(layer, activation)
        elif isinstance(layer, nn.BatchNorm1d):
            yield BatchNorm(layer, activation)


def _usual(layer: nn.Module) -> bool:
    """Whether it is of a kind that has passes here, and set as they expect."""
    if isinstance(layer, nn.BatchNorm1d):
        return (
            type(layer) is nn.BatchNorm1d and layer.affine and layer.track_running_stats and layer.momentum is not None
        )
    return type(layer) in (nn.Linear, *_BENDS) and (not isinstance(layer, nn.Linear) or layer.bias is not None)


def inner(network: nn.Sequential) -> list[nn.Module]:
    """The layers between Flatten and Unflatten."""
    layers = list(network)
    return layers[isinstance(layers[0], nn.Flatten) : len(layers) - isinstance(layers[-1], nn.Unflatten)]


def tail(network: nn.Sequential) -> Sequence[int] | None:
    """The shape that an Unflatten layer at the end gives each row."""
    last = network[-1]
    return tuple(last.unflattened_size) if isinstance(last, nn.Unflatten) else None
