"""Copies are found, and pictures that are none are not taken for copies."""

import pytest
import torch

from gan.evaluation.memorization import memorization


def pictures(count: int, seed: int) -> torch.Tensor:
    return torch.rand(count, 12, generator=torch.Generator().manual_seed(seed))


TRAIN, TEST = pictures(3000, 0), pictures(1000, 1)


def test_fresh_pictures_are_no_copies() -> None:
    found = memorization(pictures(2000, 2), TRAIN, TEST)
    assert abs(found.excess) < 4 * found.error
    assert found.samples_to_train == pytest.approx(found.test_to_train, rel=0.05)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_the_share_of_copies_is_estimated(share: float) -> None:
    copies = int(2000 * share)
    samples = torch.cat([TRAIN[:copies] + 0.001, pictures(2000 - copies, 3)])
    found = memorization(samples, TRAIN, TEST)
    assert found.excess == pytest.approx(share, abs=4 * found.error)
    assert all(sample == place for sample, place in found.closest)
