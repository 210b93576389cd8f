"""The oneDNN Linear layer against nn.Linear."""

import copy

import pytest
import torch
from torch import Tensor, nn

import gan.networks.linear
from gan.networks.config import ModelConfig
from gan.networks.factory import build_discriminator, build_generator
from gan.networks.linear import Linear, Product, onednn_is_faster

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch has no oneDNN here")


@needs_onednn
@pytest.mark.parametrize(("m", "n", "k"), [(96, 64, 100), (5, 32, 384), (770, 64, 96), (1, 1, 1)])
def test_the_product_and_its_derivatives_equal_torchs(m: int, n: int, k: int) -> None:
    torch.manual_seed(0)
    a = torch.randn(m, k, requires_grad=True)
    b = torch.randn(n, k, requires_grad=True)
    bias = torch.randn(n, requires_grad=True)

    def derivatives(product: Tensor) -> list[Tensor]:
        """Value, first derivatives, and derivatives of their squared norm."""
        first = torch.autograd.grad(product.square().sum(), (a, b, bias), create_graph=True)
        second = torch.autograd.grad(torch.stack([x.square().mean() for x in first]).sum(), (a, b, bias))
        return [product, *first, *second]

    for ours, torchs in zip(derivatives(Product.apply(a, b, bias)), derivatives(a @ b.t() + bias), strict=True):
        torch.testing.assert_close(ours, torchs, rtol=1e-4, atol=1e-4 * torchs.detach().abs().max().item())


@needs_onednn
def test_networks_have_the_same_outputs_and_gradients_with_and_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    config = ModelConfig(generator_widths=[96, 384], discriminator_widths=[384, 96])
    for network, inputs in (
        (build_generator(config, (1, 16, 24)), torch.randn(64, 100)),
        (build_discriminator(config, (1, 16, 24)), torch.randn(64, 1, 16, 24)),
    ):
        plain = copy.deepcopy(network)
        results = []
        for is_faster, net in ((True, network), (False, plain)):
            monkeypatch.setattr(gan.networks.linear, "onednn_is_faster", lambda _x, value=is_faster: value)
            x = inputs.clone().requires_grad_()
            output = net(x)
            output.square().sum().backward()
            results.append([output.detach(), x.grad, *(p.grad for p in net.parameters())])
        # Gradients that BatchNorm makes zero are all rounding, so the tolerance is that of the largest.
        scale = max(float(value.abs().max()) for value in results[1])
        for ours, torchs in zip(*results, strict=True):
            torch.testing.assert_close(ours, torchs, rtol=1e-3, atol=1e-5 * scale)


def test_only_the_requested_gradients_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[tuple[int, bool]] = []
    is_needed = gan.networks.linear._is_needed

    def spy(ctx: object, index: int) -> bool:
        computed.append((index, is_needed(ctx, index)))
        return computed[-1][1]

    monkeypatch.setattr(gan.networks.linear, "_is_needed", spy)
    x = torch.randn(8, 16, requires_grad=True)
    weight = nn.Parameter(torch.randn(4, 16))
    output = Product.apply(x, weight, None).sum()
    torch.autograd.grad(output, x, retain_graph=True)
    assert computed == [(0, True), (1, False), (2, False)]
    computed.clear()
    output.backward(inputs=[weight])
    assert computed == [(0, False), (1, True), (2, False)]


def test_onednn_is_used_for_float32_on_cpus_with_avx512(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(4, 8)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert onednn_is_faster(x)
    assert not onednn_is_faster(x.double())
    assert not onednn_is_faster(x[0])
    assert not onednn_is_faster(x[:0])
    with torch.autocast("cpu", torch.bfloat16):
        assert not onednn_is_faster(x)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert not onednn_is_faster(x)


@needs_onednn
def test_only_large_layers_in_training_use_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Tensor] = []

    def record(x: Tensor) -> bool:
        calls.append(x)
        return True

    monkeypatch.setattr(gan.networks.linear, "onednn_is_faster", record)
    Linear(100, 100)(torch.randn(4, 100))
    assert len(calls) == 1
    Linear(10, 10)(torch.randn(4, 10))
    Linear(100, 100).eval()(torch.randn(4, 100))
    assert len(calls) == 1


def test_linear_has_the_parameters_of_nn_linear() -> None:
    torch.manual_seed(0)
    layer = Linear(100, 60)
    torch.manual_seed(0)
    expected = nn.Linear(100, 60)
    assert isinstance(layer, nn.Linear)
    assert all(a.equal(b) for a, b in zip(layer.parameters(), expected.parameters(), strict=True))
    assert layer.state_dict().keys() == expected.state_dict().keys()
