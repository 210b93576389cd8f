"""Class frequencies of a set of images, compared with those of the training split."""

from typing import NamedTuple

import torch
from torch import Tensor

COVERAGE_THRESHOLD = 0.2  # a class is covered if its frequency is at least this fraction of the reference
STACKED_NUM_CLASSES = 1000  # from this many classes on, one sample covers a class (Metz et al. 2016)


class ClassCoverage(NamedTuple):
    """Class frequencies [K], the number of covered classes, and KL(frequencies ‖ reference) in nats."""

    frequencies: Tensor
    num_covered: int
    kl: float


def class_coverage(predicted: Tensor, reference: Tensor) -> ClassCoverage:
    """Compare predicted classes, int64 [N], with reference frequencies [K], all of which must be positive."""
    num_classes = len(reference)
    frequencies = torch.bincount(predicted, minlength=num_classes).double() / len(predicted)
    covered = frequencies > 0
    if num_classes < STACKED_NUM_CLASSES:
        covered &= frequencies >= reference * COVERAGE_THRESHOLD
    kl = torch.special.xlogy(frequencies, frequencies / reference).sum()  # xlogy: p log p = 0 at p = 0
    return ClassCoverage(frequencies, int(covered.sum()), kl.item())


def class_frequencies(labels: Tensor, num_classes: int) -> Tensor:
    """Frequencies [num_classes] of labels, int64 [N]. A class without images counts as half an image."""
    counts = torch.bincount(labels, minlength=num_classes).double().clamp_(min=0.5)
    return counts / counts.sum()
