"""How far two sets of pictures are from each other, in the features that a judge sees: rows of [N, D] tensors."""

from typing import NamedTuple

import torch
from torch import Tensor

NUM_NEIGHBORS = 5  # k of Naeem et al. 2020
KID_SUBSETS, KID_SUBSET = 50, 1000
CHUNK_SIZE = 2000


class PRDC(NamedTuple):
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020, arXiv:2002.09797).

    precision: share of fakes inside the ball around some real picture that reaches to its k-th nearest real one;
    recall: the same with the parts exchanged; density: mean count of such balls around a fake, over k;
    coverage: share of real pictures whose ball holds a fake. About 1, 1, 1 and 0.97 for a second real set at k = 5.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Fréchet distance between the normal distributions fitted to two sets: |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½).

    With Inception's features this is the FID of Heusel et al. 2017; with any other's it must not be called that.
    """
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

    statistics = [fid_features_to_statistics(features.double()) for features in (first, second)]
    # Rounding leaves the distance of a set from itself a little below zero.
    return max(0.0, float(fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID]))


def kid(first: Tensor, second: Tensor, seed: int = 0) -> float:
    """Squared maximum mean discrepancy under a cubic kernel, unbiased, mean over subsets (KID, Bińkowski et al. 2018).

    Of two sets of the same distribution it is 0 on average, so it may fall a little below.
    """
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

    size = min(KID_SUBSET, len(first), len(second))
    config = {"kid_subsets": KID_SUBSETS, "kid_subset_size": size, "rng_seed": seed, "verbose": False}
    return float(kid_features_to_metric(first.double(), second.double(), **config)[KEY_METRIC_KID_MEAN])


def knn_radii(features: Tensor, k: int = NUM_NEIGHBORS) -> Tensor:
    """Distance of each row to its k-th nearest other row, [N]. There must be more than k rows."""
    # The nearest of all is the row itself.
    return torch.cat([torch.cdist(rows, features).kthvalue(k + 1, 1).values for rows in features.split(CHUNK_SIZE)])


def prdc(real: Tensor, fake: Tensor, k: int = NUM_NEIGHBORS, *, real_radii: Tensor | None = None) -> PRDC:
    """Precision, recall, density and coverage of fakes; `real_radii`: radii(real, k), if they are at hand."""
    around_real, around_fake = knn_radii(real, k) if real_radii is None else real_radii, knn_radii(fake, k)
    in_balls, recalled, covered = torch.zeros(len(fake), dtype=torch.long), 0, 0
    for rows, reach in zip(real.split(CHUNK_SIZE), around_real.split(CHUNK_SIZE), strict=True):
        distances = torch.cdist(rows, fake)
        inside = distances < reach[:, None]
        in_balls += inside.sum(0)
        covered += int(inside.any(1).sum())
        recalled += int((distances < around_fake).any(1).sum())
    return PRDC(
        precision=(in_balls > 0).double().mean().item(),
        recall=recalled / len(real),
        density=in_balls.double().mean().item() / k,
        coverage=covered / len(real),
    )


def nearest_neighbors(rows: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of each row to the nearest of `others`, and which one that is: [N], [N]."""
    # A product of matrices, in chunks: torch.cdist on pictures this long would take their differences one by one.
    found = [_nearest(part, others) for part in rows.split(CHUNK_SIZE)]
    distances, places = (torch.cat(parts) for parts in zip(*found, strict=True))
    return distances, places


def _nearest(rows: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    best, places = torch.full((len(rows),), torch.inf), torch.zeros(len(rows), dtype=torch.long)
    for start, part in zip(range(0, len(others), CHUNK_SIZE), others.split(CHUNK_SIZE), strict=True):
        distances, indices = torch.cdist(rows, part, compute_mode="use_mm_for_euclid_dist").min(1)
        closer = distances < best
        best, places = distances.where(closer, best), (indices + start).where(closer, places)
    return best, places
