"""Memorization: copies are detected, independent images are not taken for copies."""

import pytest
import torch
from torch import Tensor

from gan.evaluation.memorization import memorization


def random_rows(num_rows: int, seed: int) -> Tensor:
    return torch.rand(num_rows, 12, generator=torch.Generator().manual_seed(seed))


TRAIN = random_rows(3000, 0)
TEST = random_rows(1000, 1)


def test_independent_samples_are_no_copies() -> None:
    result = memorization(random_rows(2000, 2), TRAIN, TEST)
    assert abs(result.memorization_score) < 4 * result.standard_error
    assert result.median_sample_distance == pytest.approx(result.median_test_distance, rel=0.05)


@pytest.mark.parametrize("fraction", [0.25, 1.0])
def test_score_estimates_the_fraction_of_copies(fraction: float) -> None:
    num_copies = int(2000 * fraction)
    samples = torch.cat([TRAIN[:num_copies] + 0.001, random_rows(2000 - num_copies, 3)])
    result = memorization(samples, TRAIN, TEST)
    assert result.memorization_score == pytest.approx(fraction, abs=4 * result.standard_error)
    assert all(sample == train for sample, train in result.nearest_pairs)
