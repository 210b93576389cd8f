"""Shares of classes, coverage and divergence."""

from math import log

import pytest
import torch

from gan.evaluation.classes import class_shares, classes_of


def test_the_data_s_own_shares_have_no_divergence() -> None:
    labels = torch.arange(10).repeat(30)
    found = classes_of(labels, class_shares(labels, 10))
    assert found.covered == 10
    assert found.divergence == pytest.approx(0, abs=1e-12)


def test_one_class_alone() -> None:
    found = classes_of(torch.full((500,), 3), class_shares(torch.arange(10).repeat(30), 10))
    assert found.covered == 1
    assert found.divergence == pytest.approx(log(10))


def test_a_class_counts_from_a_fifth_of_its_share() -> None:
    expected = torch.tensor([0.5, 0.5]).double()
    assert classes_of(torch.tensor([0] * 91 + [1] * 9), expected).covered == 1
    assert classes_of(torch.tensor([0] * 90 + [1] * 10), expected).covered == 2


def test_of_a_thousand_classes_one_hit_counts() -> None:
    expected = torch.full((1000,), 1e-3).double()
    assert classes_of(torch.arange(1000).repeat(2)[:1500], expected).covered == 1000
    assert classes_of(torch.arange(700).repeat(40), expected).covered == 700


def test_divergence_is_the_plain_sum() -> None:
    expected = class_shares(torch.tensor([0, 0, 0, 1, 2, 2]), 3)
    found = classes_of(torch.tensor([0, 1, 1, 2]), expected)
    plain = sum(p * log(p / q) for p, q in zip([1 / 4, 2 / 4, 1 / 4], [3 / 6, 1 / 6, 2 / 6], strict=True))
    assert found.divergence == pytest.approx(plain)


def test_a_class_without_training_pictures_has_no_infinite_divergence() -> None:
    shares = class_shares(torch.tensor([0, 0, 1]), 3)
    assert shares.sum().item() == pytest.approx(1)
    assert classes_of(torch.tensor([2]), shares).divergence < 10
