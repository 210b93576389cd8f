"""What several processes add up is what one computes."""

import pytest
import torch

from gan.config import UserError
from gan.data.dataset import Batch, BatchLoader
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig
from gan.training.distributed import DistributedContext
from gan.training.trainer import GANTrainer

PLAIN = ModelConfig(latent_dim=4, generator_widths=[8], discriminator_widths=[8])  # no BatchNorm


class Recorder(DistributedContext):
    """A process that keeps what it would add to the others'."""

    seen: list[torch.Tensor]
    whole: bool

    def part(self, rows: torch.Tensor) -> torch.Tensor:
        return rows if self.whole else super().part(rows)

    def add(self, tensor: torch.Tensor) -> torch.Tensor:
        self.seen.append(tensor.clone())
        return tensor


def test_uneven_parts_of_a_batch_add_up_to_the_whole() -> None:
    torch.set_default_dtype(torch.float64)
    batch = torch.rand(5, 1, 4, 4) * 2 - 1
    seen = []
    for rank, whole in ((0, True), (0, False), (1, False)):
        team = Recorder(rank, 2)
        object.__setattr__(team, "seen", [])
        object.__setattr__(team, "whole", whole)
        GANTrainer(PLAIN, TrainConfig(), (1, 4, 4), team=team).step(Batch(team.part(batch), None, 5))
        seen.append(team.seen)
    torch.set_default_dtype(torch.float32)
    both, first, second = seen
    assert len(both) == 3  # both players' gradients and the scalars
    for one, a, b in zip(both, first, second, strict=True):
        torch.testing.assert_close(a + b, one, rtol=1e-12, atol=1e-14)


def test_parts_of_batches_are_disjoint_and_whole() -> None:
    images = torch.arange(23, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    whole = list(BatchLoader(images, 9, 0, 0, 1).epoch(3))
    parts = [list(BatchLoader(images, 9, 0, part, 2).epoch(3)) for part in (0, 1)]
    for i, batch in enumerate(whole):
        assert torch.cat([part[i].images for part in parts]).equal(batch.images)
        assert {batch.rows, *(part[i].rows for part in parts)} == {len(batch.images)}
    assert len(BatchLoader(images[:21], 9, 0, 0, 2)) == 2  # three pictures are too few for two processes


def test_batches_too_small_for_the_processes_are_refused() -> None:
    images = torch.zeros(100, 1, 1, 1, dtype=torch.uint8)
    with pytest.raises(UserError, match=r"train\.batch_size: 7 pictures are too few for 4 processes"):
        BatchLoader(images, 7, 0, 0, 4)
