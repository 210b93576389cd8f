"""An exponential moving average of a generator, with BatchNorm statistics that belong to it."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

STATISTICS_BATCH = 512


class Average:
    """Averaged weights of a network that goes on training: average ← β · average + (1 − β) · weights after each step.

    β rises to `decay` as min(decay, (1 + t) / (10 + t)), so that the random first weights are soon forgotten.
    Running statistics of BatchNorm belong to the weights that made them, not to an average of weights:
    `settled` computes them anew from a fixed set of inputs.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        def blend(averaged: list[Tensor], current: list[Tensor], steps: Tensor | int) -> None:
            t = int(steps)
            torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + t) / (10 + t)))

        self._network = network
        self._averaged = AveragedModel(network, multi_avg_fn=blend)  # type: ignore[arg-type]

    def update(self) -> None:
        """Take the network's present weights into the average."""
        self._averaged.update_parameters(self._network)

    def settled(self, inputs: Tensor) -> nn.Module:
        """The averaged network in eval mode, its BatchNorm statistics those of `inputs`. Valid until `update`."""
        update_bn(inputs.split(STATISTICS_BATCH), self._averaged)
        return self._averaged.module.eval()

    def state_dict(self) -> dict[str, Tensor]:
        return self._averaged.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self._averaged.load_state_dict(state)
