"""The gradients of all parameters in one tensor, so that their sum over processes is one message."""

from collections.abc import Sequence

from torch import Tensor

from gan.training.adam import Gradients

ALIGNMENT = 16  # numbers; every gradient starts at a multiple of 64 bytes of a float32 buffer


class Flat:
    """`values`: room for the gradients of `parameters` one after another; `views`: each one's place, in its shape.

    Between them are zeros.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        ends = [0]
        for parameter in parameters:
            ends.append(ends[-1] + -(-parameter.numel() // ALIGNMENT) * ALIGNMENT)
        self.values = parameters[0].detach().new_zeros(ends[-1])
        self.views = [
            self.values[start : start + parameter.numel()].view_as(parameter)
            for parameter, start in zip(parameters, ends, strict=False)
        ]

    def put(self, start: int, gradients: Gradients) -> None:
        """Copy the gradients of consecutive parameters, from number `start` on, to their places."""
        for view, gradient in zip(self.views[start:], gradients, strict=False):
            view.copy_(gradient)
