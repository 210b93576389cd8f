"""Exponential moving average of a generator's weights, with BatchNorm statistics that belong to them."""

import copy
from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

BN_BATCH_SIZE = 512
UPDATE_INTERVAL = 8  # steps; short for an average over a thousand steps, and each update reads all weights


class EMA:
    """Averaged copy of a network in training: average ← β · average + (1 − β) · weights.

    β of a step rises to `decay` as min(decay, (1 + t) / (10 + t)), so that the random first weights fade quickly.
    The average is updated every UPDATE_INTERVAL steps, with the product of their β.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        """decay: β, in [0, 1)."""
        self.decay = decay
        self.num_steps = 0
        self.ema_network = copy.deepcopy(network)
        self.ema_params = [parameter.detach() for parameter in self.ema_network.parameters()]
        self.source_params = [parameter.detach() for parameter in network.parameters()]
        self.source_buffers = list(network.buffers())

    def update(self) -> None:
        """Count one step of the network, and update the average if it is due."""
        if self.num_steps % UPDATE_INTERVAL == 0:
            steps = range(self.num_steps - UPDATE_INTERVAL + 1, self.num_steps + 1)
            # The first update replaces the random weights that the copy was made with.
            beta = prod(min(self.decay, (1 + t) / (10 + t)) for t in steps) if self.num_steps else 0.0
            torch._foreach_lerp_(self.ema_params, self.source_params, 1 - beta)
        self.num_steps += 1

    def with_recomputed_bn(self, latents: Tensor, labels: Tensor | None = None) -> nn.Module:
        """Return the averaged network in eval mode, with BatchNorm statistics of latents [N, D] and labels [N].

        Running statistics belong to the weights that produced them, not to an average of weights. Other buffers are
        copied from the network. The returned network is the average itself: valid until the next `update`.
        """
        for buffer, source in zip(self.ema_network.buffers(), self.source_buffers, strict=True):
            buffer.copy_(source)
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in self.ema_network.modules()):
            batches = []
            for start in range(0, len(latents), BN_BATCH_SIZE):
                batch = slice(start, start + BN_BATCH_SIZE)
                batches.append({"latents": latents[batch], "labels": None if labels is None else labels[batch]})
            update_bn(batches, _DictInput(self.ema_network))
        return self.ema_network.eval()

    def state_dict(self) -> dict[str, Any]:
        """Return the averaged weights and the number of steps."""
        return {"num_steps": self.num_steps, "network": self.ema_network.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        self.num_steps = state["num_steps"]
        self.ema_network.load_state_dict(state["network"])


class _DictInput(nn.Module):
    """Generator that takes latents and labels as one mapping, since update_bn passes one argument."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, inputs: Mapping[str, Tensor | None]) -> Tensor:
        images: Tensor = self.generator(inputs["latents"], inputs["labels"])
        return images
