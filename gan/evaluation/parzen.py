"""The Parzen window estimate of the log-likelihood, as in the experiment of Goodfellow et al. 2014."""

import math

import torch
from torch import Tensor

SIGMAS: list[float] = torch.logspace(-1, 0, 10).tolist()


def log_likelihood(test: Tensor, samples: Tensor, sigma: float, *, chunk: int = 1000) -> Tensor:
    """Log-likelihood in nats of each row of `test` [M, D] under Gaussians of width `sigma` around `samples` [N, D].

    Pixels are in [0, 1]. log p(x) = logmeanexp_i(−‖x − s_i‖² / 2σ²) − D·log(σ√2π). Returns [M].
    """
    return log_likelihoods(test, samples, [sigma], chunk=chunk)[0]


def log_likelihoods(test: Tensor, samples: Tensor, sigmas: list[float], *, chunk: int = 1000) -> Tensor:
    """The same for each of `sigmas`, [S, M], from distances that are computed once."""
    squared = samples.square().sum(1)
    parts = []
    for rows in test.split(chunk):
        distances = (rows.square().sum(1, keepdim=True) + squared - 2 * rows @ samples.T).clamp_(min=0)
        parts.append(torch.stack([torch.logsumexp(-distances / (2 * sigma**2), 1) for sigma in sigmas]))
    norms = test.new_tensor([test.shape[1] * math.log(sigma * math.sqrt(2 * math.pi)) for sigma in sigmas])
    return torch.cat(parts, 1) - math.log(len(samples)) - norms[:, None]


def best_sigma(validation: Tensor, samples: Tensor) -> float:
    """The width, of ten between 0.1 and 1, under which `validation` [M, D] is likeliest."""
    return SIGMAS[int(log_likelihoods(validation, samples, SIGMAS).mean(1).argmax())]
