"""The Parzen window against its formula."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from gan.evaluation.parzen import SIGMAS, best_sigma, log_likelihood, log_likelihoods


def test_log_likelihood_equals_the_formula() -> None:
    rng = torch.Generator().manual_seed(0)
    test = torch.rand(7, 4, generator=rng)
    samples = torch.rand(5, 4, generator=rng)
    sigma = 0.3
    for x, value in zip(test, log_likelihood(test, samples, sigma, chunk_size=3).tolist(), strict=True):
        kernels = [math.exp(-((x - s) ** 2).sum().item() / (2 * sigma**2)) for s in samples]
        expected = math.log(sum(kernels) / 5) - 4 * math.log(sigma * math.sqrt(2 * math.pi))
        assert value == pytest.approx(expected, abs=1e-4)


def test_best_sigma_is_near_the_true_width() -> None:
    rng = torch.Generator().manual_seed(0)
    validation = 0.5 + 0.2 * torch.randn(500, 2, generator=rng)
    assert 0.1 <= best_sigma(validation, torch.full((1, 2), 0.5)) <= 0.26


def test_log_likelihoods_equal_a_mixture_of_normals_for_each_width() -> None:
    test = torch.rand(7, 30, dtype=torch.float64)
    samples = torch.rand(5, 30, dtype=torch.float64)
    values = log_likelihoods(test, samples, SIGMAS, chunk_size=3)
    for sigma, value in zip(SIGMAS, values, strict=True):
        kernels = Independent(Normal(samples, sigma), 1)
        mixture = MixtureSameFamily(Categorical(torch.ones(5, dtype=torch.float64)), kernels)
        torch.testing.assert_close(value, mixture.log_prob(test), rtol=1e-10, atol=1e-10)
    assert best_sigma(test, samples) == SIGMAS[int(values.mean(1).argmax())]
