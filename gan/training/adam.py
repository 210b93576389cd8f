"""Adam without the bookkeeping around it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

Gradients = list[Tensor] | tuple[Tensor, ...]


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1, https://arxiv.org/abs/1412.6980), by the kernel of torch.optim.Adam.

    Computes what torch.optim.Adam(fused=True) does, bit for bit. It takes the gradients as they come out of
    torch.autograd.grad and counts steps once rather than once a parameter, which on small networks is worth a
    measurable part of a step; and it can move a part of the parameters as soon as their gradients are there.
    """

    def __init__(self, parameters: Sequence[Tensor], lr: float, betas: tuple[float, float], eps: float = 1e-8) -> None:
        self._parameters = [parameter.detach() for parameter in parameters]
        self._means = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._squares = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._step = torch.zeros((), dtype=torch.float32, device=self._parameters[0].device)
        self._steps = [self._step] * len(self._parameters)
        self._lr, self._betas, self._eps = lr, betas, eps
        self.rate = 1.0  # what the learning rate is multiplied by

    def step(self, gradients: Gradients) -> None:
        """Move every parameter by its gradient, given in the order of the parameters."""
        self.begin()
        self.move(0, gradients)

    def begin(self) -> None:
        """Begin a step, in which `move` is to be called for every parameter once."""
        self._step.add_(1)

    def move(self, start: int, gradients: Gradients) -> None:
        """Move as many parameters as there are gradients, from number `start` on."""
        rows = slice(start, start + len(gradients))
        torch._fused_adam_(
            self._parameters[rows],
            gradients,
            self._means[rows],
            self._squares[rows],
            [],
            self._steps[rows],
            weight_decay=0.0,
            amsgrad=False,
            maximize=False,
            lr=self._lr * self.rate,
            beta1=self._betas[0],
            beta2=self._betas[1],
            eps=self._eps,
        )

    def tensors(self) -> list[Tensor]:
        """What it keeps of its own: moments and step count."""
        return [*self._means, *self._squares, self._step]

    def part(self, cut: Callable[[Tensor], Tensor]) -> "Adam":
        """One for what `cut` makes of the parameters, views of them, with this one's moments and step count."""
        part = copy.copy(self)
        part._parameters, part._means, part._squares = (
            [cut(tensor) for tensor in tensors] for tensors in (self._parameters, self._means, self._squares)
        )
        return part

    def state_dict(self) -> dict[str, Any]:
        """Moments and step count."""
        return {"means": self._means, "squares": self._squares, "step": self._step}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take moments and step count from such a state."""
        for mine, theirs in (
            (self._means, state["means"]),
            (self._squares, state["squares"]),
            ([self._step], [state["step"]]),
        ):
            for tensor, value in zip(mine, theirs, strict=True):
                tensor.copy_(value)
