"""The written-out passes against autograd's."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

import gan.training.linear
from gan.data.dataset import Batch
from gan.networks.config import ModelConfig
from gan.networks.factory import build_discriminator, build_generator
from gan.training.adam import Gradients
from gan.training.chain import Chain
from gan.training.config import TrainConfig
from gan.training.distributed import SINGLE_PROCESS, DistributedContext
from gan.training.flat import ALIGNMENT, Flat
from gan.training.linear import Activation, Linear, OneDnnLinear, SharedLinear, linear, prefers_one_dnn
from gan.training.losses import LOSSES, Loss
from gan.training.penalties import zero_centered_penalty
from gan.training.player import Player
from gan.training.trainer import GANTrainer

# Weights large enough to be shared out among cores, and ones that are not, or cannot be evenly.
WIDTHS = ModelConfig(generator_widths=[96, 770, 384, 5], discriminator_widths=[384, 96, 7])
SHAPE = (1, 16, 24)


@pytest.fixture(params=[1, 2, 3])
def cores(request: pytest.FixtureRequest) -> Iterator[int]:
    """The number of threads, set for a test."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture(params=["one-dnn", "one-dnn, turned", "plain", "double"])
def products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """How products are made, whatever suits this machine. In double precision: torch's own."""
    wide = request.param.startswith("one-dnn")
    if wide and not torch.backends.mkldnn.is_available():
        pytest.skip("PyTorch comes without oneDNN here")
    monkeypatch.setattr(gan.training.linear, "prefers_one_dnn", lambda _cores: wide)
    if request.param == "one-dnn, turned":
        monkeypatch.setattr(gan.training.linear, "MANY", 0)
        monkeypatch.setattr(gan.training.linear, "FEW", 0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64 if request.param == "double" else torch.float32)
    yield request.param
    torch.set_default_dtype(before)


class Product(torch.autograd.Function):
    """A Linear layer of autograd's whose product is oneDNN's.

    It rounds otherwise than torch's own, and BatchNorm makes much of that where a feature varies little; with the same
    products in both, what is left is what the passes do.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        return OneDnnLinear(weight, bias, Activation(), torch.get_num_threads()).affine(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, ...]:
        (g,), (x, weight) = gradients, ctx.saved_tensors
        return g @ weight, g.t() @ x, g.sum(0)


class LikeOneDnn(nn.Linear):
    """A Linear layer with that product."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = Product.apply(x, self.weight, self.bias)
        return product


def with_its_products(network: nn.Module) -> nn.Module:
    """A copy for autograd that makes the products of Linear layers as the written-out passes do."""
    network = copy.deepcopy(network)
    for layer in network.modules():
        if isinstance(layer, nn.Linear) and isinstance(linear(layer, Activation()), OneDnnLinear):
            layer.__class__ = LikeOneDnn
    return network


