"""All parameters of a network in one tensor, and their gradients in another."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

ALIGNMENT = 16  # numbers; every parameter starts at a multiple of 64 bytes of a float32 buffer


class Flat:
    """The parameters of `network`, moved into one tensor, `values`, of which they become views; `gradients` is alike.

    A sum over processes then is one message. Between the parameters are zeros.
    """

    def __init__(self, network: nn.Module) -> None:
        parameters = list(network.parameters())
        ends = [0]
        for parameter in parameters:
            ends.append(ends[-1] + -(-parameter.numel() // ALIGNMENT) * ALIGNMENT)
        self.values = parameters[0].new_zeros(ends[-1]).detach()
        self.gradients = torch.zeros_like(self.values)
        self.views: list[Tensor] = []
        for parameter, start in zip(parameters, ends, strict=False):
            end = start + parameter.numel()
            place = self.values[start:end].view_as(parameter)
            place.copy_(parameter.detach())
            parameter.data = place
            self.views.append(self.gradients[start:end].view_as(parameter))

    def gather(self, gradients: Sequence[Tensor]) -> None:
        """Bring the parameters' gradients, in their order, into `gradients`, unless they were written there."""
        for view, gradient in zip(self.views, gradients, strict=True):
            if gradient.data_ptr() != view.data_ptr():
                view.copy_(gradient)
