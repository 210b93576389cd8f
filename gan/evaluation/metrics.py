"""Metrics of two sets of images, computed from their features [N, D]."""

from typing import NamedTuple

import torch
from torch import Tensor

NUM_NEIGHBORS = 5  # k of Naeem et al. 2020
CHUNK_SIZE = 2000


def frechet_distance(features_a: Tensor, features_b: Tensor) -> float:
    """Fréchet distance between normal distributions fitted to features [N, D] and [M, D]; FID if they are Inception's.

    |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½), equation 6 of Heusel et al. 2017 (https://arxiv.org/abs/1706.08500).
    """
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

    statistics_a = fid_features_to_statistics(features_a.double())
    statistics_b = fid_features_to_statistics(features_b.double())
    distance = fid_statistics_to_metric(statistics_a, statistics_b, verbose=False)[KEY_METRIC_FID]
    return max(0.0, float(distance))  # rounding errors make it slightly negative for equal sets


def kid(features_a: Tensor, features_b: Tensor, seed: int = 0) -> float:
    """Kernel Inception distance of features [N, D] and [M, D]: unbiased squared MMD, mean over random subsets.

    Kernel: k(x, y) = (xᵀy / D + 1)³ (Bińkowski et al. 2018, https://arxiv.org/abs/1801.01401). The expectation is 0
    for equal distributions, so the estimate may be slightly negative.
    """
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

    metrics = kid_features_to_metric(
        features_a.double(),
        features_b.double(),
        kid_subsets=50,
        kid_subset_size=min(1000, len(features_a), len(features_b)),
        rng_seed=seed,
        verbose=False,
    )
    return float(metrics[KEY_METRIC_KID_MEAN])


def inception_score(logits: Tensor) -> float:
    """exp(E_x KL(p(y|x) ‖ p(y))) of a classifier's logits [N, K] (Salimans et al. 2016, arXiv:1606.03498)."""
    from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

    return float(isc_features_to_metric(logits, splits=1)[KEY_METRIC_ISC_MEAN])


class PRDC(NamedTuple):
    """Precision, recall, density and coverage of fake images.

    Precision and recall: Kynkäänniemi et al. 2019 (https://arxiv.org/abs/1904.06991); density and coverage: Naeem et
    al. 2020 (https://arxiv.org/abs/2002.09797). The radius of an image's ball is its distance to its k-th nearest
    neighbor in its own set.

    precision: fraction of fake images that lie in the ball of a real image.
    recall: fraction of real images that lie in the ball of a fake image.
    density: mean number of balls of real images that a fake image lies in, divided by k.
    coverage: fraction of real images whose ball contains a fake image.
    For two real sets and k = 5 the expected density is 1, the expected coverage 0.97.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(real: Tensor, fake: Tensor, k: int = NUM_NEIGHBORS, *, real_radii: Tensor | None = None) -> PRDC:
    """Precision, recall, density and coverage of features, real [N, D] and fake [M, D].

    real_radii: `knn_radii(real, k)`, if already computed. Each set must have more than k rows.
    """
    if real_radii is None:
        real_radii = knn_radii(real, k)
    fake_radii = knn_radii(fake, k)
    num_balls = torch.zeros(len(fake), dtype=torch.long)  # balls of real images around each fake image
    num_recalled = 0
    num_covered = 0
    for real_chunk, radii in zip(real.split(CHUNK_SIZE), real_radii.split(CHUNK_SIZE), strict=True):
        distances = torch.cdist(real_chunk, fake)
        in_real_ball = distances < radii[:, None]
        num_balls += in_real_ball.sum(0)
        num_covered += int(in_real_ball.any(1).sum())
        num_recalled += int((distances < fake_radii).any(1).sum())
    return PRDC(
        precision=(num_balls > 0).double().mean().item(),
        recall=num_recalled / len(real),
        density=num_balls.double().mean().item() / k,
        coverage=num_covered / len(real),
    )


def knn_radii(features: Tensor, k: int = NUM_NEIGHBORS) -> Tensor:
    """Distance of each row of [N, D] to its k-th nearest other row, [N]; N must be greater than k."""
    # k + 1: the nearest row is the row itself.
    return torch.cat([torch.cdist(chunk, features).kthvalue(k + 1, 1).values for chunk in features.split(CHUNK_SIZE)])


def nearest_neighbors(queries: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
    """Euclidean distance of each query [N, D] to its nearest reference [M, D], and that reference's index: [N], [N]."""
    best_distances = torch.full((len(queries),), torch.inf)
    best_indices = torch.zeros(len(queries), dtype=torch.long)
    for query_start in range(0, len(queries), CHUNK_SIZE):
        rows = slice(query_start, query_start + CHUNK_SIZE)
        for start in range(0, len(references), CHUNK_SIZE):
            chunk = references[start : start + CHUNK_SIZE]
            # By matrix product: for vectors as long as images, torch.cdist's default is much slower.
            distances, indices = torch.cdist(queries[rows], chunk, compute_mode="use_mm_for_euclid_dist").min(1)
            is_closer = distances < best_distances[rows]
            best_distances[rows] = torch.where(is_closer, distances, best_distances[rows])
            best_indices[rows] = torch.where(is_closer, indices + start, best_indices[rows])
    return best_distances, best_indices
