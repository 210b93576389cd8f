"""Memorization of training images, measured by nearest neighbors in pixels."""

from dataclasses import dataclass
from math import sqrt

from torch import Tensor

from gan.evaluation.metrics import nearest_neighbors


@dataclass(frozen=True)
class Memorization:
    """Nearest neighbors of samples among the real images (Euclidean distance, pixels in [0, 1]).

    nearest_in_train: fraction of samples whose nearest real image belongs to the training split, not to the test split.
    expected: expectation of nearest_in_train for samples that are independent of both splits.
    standard_error: standard error of memorization_score.
    median_sample_distance, median_test_distance: of samples and test images to their nearest training images.
    nearest_pairs: (sample, training image) indices of the samples nearest to a training image, nearest first.
    """

    nearest_in_train: float
    expected: float
    standard_error: float
    median_sample_distance: float
    median_test_distance: float
    nearest_pairs: list[tuple[int, int]]

    @property
    def memorization_score(self) -> float:
        """Estimated fraction of copies, if all other samples are independent. It may be slightly negative."""
        return (self.nearest_in_train - self.expected) / (1 - self.expected)


def memorization(samples: Tensor, train: Tensor, test: Tensor, num_pairs: int = 10) -> Memorization:
    """Compare samples with the training and test images; all are rows [N, D] in [0, 1]."""
    train_distances, train_indices = nearest_neighbors(samples, train)
    test_distances, _ = nearest_neighbors(samples, test)
    test_to_train, _ = nearest_neighbors(test[: len(samples)], train)
    expected = len(train) / (len(train) + len(test))
    nearest_samples = train_distances.argsort(stable=True)[:num_pairs].tolist()
    return Memorization(
        nearest_in_train=(train_distances < test_distances).double().mean().item(),
        expected=expected,
        standard_error=sqrt(expected / (1 - expected) / len(samples)),
        median_sample_distance=train_distances.median().item(),
        median_test_distance=test_to_train.median().item(),
        nearest_pairs=[(i, int(train_indices[i])) for i in nearest_samples],
    )
