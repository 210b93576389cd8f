"""Which classes a set of pictures is made of."""

from typing import NamedTuple

import torch
from torch import Tensor

COVERAGE_THRESHOLD = 0.2  # a class is there if its share is at least this part of its share of the data
STACKED_CLASSES = 1000  # of so many a class is there if it is hit once, as in the literature


class ClassCoverage(NamedTuple):
    """Shares of the classes [K], how many are covered, KL divergence (nats) of the shares from the data's."""

    shares: Tensor
    covered: int
    divergence: float


def class_coverage(found: Tensor, expected: Tensor) -> ClassCoverage:
    """The classes `found` in pictures, [N] integers, against the `expected` shares [K], of which none is zero."""
    shares = torch.bincount(found, minlength=len(expected)).double() / len(found)
    threshold = expected * COVERAGE_THRESHOLD if len(expected) < STACKED_CLASSES else torch.zeros_like(expected)
    there = (shares > 0) & (shares >= threshold)
    # A share of zero adds nothing: p log p → 0.
    divergence = torch.special.xlogy(shares, shares / expected).sum().item()
    return ClassCoverage(shares, int(there.sum()), divergence)


def class_frequencies(labels: Tensor, count: int) -> Tensor:
    """Shares of `count` classes among labels [N]; a class that does not occur gets a share of a half picture."""
    counts = torch.bincount(labels, minlength=count).double().clamp_(min=0.5)
    return counts / counts.sum()