def compare(network: nn.Module, x: torch.Tensor, before: torch.Tensor | None) -> None:
    """Twice, for a second batch meets what the first one left."""
    plain = with_its_products(network)
    assert Chain.fits(network)
    chain, skip = Chain(network), 0 if before is None else len(before)
    close: dict[str, Any] = {} if x.dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-4}
    for rows in (x, x[: len(x) // 2]):
        leaf = rows.clone().requires_grad_()
        expected = plain(leaf if before is None else torch.cat([before, leaf]))
        output, tape = chain.run(rows if before is None else torch.cat([before, rows]))
        torch.testing.assert_close(output, expected.detach(), **close)
        g = torch.randn_like(expected)
        *gradients, of_input = torch.autograd.grad(expected, [*plain.parameters(), leaf], g)
        found: dict[int, torch.Tensor] = {}

        def take(start: int, some: Gradients, found: dict[int, torch.Tensor] = found) -> None:
            assert not found.keys() & set(range(start, start + len(some)))
            found |= {start + i: gradient.clone() for i, gradient in enumerate(some)}

        below = chain.run_back(tape, g, skip, True, take)
        assert below is not None
        torch.testing.assert_close(below.view_as(rows), of_input, **close)
        assert len(found) == len(gradients)
        for i, theirs in enumerate(gradients):
            torch.testing.assert_close(found[i], theirs, **close)
        for mine, theirs in zip(network.buffers(), plain.buffers(), strict=True):
            torch.testing.assert_close(mine, theirs, **close)


def test_a_generators_passes_are_autograds(cores: int, products: str) -> None:
    compare(build_generator(WIDTHS, SHAPE), torch.randn(64, 100), None)


def test_a_discriminators_passes_are_autograds_and_reals_get_no_gradient(cores: int, products: str) -> None:
    compare(build_discriminator(WIDTHS, SHAPE), torch.randn(40, *SHAPE), torch.randn(24, *SHAPE))


def test_other_orders_of_layers_have_autograds_passes(cores: int, products: str) -> None:
    linear, norm = nn.Linear(64, 96), nn.BatchNorm1d(96)
    layers = [linear, nn.LeakyReLU(0.1), norm, nn.BatchNorm1d(96), nn.LeakyReLU(0.3), nn.Linear(96, 5), nn.Tanh()]
    compare(nn.Sequential(*layers), torch.randn(64, 64), None)
    again = nn.LeakyReLU(0.2)  # one module in two places
    compare(nn.Sequential(nn.Linear(64, 96), again, nn.Linear(96, 96), again), torch.randn(24, 64), torch.randn(8, 64))


def test_flatness_is_the_penalty_by_autograd(cores: int, products: str) -> None:
    network = build_discriminator(WIDTHS, SHAPE)
    assert Chain.fits(network)
    chain, (real, fake) = Chain(network), torch.randn(2, 24, *SHAPE)
    assert chain.piecewise_linear and not Chain(_sequential(build_generator(WIDTHS, SHAPE))).piecewise_linear
    assert not Chain(nn.Sequential(nn.Linear(2, 2), nn.Tanh())).piecewise_linear
    _, tape = chain.run(torch.cat([real, fake]))
    for rows, pictures in ((slice(0, 24), real), (slice(24, 48), fake)):
        value, gradients = chain.flatness(tape, rows)
        expected = zero_centered_penalty(network, pictures)
        torch.testing.assert_close(value, expected.detach())
        plain = torch.autograd.grad(expected, list(network.parameters()), materialize_grads=True)
        for one, other in zip(gradients, plain, strict=True):
            torch.testing.assert_close(torch.zeros_like(other) if one is None else one, other, rtol=1e-4, atol=1e-6)


def _sequential(network: nn.Module) -> nn.Sequential:
    assert isinstance(network, nn.Sequential)
    return network


def test_one_dnns_product_is_torchs() -> None:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("PyTorch comes without oneDNN here")
    for rows, columns, inner in ((96, 64, 100), (5, 32, 384), (770, 64, 96)):
        first, second, bias = torch.randn(rows, inner), torch.randn(columns, inner), torch.randn(columns)
        expected = first @ second.t() + bias
        for kind, config, bent in (
            ("none", (), expected),
            ("leaky_relu", (0.3,), nn.functional.leaky_relu(expected, 0.3)),
            ("tanh", (), expected.tanh()),
        ):
            product = gan.training.linear._product(first, second, bias, kind, config)
            torch.testing.assert_close(product, bent, rtol=1e-4, atol=1e-4)


def test_which_products(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    large, small, uneven = nn.Linear(512, 300), nn.Linear(16, 8), nn.Linear(512, 301)

    def kind(layer: nn.Linear) -> type[Linear]:
        return type(linear(layer, Activation()))

    monkeypatch.setattr(gan.training.linear, "prefers_one_dnn", lambda _cores: True)
    assert kind(large) is kind(uneven) is OneDnnLinear
    assert kind(small) is Linear
    assert kind(nn.Linear(512, 300, dtype=torch.float64)) is not OneDnnLinear
    monkeypatch.undo()
    monkeypatch.setattr(gan.training.linear, "prefers_one_dnn", lambda _cores: False)
    assert kind(large) is (SharedLinear if cores > 1 else Linear)
    assert kind(small) is kind(uneven) is Linear
    monkeypatch.undo()
    capability, together = ["AVX512"], [True]
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability[0])
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(gan.training.linear, "cores_share_a_cache", lambda: together[0])
    assert prefers_one_dnn(1) and prefers_one_dnn(2)
    together[0] = False
    assert prefers_one_dnn(1) and not prefers_one_dnn(2)
    capability[0] = "AVX2"
    assert not prefers_one_dnn(1)


class Pair(DistributedContext):
    """One of two processes, the other of which has the same gradients."""

    def add(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.mul_(2)


@pytest.mark.parametrize("team", [SINGLE_PROCESS, Pair(0, 2)])
@pytest.mark.parametrize(
    "layers",
    [
        [nn.Flatten(), nn.Linear(16, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1)],
        [nn.Flatten(), nn.Linear(16, 1)],
        [nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 1)],
    ],
)
def test_the_way_back_moves_a_player_by_the_teams_gradients(layers: list[nn.Module], team: DistributedContext) -> None:
    network = copy.deepcopy(nn.Sequential(*layers))
    plain, x = copy.deepcopy(network), torch.randn(5, 1, 4, 4)
    player = Player(network, 1e-3, (0.5, 0.999), team=team)
    optimizer = torch.optim.Adam(plain.parameters(), 1e-3, (0.5, 0.999))
    for _ in range(3):
        output, back = player.forward(x[2:], before=x[:2], wanted=True)
        leaf = x[2:].clone().requires_grad_()
        expected = plain(torch.cat([x[:2], leaf]))
        torch.testing.assert_close(output, expected.detach())
        below = back(torch.ones(5, 1))
        optimizer.zero_grad()
        expected.sum().mul(team.size).backward()
        optimizer.step()
        assert below is not None and leaf.grad is not None
        torch.testing.assert_close(below.view_as(leaf), leaf.grad / team.size)
        for mine, theirs in zip(network.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs)
    assert player.forward(x)[1](torch.ones(5, 1)) is None


def test_which_networks_have_written_out_passes() -> None:
    assert not Chain.fits(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 1)))
    assert not Chain.fits(nn.Linear(2, 2))
    first = nn.Linear(2, 2)
    assert Chain.fits(nn.Sequential(first, nn.BatchNorm1d(2), nn.Tanh()))
    for others in (
        [nn.Tanh(), nn.LeakyReLU()],
        [nn.ReLU()],
        [nn.Linear(2, 1, bias=False)],
        [nn.BatchNorm1d(2, affine=False)],
        [nn.BatchNorm1d(2, momentum=None)],
    ):
        assert not Chain.fits(nn.Sequential(first, *others))


