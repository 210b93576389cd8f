"""A player of a game: a network, its gradients and its optimizer."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan.training.adam import Adam
from gan.training.chain import Chain
from gan.training.flat import Flat

Back = Callable[[Tensor], Tensor | None]


class Player:
    """A network that is trained: a pass forward, a pass back that leaves its gradients in `flat`, an optimizer's step.

    A perceptron on the CPU takes the written-out passes of Chain; other networks, and autocast, those of autograd.
    """

    def __init__(self, network: nn.Module, lr: float, betas: tuple[float, float], *, bfloat16: bool = False) -> None:
        """With `bfloat16`, matrix products and convolutions are made in that type (autocast); weights stay float32."""
        self.network, self._bfloat16 = network, bfloat16
        self.flat = Flat(network)
        self.optimizer = Adam(list(network.parameters()), lr, betas)
        self._chain = Chain(network, self.flat.views) if Chain.fits(network) and not bfloat16 else None

    def forward(self, x: Tensor, *, before: Tensor | None = None, wanted: bool = False) -> tuple[Tensor, Back]:
        """The network's output for the batch [before; x], and the way back.

        The way back takes the gradient of the output, once, and writes the parameters' gradients; if `wanted` it
        returns the gradient of x, else None.
        """
        if self._chain is not None:
            chain, skip = self._chain, 0 if before is None else len(before)
            output, tape = chain.run(x, before)
            return output, lambda g: chain.run_back(tape, g, skip, wanted)
        x = x.detach().requires_grad_(wanted)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self._bfloat16):
            answer = self.network(x if before is None else torch.cat([before, x]))
        answer = answer.float() if self._bfloat16 else answer

        def back(g: Tensor) -> Tensor | None:
            gradients = torch.autograd.grad(answer, [*self.network.parameters(), *([x] if wanted else [])], g)
            self.flat.gather(gradients[: len(self.flat.views)])
            return gradients[-1] if wanted else None

        return answer.detach(), back

    def step(self) -> None:
        """Move the network by the gradients of the last pass back."""
        self.optimizer.step(self.flat.views)

    def state_dict(self) -> dict[str, Any]:
        """The network's and the optimizer's."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
