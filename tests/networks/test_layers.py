"""Shared layers against plain loops."""

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
    UnconditionalSequential,
    batch_multiple,
)


def test_minibatch_discrimination_equals_its_formula() -> None:
    layer = MinibatchDiscrimination(7, num_kernels=4, kernel_dim=3).double()
    x = torch.randn(5, 7, dtype=torch.float64)
    output = layer(x)
    assert output.shape == (5, 11) and output[:, :7].equal(x)
    weight = layer.weight.detach().view(7, 4, 3)
    for i in range(5):
        for b in range(4):
            m = [x[j] @ weight[:, b] for j in range(5)]
            expected = sum(math.exp(-float((m[i] - m[j]).abs().sum())) for j in range(5) if j != i)
            assert output[i, 7 + b].item() == pytest.approx(expected)


def test_minibatch_discrimination_excludes_the_image_itself_and_is_equivariant() -> None:
    layer = MinibatchDiscrimination(7)
    x = torch.randn(6, 7)
    torch.testing.assert_close(layer.similarity(x[:1]), torch.zeros(1, 100), atol=1e-6, rtol=0)
    order = torch.tensor([3, 0, 5, 1, 2, 4])
    torch.testing.assert_close(layer.similarity(x[order]), layer.similarity(x)[order])
    equal_images = layer.similarity(x[:1].expand(4, -1))
    torch.testing.assert_close(equal_images, torch.full((4, 100), 3.0))  # exp(0) for each of the three others


def test_minibatch_discrimination_is_not_zero_at_initialization_and_has_second_derivatives() -> None:
    layer = MinibatchDiscrimination(256)
    x = torch.randn(64, 256) * 0.3
    assert layer.similarity(x).mean() > 0.1
    small_layer = MinibatchDiscrimination(256, 2, 2).double()
    assert torch.autograd.gradgradcheck(small_layer.similarity, (x[:4].double().requires_grad_(),))


def test_minibatch_std_dev_is_the_mean_deviation_of_a_group() -> None:
    x = torch.randn(8, 3, 2, 2, dtype=torch.float64)
    output = MinibatchStdDev(4)(x)
    assert output.shape == (8, 4, 2, 2) and output[:, :3].equal(x)
    for i in range(8):
        group = x[[j for j in range(8) if j % 2 == i % 2]]
        expected = group.std(0, correction=0).mean().expand(2, 2)
        torch.testing.assert_close(output[i, 3], expected, rtol=1e-6, atol=1e-6)
    collapsed = MinibatchStdDev(4)(x[:1].expand(8, -1, -1, -1))
    assert collapsed[:, 3].abs().max() < 1e-3


def test_packs_are_neighboring_images_as_channels() -> None:
    x = torch.arange(4 * 2 * 3 * 3).view(4, 2, 3, 3)
    packed = PackImages(2)(x)
    assert packed.shape == (2, 4, 3, 3)
    assert packed[1].equal(torch.cat([x[2], x[3]]))


def test_conditional_batch_norm_is_batch_norm_with_a_scale_and_shift_per_class() -> None:
    layer = ConditionalBatchNorm2d(3, 4)
    nn.init.normal_(layer.shift)
    x = torch.randn(6, 3, 2, 2)
    labels = torch.tensor([0, 3, 1, 0, 2, 3])
    output = layer(x, labels)
    normalized = nn.BatchNorm2d(3)(x)
    for i, label in enumerate(labels):
        expected = normalized[i] * layer.scale[label][:, None, None] + layer.shift[label][:, None, None]
        torch.testing.assert_close(output[i], expected)


def test_one_hot_embedding_looks_up_rows() -> None:
    layer = OneHotEmbedding(5, 3)
    assert layer(torch.tensor([4, 0])).equal(layer.weight[[4, 0]])


def test_unconditional_sequential_refuses_labels() -> None:
    network = UnconditionalSequential(nn.Linear(2, 3), nn.ReLU())
    x = torch.randn(4, 2)
    assert network(x, None).equal(nn.Sequential(*network)(x))
    with pytest.raises(TypeError, match="unconditional: call it without labels"):
        network(x, torch.zeros(4, dtype=torch.int64))


def test_batch_multiples() -> None:
    assert batch_multiple(nn.Linear(2, 2)) == 1
    assert batch_multiple(nn.Sequential(PackImages(3), MinibatchStdDev(4))) == 12
