"""Perceptrons trained by a pair of processes: each has half of every layer, and moves what is its own.

Tensor parallelism (Shoeybi et al. 2019, Megatron-LM, https://arxiv.org/abs/1909.08053, section 3) between two cores.
"""

from typing import TypeGuard

import torch
from torch import Tensor, nn

from gan.training.adam import Adam, Gradients
from gan.training.chain import Chain, inner, tail
from gan.training.pair import Pair, share, shared
from gan.training.split import Inputs, Layer, Outputs, Places, Rows, half


class Halves:
    """What Chain does, and the optimizer's steps, while the pair is active; differs from it by rounding.

    A layer's weights lie with its outputs, of which each process has one half, with the BatchNorm and the activation
    that follow. On the way forward, the two put a layer's outputs together; on the way back, each makes its own
    outputs' part of the gradient of all inputs, and gives the other what that one needs of it. A last layer with one
    output is cut by its inputs. There is one pass at a time: `back` and `flatness` are of the last `forward`.

    Inputs are written before the other process is called, so between a `back` and the next `forward` of a network there
    must be another call of both, such as Pair.settle.
    """

    def __init__(self, network: nn.Sequential, optimizer: Adam, pair: Pair, rows: int) -> None:
        """rows: the most that a batch has. The network must be in shared memory, where the optimizer's state goes."""
        self._shape, self._optimizer, self._pair, self._most = tail(network), optimizer, pair, rows
        share(*optimizer.tensors())
        layers = _layers(network)
        self._inputs = Rows(shared(rows, layers[0].linear.in_features))
        self._slopes = Rows(shared(rows, layers[-1].linear.out_features))
        places = [Places(layer.linear, rows, whole=i == 0) for i, layer in enumerate(layers)]
        self._sides = [_Side(layers, places, optimizer, pair, rank) for rank in (0, 1)]
        self._forward, self._back = pair.both(self._forward_half), pair.both(self._back_half)
        self._flatness = pair.both(self._flatness_half)

    @staticmethod
    def fits(network: nn.Module) -> TypeGuard[nn.Sequential]:
        """Whether a network has halves: one of Chain's with hidden layers, BatchNorm and activations in the usual
        order."""
        if not Chain.fits(network):
            return False
        layers = _layers(network)
        usual = [module for layer in layers for module in layer[:3] if module is not None]
        *hidden, last = (layer.linear.out_features for layer in layers)
        plain = layers[-1].norm is None and layers[-1].bend is None
        return usual == inner(network) and min(hidden, default=0) > 1 and (last > 1 or plain)

    @property
    def active(self) -> bool:
        """Whether the pair is."""
        return self._pair.active

    def forward(self, x: Tensor, before: Tensor | None = None) -> Tensor:
        """The output in training mode for the B rows of [before; x], valid until the next call.

        Raises ValueError if there are more rows than there is room for.
        """
        parts = [part.flatten(1) for part in (before, x) if part is not None]
        rows = sum(map(len, parts))
        if rows > self._most:
            raise ValueError(f"a batch of {rows} rows, where there is room for {self._most}")
        torch.cat(parts, out=self._inputs[rows])
        output = self._forward(rows)
        return output if self._shape is None else output.unflatten(1, self._shape)

    def back(self, g: Tensor, skip: int, wanted: bool) -> Tensor | None:
        """Move the parameters, given the gradient of the output, as long as that; returns that of the inputs but the
        first `skip` rows, if `wanted`: [B - skip, features]."""
        self._slopes[len(g)].copy_(g.flatten(1))
        self._optimizer.begin()
        return self._back(len(g), skip, wanted, self._optimizer.rate)

    def flatness(self, rows: slice, weight: float) -> Tensor:
        """The value of Chain.flatness, for a piecewise linear network; `back` adds its gradients, `weight` times."""
        return self._flatness(rows.start, rows.stop, weight)

    def _forward_half(self, rows: float) -> Tensor:
        return self._side.forward(self._inputs[int(rows)])

    def _back_half(self, rows: float, skip: float, wanted: float, rate: float) -> Tensor | None:
        return self._side.back(self._slopes[int(rows)], int(skip), bool(wanted), rate)

    def _flatness_half(self, start: float, stop: float, weight: float) -> Tensor:
        return self._side.flatness(slice(int(start), int(stop)), weight)

    @property
    def _side(self) -> "_Side":
        return self._sides[self._pair.rank]


def _layers(network: nn.Sequential) -> list[Layer]:
    found: list[Layer] = []
    number = 0
    for module in inner(network):
        if isinstance(module, nn.Linear):
            found.append(Layer(module, None, None, number))
        elif isinstance(module, nn.BatchNorm1d):
            found[-1] = found[-1]._replace(norm=module)
        elif isinstance(module, nn.LeakyReLU | nn.Tanh):
            found[-1] = found[-1]._replace(bend=module)
        number += sum(1 for _ in module.parameters())
    return found


class _Side:
    """One process's half of a network; its methods are called in both, each of its own side."""

    def __init__(self, layers: list[Layer], places: list[Places], optimizer: Adam, pair: Pair, rank: int) -> None:
        self._rank, self._optimizer = rank, optimizer.part(lambda x: half(x, rank))
        self._extra: dict[int, Tensor] = {}  # by the number of a weight, for the next move
        self._one_output = layers[-1].linear.out_features == 1
        self._parts: list[Outputs | Inputs] = []
        for i, (layer, place) in enumerate(zip(layers, places, strict=True), 1):
            if self._one_output and i == len(layers):
                self._parts.append(Inputs(layer, place, pair, rank))
            else:  # but for the layer before that, all know all outputs
                gathered = not (self._one_output and i == len(layers) - 1)
                self._parts.append(Outputs(layer, place, pair, rank, gathered))

    def forward(self, x: Tensor) -> Tensor:
        """Inputs [B, features] to the network's output, of which each process has all."""
        for part in self._parts:
            x = part.forward(x)
        return x

    def back(self, g: Tensor, skip: int, wanted: bool, rate: float) -> Tensor | None:
        """As Halves.back; the learning rate is taken `rate` times."""
        self._optimizer.rate = rate
        below: Tensor | None = g if self._one_output else g.tensor_split(2, 1)[self._rank]
        for part in reversed(self._parts[1:]):  # these hand on all rows
            assert below is not None
            below = part.back(below, 0, True, self._move)
        assert below is not None
        below = self._parts[0].back(below, skip, wanted, self._move)
        self._extra = {}
        return below

    def flatness(self, rows: slice, weight: float) -> Tensor:
        """Down and up through the layers, as in Chain.flatness."""
        count = rows.stop - rows.start
        g = torch.ones(count, 1)
        for part in reversed(self._parts):
            g = part.down(g, rows)
        h = g / count
        for part in self._parts:
            gradient, h = part.up(h, rows)
            gradient, before = gradient * weight, self._extra.get(part.number)
            self._extra[part.number] = gradient if before is None else before + gradient
        value: Tensor = g.square().sum() / (2 * count)
        return value

    def _move(self, number: int, gradients: Gradients) -> None:
        if number in self._extra:
            gradients[0].add_(self._extra[number])
        self._optimizer.move(number, gradients)
