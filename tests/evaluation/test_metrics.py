"""Metrics against closed forms, plain loops and the authors' own package."""

import contextlib
import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc
from torch import Tensor

from gan.evaluation.metrics import frechet_distance, inception_score, kid, knn_radii, nearest_neighbors, prdc


def normal(num_rows: int, num_dims: int, seed: int) -> Tensor:
    return torch.randn(num_rows, num_dims, generator=torch.Generator().manual_seed(seed))


def test_equal_sets_have_distance_zero() -> None:
    features = normal(500, 16, 0)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-8)
    assert kid(features, features) <= 0  # the cross term includes each row with itself, which lowers the estimate
    assert kid(normal(4000, 16, 20), normal(4000, 16, 21)) == pytest.approx(0, abs=0.005)
    result = prdc(features, features)
    assert (result.precision, result.recall, result.coverage) == (1, 1, 1)


def test_frechet_distance_of_shifted_and_scaled_normals_equals_closed_form() -> None:
    # Diagonal covariances: |μ₁ − μ₂|² + Σ (s₁ − s₂)². The samples are whitened to have exactly these moments.
    base = normal(4000, 8, 1).double()
    base -= base.mean(0)
    base @= torch.linalg.inv(torch.linalg.cholesky(torch.cov(base.T))).T
    shift = torch.linspace(-1, 2, 8).double()
    scale = torch.linspace(0.5, 3, 8).double()
    expected = shift.square().sum() + (scale - 1).square().sum()
    assert frechet_distance(base, base * scale + shift) == pytest.approx(expected.item(), rel=1e-6)


def test_kid_equals_the_plain_estimate() -> None:
    a = normal(60, 5, 2).double()
    b = normal(60, 5, 3).double() + 1

    def mean_kernel(x: Tensor, y: Tensor, same: bool) -> float:
        kernel = (x @ y.T / 5 + 1) ** 3
        n = len(x)
        return float((kernel.sum() - kernel.trace()) / (n * (n - 1)) if same else kernel.mean())

    expected = mean_kernel(a, a, True) + mean_kernel(b, b, True) - 2 * mean_kernel(a, b, False)
    assert kid(a, b) == pytest.approx(expected, rel=1e-9)


def test_inception_score_equals_its_definition() -> None:
    probabilities = normal(200, 7, 14).double().softmax(1)
    marginal = probabilities.mean(0)
    kl = (probabilities * (probabilities / marginal).log()).sum(1).mean()
    assert inception_score(probabilities.log()) == pytest.approx(kl.exp().item(), rel=1e-6)


@pytest.mark.parametrize(("num_real", "num_fake", "shift"), [(300, 200, 0.0), (150, 250, 1.5), (2100, 90, 0.5)])
def test_prdc_equals_the_authors_package(num_real: int, num_fake: int, shift: float) -> None:
    real = normal(num_real, 6, 4).double()
    fake = normal(num_fake, 6, 5).double() + shift
    with contextlib.redirect_stdout(io.StringIO()):
        expected = compute_prdc(real.numpy(), fake.numpy(), nearest_k=5)
    assert prdc(real, fake)._asdict() == pytest.approx(expected)


def test_precomputed_radii_give_the_same_metrics() -> None:
    real = normal(300, 6, 6)
    fake = normal(300, 6, 7)
    assert prdc(real, fake, real_radii=knn_radii(real)) == prdc(real, fake)


def test_prdc_of_two_real_sets_has_the_expected_values() -> None:
    result = prdc(normal(3000, 10, 8), normal(3000, 10, 9))
    assert result.coverage == pytest.approx(1 - 0.5**5, abs=0.02)  # Naeem et al. 2020, appendix: 1 − 1/2^k
    assert result.density == pytest.approx(1, abs=0.1)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_the_rows_does_not_matter(seed: int) -> None:
    a = normal(120, 4, 10).double()
    b = normal(90, 4, 11).double()
    permutation = np.random.default_rng(seed).permutation
    shuffled_a = a[permutation(len(a))]
    shuffled_b = b[permutation(len(b))]
    assert frechet_distance(shuffled_a, shuffled_b) == pytest.approx(frechet_distance(a, b), rel=1e-9)
    assert prdc(shuffled_a, shuffled_b) == pytest.approx(prdc(a, b))


def test_nearest_neighbors_equal_the_plain_search() -> None:
    queries = normal(30, 7, 12)
    references = normal(4100, 7, 13)  # more than a chunk
    distances, indices = nearest_neighbors(queries, references)
    expected = (queries[:, None] - references[None]).norm(dim=2).min(1)
    assert torch.equal(indices, expected.indices)
    assert torch.allclose(distances, expected.values, atol=1e-3)
