"""The average of a generator's weights, and its BatchNorm statistics."""

import pytest
import torch
from torch import nn

from gan.networks.config import ModelConfig
from gan.networks.factory import build_generator
from gan.training.ema import EMA, UPDATE_INTERVAL


def test_the_average_follows_its_recurrence() -> None:
    network = nn.Linear(1, 1, bias=False)
    ema = EMA(network, 0.9)
    expected = 0.0
    for t, weight in enumerate([1.0, 2.0, -3.0, 5.0, 7.0] * 10):
        nn.init.constant_(network.weight, weight)
        ema.update()
        if t % UPDATE_INTERVAL == 0:  # as if these were the weights of the last UPDATE_INTERVAL steps
            for step in range(t - UPDATE_INTERVAL + 1, t + 1):
                beta = 0.0 if t == 0 else min(0.9, (1 + step) / (10 + step))
                expected = beta * expected + (1 - beta) * weight
    averaged = ema.with_recomputed_bn(torch.zeros(4, 1))
    assert averaged(torch.ones(1, 1)).item() == pytest.approx(expected, rel=1e-5)


def test_the_averages_batchnorm_statistics_are_those_of_its_own_activations() -> None:
    torch.manual_seed(0)
    config = ModelConfig(latent_dim=3, generator_widths=[5, 5])
    network = build_generator(config, (1, 4, 4))
    ema = EMA(network, 0.5)
    latents = torch.randn(256, 3)
    for _ in range(3):
        for parameter in network.parameters():
            nn.init.normal_(parameter)
        network(torch.randn(8, 3) * 10)  # running statistics of other weights
        ema.update()
    averaged = ema.with_recomputed_bn(latents)
    assert isinstance(averaged, nn.Sequential)
    (index,) = [i for i, layer in enumerate(averaged) if isinstance(layer, nn.BatchNorm1d)]
    activations = latents
    with torch.no_grad():
        for layer in list(averaged)[:index]:
            activations = layer(activations)
    norm = averaged[index]
    assert isinstance(norm, nn.BatchNorm1d) and norm.running_mean is not None and norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, activations.mean(0), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(norm.running_var, activations.var(0), atol=1e-5, rtol=1e-4)
