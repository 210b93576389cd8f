"""CycleGAN's step against one that is written plainly, its pool, and its state."""

import copy
from typing import Any

import torch
from torch import Tensor

from gan.data.dataset import Batch, BatchLoader
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig
from gan.training.cyclegan_trainer import POOL_SIZE, CycleGANTrainer
from tests.conftest import doubles

SHAPE = (1, 16, 16)
MODEL = ModelConfig(architecture="cyclegan", base_channels=4, blocks=1)


def make(**config: Any) -> CycleGANTrainer:
    train = TrainConfig(batch_size=4, seed=3, **config)
    return CycleGANTrainer(MODEL, train, SHAPE, examples=torch.zeros(2, *SHAPE))


def pairs(count: int, size: int = 4) -> list[Batch]:
    seeded = torch.Generator().manual_seed(0)
    both = (torch.rand(2, size, *SHAPE, generator=seeded).mul(2).sub(1) for _ in range(count))
    return [Batch(a.to(torch.get_default_dtype()), None, size, b.to(torch.get_default_dtype())) for a, b in both]


def l1(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().mean()


def test_steps_equal_plain_ones() -> None:
    with doubles():
        game = make()
        translators, critics = copy.deepcopy(game.translators), copy.deepcopy(game.critics)
        g, f, d_a, d_b = translators.there, translators.back, critics.source, critics.target
        of_translators = torch.optim.Adam(translators.parameters(), lr=2e-4, betas=(0.5, 0.999))
        of_critics = torch.optim.Adam(critics.parameters(), lr=2e-4, betas=(0.5, 0.999))
        for batch in pairs(5):  # the pools are not full: every fake is shown
            a, b = batch.images, batch.target
            assert b is not None
            fake_b, fake_a = g(a), f(b)
            total = ((d_b(fake_b) - 1) ** 2).mean() + ((d_a(fake_a) - 1) ** 2).mean()
            total = total + 10 * (l1(f(fake_b), a) + l1(g(fake_a), b)) + 5 * (l1(g(b), b) + l1(f(a), a))
            gradients = torch.autograd.grad(total, list(translators.parameters()))
            judged = ((d_a(a) - 1) ** 2).mean() / 2 + (d_a(fake_a.detach()) ** 2).mean() / 2
            judged = judged + ((d_b(b) - 1) ** 2).mean() / 2 + (d_b(fake_b.detach()) ** 2).mean() / 2
            of_critics.zero_grad()
            judged.backward()
            of_critics.step()
            for parameter, gradient in zip(translators.parameters(), gradients, strict=True):
                parameter.grad = gradient
            of_translators.step()
            values = game.step(batch)
            assert len(values) == len(game.scalars)
        for mine, plain in ((game.translators, translators), (game.critics, critics)):
            for key, value in mine.named_parameters():
                torch.testing.assert_close(value, plain.get_parameter(key), rtol=1e-7, atol=1e-10, msg=key)


def test_the_pool_shows_old_fakes_about_half_the_time_and_each_once_at_a_time() -> None:
    game, old = make(), 0
    for i in range(POOL_SIZE // 4 + 1):
        fakes = torch.full((4, *SHAPE), float(i))
        assert game._older(0, fakes).equal(fakes)
    assert len(game._pools[0]) == POOL_SIZE
    for i in range(100, 300):
        fakes = torch.full((4, *SHAPE), float(i)) + torch.arange(4).view(4, 1, 1, 1) / 8
        before = game._pools[0].clone()
        shown = game._older(0, fakes)
        values = shown[:, 0, 0, 0]
        assert len(values.unique()) == 4 or i < 150  # no fake is shown twice
        from_pool = values < i
        old += int(from_pool.sum())
        assert torch.isin(values[from_pool], before[:, 0, 0, 0]).all()
        kept = fakes[from_pool][:, 0, 0, 0]  # an older one leaves its place to the new one
        assert torch.isin(kept, game._pools[0][:, 0, 0, 0]).all()
    assert 0.42 < old / 800 < 0.58


def test_a_state_goes_on_to_the_bit_with_full_pools() -> None:
    given, whole, half = pairs(30), make(), make()
    for batch in given:
        expected = whole.step(batch)
    for batch in given[:20]:
        half.step(batch)
    resumed = make()
    resumed.load_state_dict(copy.deepcopy(half.state_dict()))
    for batch in given[20:]:
        found = resumed.step(batch)
    assert found.equal(expected)
    for key, network in whole.networks().items():
        other = resumed.networks()[key].state_dict()
        assert all(value.equal(other[name]) for name, value in network.state_dict().items())
    assert whole.preview().shape == (2, *SHAPE)


def test_targets_have_an_order_of_their_own_and_come_again() -> None:
    images = torch.arange(20, dtype=torch.uint8).view(20, 1, 1, 1)
    target = torch.arange(100, 107, dtype=torch.uint8).view(7, 1, 1, 1)
    loader = BatchLoader(images, 8, 0, target=target)
    first, second = ([batch.target for batch in loader.epoch(epoch)] for epoch in (0, 1))
    assert [len(some) for some in first if some is not None] == [8, 8, 4]
    shown = torch.cat([some for some in first if some is not None]).flatten()
    assert sorted(shown.unique(return_counts=True)[1].tolist()) == [2] + [3] * 6
    assert not all(a.equal(b) for a, b in zip(first, second, strict=True) if a is not None and b is not None)
    parts = [list(BatchLoader(images, 8, 0, part, 2, target=target).epoch(0)) for part in (0, 1)]
    for one, other, some in zip(*parts, first, strict=True):
        assert one.target is not None and other.target is not None and some is not None
        assert torch.cat([one.target, other.target]).equal(some)
    resumed = next(loader.epoch(0, 1)).target
    assert resumed is not None and first[1] is not None and resumed.equal(first[1])
