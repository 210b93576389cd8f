"""Layers that networks share."""

from typing import Any

import torch
from torch import Tensor, nn


class _LinearOfTwo(torch.autograd.Function):
    """Linear layer of [first; second] as one product, whose backward pass reaches `second` but not `first`."""

    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        both = torch.cat([first, second])
        ctx.save_for_backward(both, weight)
        ctx.length = len(first)
        return torch.addmm(bias, both, weight.t())

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        both, weight = ctx.saved_tensors
        [gradient] = gradients
        return None, gradient[ctx.length :] @ weight, gradient.t() @ both, gradient.sum(0)


def linear_of_two(layer: nn.Linear, first: Tensor, second: Tensor) -> Tensor:
    """`layer` applied to two batches [A, D] and [B, D] at once: [A + B, outputs].

    One product of A + B rows is faster than two. Gradients flow to the layer and to `second` alone: nothing before
    `first`, real pictures, is trained, and not asking for its gradient saves a third of the first layer's work.
    """
    out: Tensor = _LinearOfTwo.apply(first, second, layer.weight, layer.bias)
    return out
