"""Shares of classes, coverage and divergence."""

from math import log

import pytest
import torch

from gan.evaluation.class_coverage import class_coverage, class_frequencies


def test_the_data_s_own_shares_have_no_divergence() -> None:
    labels = torch.arange(10).repeat(30)
    found = class_coverage(labels, class_frequencies(labels, 10))
    assert found.covered == 10
    assert found.divergence == pytest.approx(0, abs=1e-12)


def test_one_class_alone() -> None:
    found = class_coverage(torch.full((500,), 3), class_frequencies(torch.arange(10).repeat(30), 10))
    assert found.covered == 1
    assert found.divergence == pytest.approx(log(10))


def test_a_class_counts_from_a_fifth_of_its_share() -> None:
    expected = torch.tensor([0.5, 0.5]).double()
    assert class_coverage(torch.tensor([0] * 91 + [1] * 9), expected).covered == 1
    assert class_coverage(torch.tensor([0] * 90 + [1] * 10), expected).covered == 2


def test_of_a_thousand_classes_one_hit_counts() -> None:
    expected = torch.full((1000,), 1e-3).double()
    assert class_coverage(torch.arange(1000).repeat(2)[:1500], expected).covered == 1000
    assert class_coverage(torch.arange(700).repeat(40), expected).covered == 700


def test_divergence_is_the_plain_sum() -> None:
    expected = class_frequencies(torch.tensor([0, 0, 0, 1, 2, 2]), 3)
    found = class_coverage(torch.tensor([0, 1, 1, 2]), expected)
    plain = sum(p * log(p / q) for p, q in zip([1 / 4, 2 / 4, 1 / 4], [3 / 6, 1 / 6, 2 / 6], strict=True))
    assert found.divergence == pytest.approx(plain)


def test_a_class_without_training_pictures_has_no_infinite_divergence() -> None:
    shares = class_frequencies(torch.tensor([0, 0, 1]), 3)
    assert shares.sum().item() == pytest.approx(1)
    assert class_coverage(torch.tensor([2]), shares).divergence < 10
