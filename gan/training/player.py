"""A player of a game: a network, its gradients and its optimizer."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan.training.adam import Adam, Gradients
from gan.training.chain import Chain
from gan.training.flat import Flat
from gan.training.team import ALONE, Team

Back = Callable[[Tensor], Tensor | None]


class Player:
    """A network that is trained: a pass forward, and a pass back that moves it.

    A perceptron on the CPU takes the written-out passes of Chain; other networks, and autocast, those of autograd.
    """

    def __init__(
        self, network: nn.Module, lr: float, betas: tuple[float, float], *, team: Team = ALONE, bfloat16: bool = False
    ) -> None:
        """With `bfloat16`, matrix products and convolutions are made in that type (autocast); weights stay float32."""
        self.network, self._team, self._bfloat16 = network, team, bfloat16
        self._parameters = list(network.parameters())
        self.optimizer = Adam(self._parameters, lr, betas)
        self._chain = Chain(network) if Chain.fits(network) and not bfloat16 else None
        self._gathered = Flat(self._parameters) if team.size > 1 else None

    def forward(self, x: Tensor, *, before: Tensor | None = None, wanted: bool = False) -> tuple[Tensor, Back]:
        """The network's output for the batch [before; x], and the way back.

        The way back takes the gradient of the output, once, and makes the optimizer's step by the gradients of the
        parameters, summed over the team; if `wanted` it returns the gradient of x, else None.
        """
        if self._chain is not None:
            chain, skip = self._chain, 0 if before is None else len(before)
            output, tape = chain.run(x, before)
            return output, self._moving(lambda g: chain.run_back(tape, g, skip, wanted, self._take))
        x = x.detach().requires_grad_(wanted)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self._bfloat16):
            answer = self.network(x if before is None else torch.cat([before, x]))
        answer = answer.float() if self._bfloat16 else answer

        def back(g: Tensor) -> Tensor | None:
            gradients = torch.autograd.grad(answer, [*self._parameters, *([x] if wanted else [])], g)
            self._take(0, gradients[: len(self._parameters)])
            return gradients[-1] if wanted else None

        return answer.detach(), self._moving(back)

    def _moving(self, back: Back) -> Back:
        """The pass back as a step of the optimizer."""

        def step(g: Tensor) -> Tensor | None:
            self.optimizer.begin()
            below = back(g)
            if self._gathered is not None:
                self._team.add(self._gathered.values)
                self.optimizer.move(0, self._gathered.views)
            return below

        return step

    def _take(self, start: int, gradients: Gradients) -> None:
        # Alone, a parameter moves as soon as it can, while its gradient is in the cores' caches.
        if self._gathered is None:
            self.optimizer.move(start, gradients)
        else:
            self._gathered.put(start, gradients)

    def state_dict(self) -> dict[str, Any]:
        """The network's and the optimizer's."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
