"""Distances against closed forms, plain loops and the authors' own package."""

import contextlib
import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc
from torch import Tensor

from gan.evaluation.metrics import frechet_distance, kid, knn_radii, nearest_neighbors, prdc


def normal(count: int, dim: int, seed: int) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def test_equal_sets_have_no_distance() -> None:
    features = normal(500, 16, 0)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-8)
    assert kid(features, features) <= 0  # every row meets itself, which counts as closer than by chance
    assert kid(normal(4000, 16, 20), normal(4000, 16, 21)) == pytest.approx(0, abs=0.005)
    found = prdc(features, features)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)


def test_frechet_of_shifted_and_scaled_normals_is_the_closed_form() -> None:
    # Exactly these moments: |μ₁ − μ₂|² + Σ (s₁ − s₂)² for diagonal covariances.
    base = normal(4000, 8, 1).double()
    base -= base.mean(0)
    base @= torch.linalg.inv(torch.linalg.cholesky(torch.cov(base.T))).T
    shift, scale = torch.linspace(-1, 2, 8).double(), torch.linspace(0.5, 3, 8).double()
    expected = shift.square().sum() + (scale - 1).square().sum()
    assert frechet_distance(base, base * scale + shift) == pytest.approx(expected.item(), rel=1e-6)


def test_kernel_distance_of_shifted_sets_is_the_plain_estimate() -> None:
    first, second = normal(60, 5, 2).double(), normal(60, 5, 3).double() + 1

    def mean_kernel(a: Tensor, b: Tensor, same: bool) -> float:
        kernel = (a @ b.T / 5 + 1) ** 3
        n = len(a)
        return float((kernel.sum() - kernel.trace()) / (n * (n - 1)) if same else kernel.mean())

    expected = mean_kernel(first, first, True) + mean_kernel(second, second, True)
    expected -= 2 * mean_kernel(first, second, False)
    assert kid(first, second) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("real", "fake", "shift"), [(300, 200, 0.0), (150, 250, 1.5), (2100, 90, 0.5)])
def test_neighbourhoods_are_those_of_the_authors(real: int, fake: int, shift: float) -> None:
    a, b = normal(real, 6, 4).double(), normal(fake, 6, 5).double() + shift
    with contextlib.redirect_stdout(io.StringIO()):
        expected = compute_prdc(a.numpy(), b.numpy(), nearest_k=5)
    assert prdc(a, b)._asdict() == pytest.approx(expected)


def test_radii_at_hand_change_nothing() -> None:
    a, b = normal(300, 6, 6), normal(300, 6, 7)
    assert prdc(a, b, real_radii=knn_radii(a)) == prdc(a, b)


def test_a_second_real_set_reaches_the_known_coverage() -> None:
    found = prdc(normal(3000, 10, 8), normal(3000, 10, 9))
    assert found.coverage == pytest.approx(1 - 0.5**5, abs=0.02)  # Naeem et al. 2020, appendix: 1 − 1/2^k
    assert found.density == pytest.approx(1, abs=0.1)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_the_rows_does_not_matter(seed: int) -> None:
    a, b = normal(120, 4, 10).double(), normal(90, 4, 11).double()
    order = np.random.default_rng(seed).permutation
    c, d = a[order(len(a))], b[order(len(b))]
    assert frechet_distance(c, d) == pytest.approx(frechet_distance(a, b), rel=1e-9)
    assert prdc(c, d) == pytest.approx(prdc(a, b))


def test_nearest_is_the_plain_search() -> None:
    rows, others = normal(30, 7, 12), normal(4100, 7, 13)  # more than a chunk
    distances, places = nearest_neighbors(rows, others)
    plain = (rows[:, None] - others[None]).norm(dim=2).min(1)
    assert torch.equal(places, plain.indices)
    assert torch.allclose(distances, plain.values, atol=1e-3)
