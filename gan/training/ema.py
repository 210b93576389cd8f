"""An exponential moving average of a generator, with BatchNorm statistics that belong to it."""

import copy
from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from gan.networks.factory import answer
from gan.training.pair import Pair, share_network
from gan.training.split import half

BN_BATCH_SIZE = 512
UPDATE_INTERVAL = (
    8  # steps; an average over a thousand of them does not miss the rest, and reading all weights takes time
)


class EMA:
    """Averaged weights of a network that goes on training: average ← β · average + (1 − β) · weights.

    β a step rises to `decay` as min(decay, (1 + t) / (10 + t)), so that the random first weights are soon forgotten.
    The weights are looked at every EVERY steps, with the β of all of them, their product.
    Running statistics of BatchNorm belong to the weights that made them, not to an average of weights:
    `settled` computes them anew from a fixed set of inputs; other buffers it copies.
    """

    def __init__(self, network: nn.Module, decay: float, pair: Pair | None = None) -> None:
        """pair: whose processes, while it is active, average half of the weights each; the network must be shared."""
        self._decay, self._steps, self._pair = decay, 0, pair
        self._averaged = copy.deepcopy(network)
        self._current = [parameter.detach() for parameter in network.parameters()]
        self._buffers = list(network.buffers())
        if pair is not None:
            share_network(self._averaged)
        self._weights = [parameter.detach() for parameter in self._averaged.parameters()]
        if pair is not None:
            both = self._weights, self._current
            self._halves = [tuple([half(x, rank) for x in tensors] for tensors in both) for rank in (0, 1)]
            self._approach = pair.both(self._approach_half)

    def update(self) -> None:
        """Take note of a step of the network."""
        if self._steps % UPDATE_INTERVAL == 0:
            # The first weights to arrive replace the random ones that the copy was made with.
            since = range(self._steps - UPDATE_INTERVAL + 1, self._steps + 1)
            beta = prod(min(self._decay, (1 + t) / (10 + t)) for t in since) if self._steps else 0.0
            if self._pair is not None and self._pair.active:
                self._approach(1 - beta)
            else:
                torch._foreach_lerp_(self._weights, self._current, 1 - beta)
        self._steps += 1

    def _approach_half(self, weight: float) -> None:
        assert self._pair is not None
        weights, current = self._halves[self._pair.rank]
        torch._foreach_lerp_(weights, current, weight)

    def settled(self, inputs: Tensor, labels: Tensor | None = None) -> nn.Module:
        """The averaged network in eval mode, its BatchNorm statistics those of `inputs`. Valid until `update`."""
        for mine, current in zip(self._averaged.buffers(), self._buffers, strict=True):
            mine.copy_(current)
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in self._averaged.modules()):
            of = [None] * len(inputs) if labels is None else labels.split(BN_BATCH_SIZE)
            batches = [{"x": x, "labels": y} for x, y in zip(inputs.split(BN_BATCH_SIZE), of, strict=False)]
            update_bn(batches, _Fed(self._averaged))
        return self._averaged.eval()

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self._steps, "network": self._averaged.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._steps = state["steps"]
        self._averaged.load_state_dict(state["network"])


class _Fed(nn.Module):
    """A network that takes latents and labels from one mapping, as update_bn hands out one thing at a time."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Mapping[str, Tensor | None]) -> Tensor:
        x = inputs["x"]
        assert x is not None
        return answer(self.network, x, inputs["labels"])
