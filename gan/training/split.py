"""A layer cut in two, a half for each process of a pair."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gan.training.adam import Gradients
from gan.training.chain import BatchNorm
from gan.training.linear import Activation, products
from gan.training.pair import Pair, shared

Move = Callable[[int, Gradients], None]


def half(x: Tensor, rank: int) -> Tensor:
    """What a process has of a parameter: half of the rows, or of the columns if there is but one row."""
    return x.tensor_split(2, int(x.dim() > 1 and len(x) == 1))[rank]


class Layer(NamedTuple):
    """A Linear layer and what follows it; `number`: its weight's among the network's parameters."""

    linear: nn.Linear
    norm: nn.BatchNorm1d | None
    bend: nn.LeakyReLU | nn.Tanh | None
    number: int


class Rows(dict[int, Tensor]):
    """The first rows of a tensor, as many as the key says; kept, as it takes long to make so many views in a step."""

    def __init__(self, tensor: Tensor) -> None:
        super().__init__()
        self._tensor = tensor

    def __missing__(self, rows: int) -> Tensor:
        self[rows] = view = self._tensor[:rows]
        return view


class Places:
    """Where the two processes give each other what they have of a layer, for so many rows. What a layer has no use for
    takes no memory: nothing is written to it."""

    def __init__(self, layer: nn.Linear, rows: int, whole: bool) -> None:
        """whole: whether each needs the gradient of all inputs, not of its half."""
        self.outputs, self.lifted = shared(rows, layer.out_features), shared(rows, layer.out_features)
        ends = 0, -(-layer.in_features // 2), layer.in_features
        self.inputs = [slice(0, ends[2])] * 2 if whole else [slice(*ends[:2]), slice(*ends[1:])]  # what a rank needs
        self.parts = [Rows(shared(rows, there.stop - there.start)) for there in self.inputs]  # the other's part of it
        # What each half of the inputs adds up to.
        self.sums = [Rows(shared(rows, layer.out_features)) for _ in range(2)]


class Outputs:
    """Half of the outputs of a layer, from all of its inputs."""

    def __init__(self, layer: Layer, places: Places, pair: Pair, rank: int, gathered: bool) -> None:
        """gathered: whether the next layer needs the other half, too."""
        self.number, self._rank, self._pair, self._places, self._gathered = layer.number, rank, pair, places, gathered
        norm, activation = layer.norm, Activation() if layer.bend is None else Activation.of(layer.bend)
        weight, bias = (half(x.detach(), rank) for x in (layer.linear.weight, layer.linear.bias))
        self._linear = products(weight, bias, activation if norm is None else Activation(), cores=1)
        self._norm = None if norm is None else BatchNorm(norm, activation, lambda x: half(x, rank))
        if self._norm is not None and rank == 1:  # one of them counts the batches
            self._norm.tracked = self._norm.tracked.clone()
        # This side's columns of a place for all outputs, and all of it.
        self._outputs, self._lifted = (
            (Rows(place.tensor_split(2, 1)[rank]), Rows(place)) for place in (places.outputs, places.lifted)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Inputs [B, all] to what the next layer wants, [B, all outputs] or [B, this side's]."""
        self._x, (out, _) = x, self._linear.forward(x)
        if self._norm is not None:
            self._between = out
            out, self._kept = self._norm.forward(out)
        self._out = out
        return self._gather(out, *self._outputs)

    def _gather(self, own: Tensor, place: Rows, whole: Rows) -> Tensor:
        if not self._gathered:
            return own
        place[len(own)].copy_(own)
        self._pair.meet()
        return whole[len(own)]

    def back(self, g: Tensor, skip: int, wanted: bool, move: Move) -> Tensor | None:
        """Hand the gradients of this side's parameters to `move`, given that of its outputs, [B, this side's].

        Returns, if `wanted`, the gradient that this side is to have of the inputs but the first `skip` rows: that of
        its half of them, [B - skip, this side's of the layer below], or of all if they are the network's.

        Between giving and taking there is work to do, so that the two need not wait for each other.
        """
        after: Gradients = []
        if self._norm is None:
            g = self._linear.activation.backward(g, self._out)
        else:
            g, after = self._norm.backward(self._norm.activation.backward(g, self._out), self._between, self._kept)
        part = self._give(g[skip:] if skip else g) if wanted else None
        move(self.number, [*self._linear.gradients(g, self._x), *after])
        return None if part is None else self._take(part)

    def down(self, g: Tensor, rows: slice) -> Tensor:
        """The gradient of inputs, as `back` returns it, that a penalty on `rows` of the last pass asks for."""
        self._at = self._linear.activation.backward(g, self._out[rows])
        return self._take(self._give(self._at))

    def up(self, h: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        """The gradient of this side's weight by that penalty, and what the next layer wants. h: [rows, all inputs]."""
        gradient, h = self._linear.weight_gradient(self._at, h), self._linear.above(h)
        h = self._linear.activation.backward(h, self._out[rows])
        return gradient, self._gather(h, *self._lifted)

    def _give(self, g: Tensor) -> Tensor:
        """This side's part of the gradient of all inputs, after giving the other side what it needs of that."""
        part, other = self._linear.below(g), 1 - self._rank
        self._places.parts[other][len(part)].copy_(part[:, self._places.inputs[other]])
        return part

    def _take(self, part: Tensor) -> Tensor:
        self._pair.meet()
        return part[:, self._places.inputs[self._rank]] + self._places.parts[self._rank][len(part)]


class Inputs:
    """The part that half of the inputs have in a last layer with one output. Methods as those of Outputs."""

    def __init__(self, layer: Layer, places: Places, pair: Pair, rank: int) -> None:
        self.number, self._rank, self._pair, self._sums = layer.number, rank, pair, places.sums
        self._weight, self._bias = half(layer.linear.weight.detach(), rank), layer.linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        self._x = x
        sums = [place[len(x)] for place in self._sums]
        torch.mm(x, self._weight.t(), out=sums[self._rank])
        self._pair.meet()
        return sums[0] + sums[1] + self._bias

    def back(self, g: Tensor, _skip: int, _wanted: bool, move: Move) -> Tensor:
        below = torch.mm(g, self._weight)
        move(self.number, [torch.mm(g.t(), self._x), half(g.sum(0), self._rank)])
        return below

    def down(self, g: Tensor, _rows: slice) -> Tensor:
        self._at = g
        return torch.mm(g, self._weight)

    def up(self, h: Tensor, _rows: slice) -> tuple[Tensor, Tensor]:
        return torch.mm(self._at.t(), h), h  # there is nothing above
