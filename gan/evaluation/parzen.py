"""Parzen window estimate of the log-likelihood (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 5)."""

import math

import torch
from torch import Tensor

SIGMAS: list[float] = torch.logspace(-1, 0, 10).tolist()


def log_likelihood(test: Tensor, samples: Tensor, sigma: float, *, chunk_size: int = 1000) -> Tensor:
    """Log-likelihood in nats of each row of `test` [M, D] under Gaussians around `samples` [N, D]; returns [M].

    log p(x) = log (1/N) Σᵢ exp(−‖x − sᵢ‖² / 2σ²) − D log(σ √(2π)), for pixels in [0, 1].
    """
    return log_likelihoods(test, samples, [sigma], chunk_size=chunk_size)[0]


def log_likelihoods(test: Tensor, samples: Tensor, sigmas: list[float], *, chunk_size: int = 1000) -> Tensor:
    """`log_likelihood` for each of S `sigmas`, [S, M]; the distances are computed once."""
    num_dims = test.shape[1]
    sample_norms = samples.square().sum(1)
    chunks = []
    for chunk in test.split(chunk_size):
        squared_distances = (chunk.square().sum(1, keepdim=True) + sample_norms - 2 * chunk @ samples.T).clamp_(min=0)
        chunks.append(torch.stack([torch.logsumexp(-squared_distances / (2 * sigma**2), 1) for sigma in sigmas]))
    log_normalizers = test.new_tensor([num_dims * math.log(sigma * math.sqrt(2 * math.pi)) for sigma in sigmas])
    return torch.cat(chunks, 1) - math.log(len(samples)) - log_normalizers[:, None]


def best_sigma(validation: Tensor, samples: Tensor) -> float:
    """Return the width in SIGMAS with the highest mean log-likelihood of `validation` [M, D]."""
    return SIGMAS[int(log_likelihoods(validation, samples, SIGMAS).mean(1).argmax())]
