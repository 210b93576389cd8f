"""The Parzen window against its formula."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from gan.evaluation.parzen import SIGMAS, best_sigma, log_likelihood, log_likelihoods


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


def test_all_widths_at_once_are_each_by_itself_in_the_precision_given() -> None:
    test, samples = torch.rand(7, 30, dtype=torch.float64), torch.rand(5, 30, dtype=torch.float64)
    found = log_likelihoods(test, samples, SIGMAS, chunk=3)
    for sigma, got in zip(SIGMAS, found, strict=True):
        kernels = Independent(Normal(samples, sigma), 1)
        window = MixtureSameFamily(Categorical(torch.ones(5, dtype=torch.float64)), kernels)
        torch.testing.assert_close(got, window.log_prob(test), rtol=1e-10, atol=1e-10)
    assert best_sigma(test, samples) == SIGMAS[int(found.mean(1).argmax())]
