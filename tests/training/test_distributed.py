"""Shards of batches, and sums over processes. tests/training/test_trainer.py has whole steps."""

import pytest
import torch

from gan.config import UserError
from gan.data.dataset import BatchLoader
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


def test_shards_of_batches_are_disjoint_and_complete() -> None:
    images = torch.arange(23, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    whole = list(BatchLoader(images, 9, 0, 0, 1).epoch(3))
    shards = [list(BatchLoader(images, 9, 0, rank, 2).epoch(3)) for rank in (0, 1)]
    for i, batch in enumerate(whole):
        assert torch.cat([shard[i].images for shard in shards]).equal(batch.images)
        assert {batch.global_size, *(shard[i].global_size for shard in shards)} == {len(batch.images)}
    assert len(BatchLoader(images[:21], 9, 0, 0, 2)) == 2  # three images are too few for two processes


def test_batches_too_small_for_the_processes_are_refused() -> None:
    images = torch.zeros(100, 1, 1, 1, dtype=torch.uint8)
    with pytest.raises(UserError, match=r"train\.batch_size: 7 is too small for 4 processes"):
        BatchLoader(images, 7, 0, 0, 4)
