"""The Parzen window estimate of the log-likelihood, as in the experiment of Goodfellow et al. 2014."""

import math

import torch
from torch import Tensor

SIGMAS: list[float] = torch.logspace(-1, 0, 10).tolist()


def log_likelihood(test: Tensor, samples: Tensor, sigma: float, *, chunk: int = 1000) -> Tensor:
    """Log-likelihood in nats of each row of `test` [M, D] under Gaussians of width `sigma` around `samples` [N, D].

    Pixels are in [0, 1]. log p(x) = logmeanexp_i(−‖x − s_i‖² / 2σ²) − D·log(σ√2π). Returns [M].
    """
    norm = test.shape[1] * math.log(sigma * math.sqrt(2 * math.pi))
    squared = samples.square().sum(1)
    parts = []
    for rows in test.split(chunk):
        distances = (rows.square().sum(1, keepdim=True) + squared - 2 * rows @ samples.T).clamp_(min=0)
        parts.append(torch.logsumexp(-distances / (2 * sigma**2), 1) - math.log(len(samples)) - norm)
    return torch.cat(parts)


def best_sigma(validation: Tensor, samples: Tensor) -> float:
    """The width, of ten between 0.1 and 1, under which `validation` [M, D] is likeliest."""
    likelihoods = torch.stack([log_likelihood(validation, samples, sigma).mean() for sigma in SIGMAS])
    return SIGMAS[int(likelihoods.argmax())]
