"""The written-out passes against autograd's."""

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from gan.networks.build import build_discriminator, build_generator
from gan.networks.settings import ModelSettings
from gan.training.adam import Adam
from gan.training.chain import Chain
from gan.training.flat import ALIGNMENT, Flat
from gan.training.games import NoiseToImage
from gan.training.losses import LOSSES, Loss
from gan.training.player import Player
from gan.training.settings import TrainSettings

# Weights large enough to be shared out among cores, and ones that are not, or cannot be evenly.
WIDTHS = ModelSettings(generator_widths=[96, 770, 384, 5], discriminator_widths=[384, 96, 7])
SHAPE = (1, 16, 24)


@pytest.fixture(params=[1, 2, 3])
def cores(request: pytest.FixtureRequest) -> Iterator[int]:
    """The number of threads, set for a test."""
    before, kind = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(request.param)
    torch.set_default_dtype(torch.float64)
    yield request.param
    torch.set_num_threads(before)
    torch.set_default_dtype(kind)


def compare(network: nn.Module, x: torch.Tensor, before: torch.Tensor | None) -> None:
    """Twice, for a second batch meets what the first one left."""
    plain = copy.deepcopy(network)
    assert Chain.fits(network)
    player = Player(network, 1e-3, (0.5, 0.999))
    for rows in (x, x[: len(x) // 2]):
        leaf = rows.clone().requires_grad_()
        expected = plain(leaf if before is None else torch.cat([before, leaf]))
        output, back = player.forward(rows, before=before, wanted=True)
        torch.testing.assert_close(output, expected.detach())
        g = torch.randn_like(expected)
        *gradients, of_input = torch.autograd.grad(expected, [*plain.parameters(), leaf], g)
        below = back(g)
        assert below is not None
        torch.testing.assert_close(below.view_as(rows), of_input)
        for mine, theirs in zip(player.flat.views, gradients, strict=True):
            torch.testing.assert_close(mine, theirs)
        for mine, theirs in zip(network.buffers(), plain.buffers(), strict=True):
            torch.testing.assert_close(mine, theirs)


def test_a_generators_passes_are_autograds(cores: int) -> None:
    compare(build_generator(WIDTHS, SHAPE), torch.randn(64, 100), None)


def test_a_discriminators_passes_are_autograds_and_reals_get_no_gradient(cores: int) -> None:
    compare(build_discriminator(WIDTHS, SHAPE), torch.randn(40, *SHAPE), torch.randn(24, *SHAPE))


def test_other_networks_take_autograd() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 1))
    assert not Chain.fits(network)
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
    player, x = Player(network, 1e-3, (0.5, 0.999)), torch.randn(5, 1, 4, 4)
    output, back = player.forward(x[2:], before=x[:2], wanted=True)
    below = back(torch.ones(5, 1))
    leaf = x[2:].clone().requires_grad_()
    expected = network(torch.cat([x[:2], leaf]))
    torch.testing.assert_close(output, expected.detach())
    *gradients, of_input = torch.autograd.grad(expected.sum(), [*network.parameters(), leaf])
    torch.testing.assert_close(below, of_input)
    for mine, theirs in zip(player.flat.views, gradients, strict=True):
        torch.testing.assert_close(mine, theirs)
    assert player.forward(x)[1](torch.ones(5, 1)) is None


def test_parameters_become_views_of_one_tensor() -> None:
    network = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2))
    before = copy.deepcopy(network)
    flat = Flat(network)
    assert all(a.equal(b) for a, b in zip(network.parameters(), before.parameters(), strict=True))
    assert len(flat.values) == 4 * ALIGNMENT
    network(torch.ones(1, 3)).sum().backward()
    flat.gather([p.grad for p in network.parameters() if p.grad is not None])
    for view, parameter in zip(flat.views, network.parameters(), strict=True):
        assert parameter.grad is not None and view.equal(parameter.grad)
    Adam(list(network.parameters()), 1e-2, (0.5, 0.9)).step(flat.views)
    moved = torch.cat([p.detach().flatten() for p in network.parameters()])
    assert torch.isin(moved, flat.values).all()


@pytest.mark.parametrize("name", LOSSES)
def test_the_slopes_of_a_loss_are_its_derivatives(name: str) -> None:
    real, fake = torch.randn(2, 9, 1, dtype=torch.float64) * 20
    ours, by_autograd = LOSSES[name]().slopes(real, fake), Loss.slopes(LOSSES[name](), real, fake)
    for mine, theirs in zip(ours, by_autograd, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_mixed_precision_trains_what_single_precision_does_but_for_its_rounding() -> None:
    batch = torch.rand(64, 1, 28, 28) * 2 - 1
    games = [NoiseToImage(ModelSettings(), TrainSettings(), (1, 28, 28), precision=p) for p in ("float32", "bfloat16")]
    single, mixed = (torch.stack([game.step(batch) for _ in range(5)]) for game in games)
    assert mixed.dtype == torch.float32
    assert not mixed.equal(single)
    torch.testing.assert_close(mixed, single, atol=0.02, rtol=0.02)
