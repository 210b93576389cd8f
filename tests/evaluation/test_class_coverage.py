"""Class frequencies, coverage and KL divergence."""

from math import log

import pytest
import torch

from gan.evaluation.class_coverage import class_coverage, class_frequencies


def test_reference_frequencies_have_no_divergence() -> None:
    labels = torch.arange(10).repeat(30)
    coverage = class_coverage(labels, class_frequencies(labels, 10))
    assert coverage.num_covered == 10
    assert coverage.kl == pytest.approx(0, abs=1e-12)


def test_single_class() -> None:
    coverage = class_coverage(torch.full((500,), 3), class_frequencies(torch.arange(10).repeat(30), 10))
    assert coverage.num_covered == 1
    assert coverage.kl == pytest.approx(log(10))


def test_class_is_covered_from_a_fifth_of_its_frequency() -> None:
    reference = torch.tensor([0.5, 0.5]).double()
    assert class_coverage(torch.tensor([0] * 91 + [1] * 9), reference).num_covered == 1
    assert class_coverage(torch.tensor([0] * 90 + [1] * 10), reference).num_covered == 2


def test_one_sample_covers_one_of_a_thousand_classes() -> None:
    reference = torch.full((1000,), 1e-3).double()
    assert class_coverage(torch.arange(1000).repeat(2)[:1500], reference).num_covered == 1000
    assert class_coverage(torch.arange(700).repeat(40), reference).num_covered == 700


def test_kl_equals_plain_sum() -> None:
    reference = class_frequencies(torch.tensor([0, 0, 0, 1, 2, 2]), 3)
    coverage = class_coverage(torch.tensor([0, 1, 1, 2]), reference)
    expected = sum(p * log(p / q) for p, q in zip([1 / 4, 2 / 4, 1 / 4], [3 / 6, 1 / 6, 2 / 6], strict=True))
    assert coverage.kl == pytest.approx(expected)


def test_kl_is_finite_if_a_class_has_no_training_image() -> None:
    frequencies = class_frequencies(torch.tensor([0, 0, 1]), 3)
    assert frequencies.sum().item() == pytest.approx(1)
    assert class_coverage(torch.tensor([2]), frequencies).kl < 10
