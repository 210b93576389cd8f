"""The Parzen window against its formula."""

import math

import pytest
import torch

from gan.evaluation.parzen import best_sigma, log_likelihood


def test_against_the_formula_written_out() -> None:
    generator = torch.Generator().manual_seed(0)
    test, samples, sigma = torch.rand(7, 4, generator=generator), torch.rand(5, 4, generator=generator), 0.3
    for x, got in zip(test, log_likelihood(test, samples, sigma, chunk=3).tolist(), strict=True):
        kernels = [math.exp(-((x - s) ** 2).sum().item() / (2 * sigma**2)) for s in samples]
        expected = math.log(sum(kernels) / 5) - 4 * math.log(sigma * math.sqrt(2 * math.pi))
        assert got == pytest.approx(expected, abs=1e-4)


def test_the_best_width_is_near_the_true_one() -> None:
    generator = torch.Generator().manual_seed(0)
    validation = 0.5 + 0.2 * torch.randn(500, 2, generator=generator)
    assert 0.1 <= best_sigma(validation, torch.full((1, 2), 0.5)) <= 0.26