def test_gathered_gradients_are_views_of_one_tensor() -> None:
    parameters = [torch.zeros(5, 3), torch.zeros(5), torch.zeros(2, 5), torch.zeros(2)]
    flat = Flat(parameters)
    assert len(flat.values) == 4 * ALIGNMENT
    gradients = [torch.randn_like(parameter) for parameter in parameters]
    flat.put(2, gradients[2:])
    flat.put(0, gradients[:2])
    assert all(view.equal(gradient) for view, gradient in zip(flat.views, gradients, strict=True))
    assert flat.values.sum() == pytest.approx(sum(float(gradient.sum()) for gradient in gradients), abs=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_the_slopes_of_a_loss_are_its_derivatives(name: str) -> None:
    real, fake = torch.randn(2, 9, 1, dtype=torch.float64) * 20
    ours, by_autograd = LOSSES[name]().slopes(real, fake), Loss.slopes(LOSSES[name](), real, fake)
    for mine, theirs in zip(ours, by_autograd, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_mixed_precision_trains_what_single_precision_does_but_for_its_rounding() -> None:
    batch = torch.rand(64, 1, 28, 28) * 2 - 1
    games = [GANTrainer(ModelConfig(), TrainConfig(), (1, 28, 28), precision=p) for p in ("float32", "bfloat16")]
    single, mixed = (torch.stack([game.step(Batch.of(batch)) for _ in range(5)]) for game in games)
    assert mixed.dtype == torch.float32
    assert not mixed.equal(single)
    torch.testing.assert_close(mixed, single, atol=0.02, rtol=0.02)
