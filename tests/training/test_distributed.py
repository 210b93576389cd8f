"""Shards of batches, and sums over processes. tests/training/test_trainer.py has whole steps."""

import torch

from gan.training.distributed import DistributedContext


class DoublingContext(DistributedContext):
    """One of two ranks, the other of which holds the same values."""

    def all_reduce(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.mul_(2)


def test_gradients_are_summed_in_one_message_and_keep_their_shapes() -> None:
    parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in ((5, 3), (5,), (2, 2, 3))]
    unused = torch.nn.Parameter(torch.zeros(4))
    gradients = [torch.randn_like(parameter) for parameter in parameters]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    DoublingContext(0, 2).all_reduce_grads([*parameters, unused])
    assert unused.grad is None
    for parameter, gradient in zip(parameters, gradients, strict=True):
        assert parameter.grad is not None
        assert parameter.grad.equal(2 * gradient)
