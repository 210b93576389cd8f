"""Layers against loops that say what they are."""

import math

import pytest
import torch
from torch import nn

from gan.networks.layers import (
    ConditionalBatchNorm2d,
    MinibatchDiscrimination,
    MinibatchStdDev,
    OneHotEmbedding,
    PackImages,
    batch_multiple,
    is_batch_dependent,
)


def test_minibatch_discrimination_is_its_formula() -> None:
    layer, x = MinibatchDiscrimination(7, kernels=4, size=3).double(), torch.randn(5, 7, dtype=torch.float64)
    found = layer(x)
    assert found.shape == (5, 11) and found[:, :7].equal(x)
    weight = layer.weight.view(7, 4, 3)
    for i in range(5):
        for b in range(4):
            rows = [x[j] @ weight[:, b].detach() for j in range(5)]
            expected = sum(math.exp(-float((rows[i] - rows[j]).abs().sum())) for j in range(5) if j != i)
            assert found[i, 7 + b].item() == pytest.approx(expected)


def test_minibatch_discrimination_excludes_the_row_itself_and_follows_an_exchange_of_rows() -> None:
    layer, x = MinibatchDiscrimination(7), torch.randn(6, 7)
    torch.testing.assert_close(layer.closeness(x[:1]), torch.zeros(1, 100), atol=1e-6, rtol=0)
    order = torch.tensor([3, 0, 5, 1, 2, 4])
    torch.testing.assert_close(layer.closeness(x[order]), layer.closeness(x)[order])
    twins = layer.closeness(x[:1].expand(4, -1))
    torch.testing.assert_close(twins, torch.full((4, 100), 3.0))  # three others at no distance


def test_minibatch_discrimination_is_alive_at_the_start_and_can_be_derived_twice() -> None:
    layer, x = MinibatchDiscrimination(256), torch.randn(64, 256) * 0.3
    assert layer.closeness(x).mean() > 0.1
    x = x[:4, :].double().requires_grad_()
    small = MinibatchDiscrimination(256, 2, 2).double()
    assert torch.autograd.gradgradcheck(small.closeness, (x,))


def test_minibatch_deviation_is_the_mean_deviation_of_its_group() -> None:
    x = torch.randn(8, 3, 2, 2, dtype=torch.float64)
    found = MinibatchStdDev(4)(x)
    assert found.shape == (8, 4, 2, 2) and found[:, :3].equal(x)
    for i in range(8):
        group = x[[j for j in range(8) if j % 2 == i % 2]]
        expected = group.std(0, correction=0).mean().expand(2, 2)
        torch.testing.assert_close(found[i, 3], expected, rtol=1e-6, atol=1e-6)
    same = MinibatchStdDev(4)(x[:1].expand(8, -1, -1, -1))
    assert same[:, 3].abs().max() < 1e-3  # a generator that has collapsed is seen


def test_packs_are_neighbours_as_channels() -> None:
    x = torch.arange(4 * 2 * 3 * 3).view(4, 2, 3, 3)
    packed = PackImages(2)(x)
    assert packed.shape == (2, 4, 3, 3)
    assert packed[1].equal(torch.cat([x[2], x[3]]))


def test_class_batchnorm_is_batchnorm_with_the_classes_own_scale_and_shift() -> None:
    layer, x, labels = ConditionalBatchNorm2d(3, 4), torch.randn(6, 3, 2, 2), torch.tensor([0, 3, 1, 0, 2, 3])
    nn.init.normal_(layer.shift)
    found, plain = layer(x, labels), nn.BatchNorm2d(3)(x)
    for i, label in enumerate(labels):
        expected = plain[i] * layer.scale[label][:, None, None] + layer.shift[label][:, None, None]
        torch.testing.assert_close(found[i], expected)


def test_an_embedding_is_a_row_of_its_table() -> None:
    layer = OneHotEmbedding(5, 3)
    assert layer(torch.tensor([4, 0])).equal(layer.weight[[4, 0]])


def test_what_mixes_rows_and_how_many_belong_together() -> None:
    plain = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    assert not is_batch_dependent(plain) and batch_multiple(plain) == 1
    for layer in (nn.BatchNorm1d(2), nn.BatchNorm2d(2), MinibatchDiscrimination(2), MinibatchStdDev()):
        assert is_batch_dependent(nn.Sequential(nn.Linear(2, 2), layer))
    assert batch_multiple(nn.Sequential(PackImages(3), MinibatchStdDev(4))) == 12
