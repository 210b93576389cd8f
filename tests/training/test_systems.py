"""Every system's step against one that is written plainly, with torch's own optimizer and nothing shared."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.plain import Plain, losses
from gan.config import UserError
from gan.data.dataset import Batch, BatchLoader
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig
from gan.training.distributed import SINGLE_PROCESS, DistributedContext
from gan.training.hparams import resolve_hparams
from gan.training.losses import LOSSES
from gan.training.penalties import squared_gradient_norms, wgan_gp_penalty, zero_centered_penalty
from gan.training.trainer import GANTrainer
from tests.conftest import doubles

SHAPE = (1, 8, 8)
SMALL: dict[str, Any] = {
    "latent_dim": 6,
    "generator_widths": [8, 8],
    "discriminator_widths": [8],
    "base_channels": 4,
}
# name: settings of the model, settings of the training
SYSTEMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mlp": ({}, {}),
    "saturating": ({}, {"loss": "saturating"}),
    "lsgan": ({}, {"loss": "lsgan"}),
    "hinge": ({}, {"loss": "hinge"}),
    "ttur": ({}, {"loss": "hinge", "ttur": True}),
    "wgan-gp": ({}, {"loss": "wgan-gp", "discriminator_steps": 2}),
    "relativistic": ({}, {"loss": "relativistic"}),
    "lazy r1": ({}, {"r1": 0.5, "penalty_every": 2}),
    "minibatch discrimination": ({"minibatch_discrimination": True}, {}),
    "packing": ({"packing": 2}, {}),
    "packed wgan-gp": ({"packing": 2}, {"loss": "wgan-gp", "discriminator_steps": 2}),
    "conditional": ({"conditional": True}, {}),
    "conditional relativistic": ({"conditional": True}, {"loss": "relativistic"}),
    "dcgan": ({"architecture": "dcgan"}, {}),
    "dcgan wgan-gp": ({"architecture": "dcgan"}, {"loss": "wgan-gp", "discriminator_steps": 2}),
    "dcgan conditional": ({"architecture": "dcgan", "conditional": True}, {}),
    "stylegan": ({"architecture": "stylegan"}, {}),
    "stylegan conditional": ({"architecture": "stylegan", "conditional": True}, {"penalty_every": 2}),
}


def make(name: str, team: DistributedContext = SINGLE_PROCESS, **other: Any) -> GANTrainer:
    model, train = SYSTEMS[name]
    config = TrainConfig(batch_size=8, seed=3, **train)
    return GANTrainer(ModelConfig(**{**SMALL, **model, **other}), config, SHAPE, classes=5, team=team)


def batches(count: int) -> list[Batch]:
    seeded = torch.Generator().manual_seed(0)
    return [
        Batch.of(
            torch.rand(8, *SHAPE, generator=seeded, dtype=torch.float64).mul(2).sub(1).to(torch.get_default_dtype()),
            torch.randint(0, 5, (8,), generator=seeded),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("name", SYSTEMS)
def test_steps_equal_plain_ones(name: str) -> None:
    with doubles():
        game, given = make(name), batches(4)
        plain = Plain(game, seed=3)
        before = [copy.deepcopy(network.state_dict()) for network in (game.generator, game.discriminator)]
        for batch in given:
            plain.step(batch)
        for batch in given:
            game.step(batch)
        both = (game.generator, game.discriminator), (plain.generator, plain.discriminator)
        for network, other, old in zip(*both, before, strict=True):
            for key, value in network.named_parameters():
                torch.testing.assert_close(value, other.get_parameter(key), rtol=1e-6, atol=1e-9, msg=key)
            assert any(not value.equal(old[key]) for key, value in network.named_parameters())


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_state_goes_on_to_the_bit_and_leaves_torchs_random_numbers_alone(name: str) -> None:
    given, whole, halves = batches(6), make(name), make(name)
    state = torch.get_rng_state()
    for batch in given:
        expected = whole.step(batch)
    for batch in given[:3]:
        halves.step(batch)
    resumed = make(name)
    resumed.load_state_dict(copy.deepcopy(halves.state_dict()))
    for batch in given[3:]:
        found = resumed.step(batch)
    assert found.equal(expected) and len(found) == len(whole.scalars)
    for key, network in whole.networks().items():
        for mine, theirs in zip(
            network.state_dict().values(), resumed.networks()[key].state_dict().values(), strict=True
        ):
            assert mine.equal(theirs)
    assert whole.preview().equal(resumed.preview())
    assert torch.get_rng_state().equal(state)


class Recorder(DistributedContext):
    """One of two processes. Keeps what it is asked to add up, which is left as it is; `whole`: all rows are its own."""

    seen: list[Tensor]
    whole: bool

    def part(self, rows: Tensor) -> Tensor:
        return rows if self.whole else super().part(rows)

    def add(self, tensor: Tensor) -> Tensor:
        self.seen.append(tensor.clone())
        return tensor


@pytest.mark.parametrize(
    "name", ["lsgan", "hinge", "wgan-gp", "relativistic", "lazy r1", "packed wgan-gp", "conditional"]
)
def test_parts_of_a_batch_add_up_to_the_whole(name: str) -> None:
    with doubles():
        (batch,) = batches(1)
        assert batch.labels is not None
        seen = []
        for rank, whole in ((0, True), (0, False), (1, False)):
            team = Recorder(rank, 2)
            object.__setattr__(team, "seen", [])
            object.__setattr__(team, "whole", whole)
            make(name, team, generator_widths=[8]).step(Batch(team.part(batch.images), team.part(batch.labels), 8))
            seen.append(team.seen)
        both, first, second = seen
        assert len(both) >= 2
        for one, a, b in zip(both, first, second, strict=True):
            torch.testing.assert_close(a + b, one, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_the_papers(name: str) -> None:
    real, fake = torch.randn(2, 9, 1, dtype=torch.float64)
    loss = LOSSES[name]()
    found = loss.generator(real, fake), loss.discriminator(real, fake)
    for mine, plain in zip(found, losses(name, real, fake), strict=True):
        torch.testing.assert_close(mine, plain)


@pytest.mark.parametrize("name", LOSSES)
def test_answers_are_probabilities_where_the_best_logit_is_that_of_one(name: Any) -> None:
    """Among three real pictures to one fake, all alike, sigmoid(logit) of the best discriminator is 3 / 4."""
    recipe = resolve_hparams(ModelConfig(), TrainConfig(loss=name), 28)
    logit = torch.tensor(3.0, dtype=torch.float64).log().view(1, 1).requires_grad_()
    slopes = LOSSES[name]().slopes(logit, logit)
    real, fake = slopes.discriminator_by_real, slopes.discriminator_by_fake
    balanced = torch.allclose(3 * real, -fake, rtol=1e-9) and bool(fake > 0)
    assert recipe.loss == name and recipe.probabilities == balanced


def test_penalties_of_a_critic_whose_gradient_is_known() -> None:
    w = torch.randn(SHAPE, dtype=torch.float64, requires_grad=True)
    x, y = torch.randn(2, 5, *SHAPE, dtype=torch.float64)

    def flat(pictures: Tensor) -> Tensor:
        return (pictures * w).flatten(1).sum(1, keepdim=True)

    def bowl(pictures: Tensor) -> Tensor:
        return pictures.square().flatten(1).sum(1, keepdim=True) / 2

    torch.testing.assert_close(squared_gradient_norms(bowl, x), x.flatten(1).square().sum(1))  # one norm a picture
    penalty = zero_centered_penalty(flat, x)
    torch.testing.assert_close(penalty, w.square().sum() / 2)
    torch.testing.assert_close(torch.autograd.grad(penalty, w)[0], w)
    share = torch.rand(5, 1, 1, 1, dtype=torch.float64)
    torch.testing.assert_close(wgan_gp_penalty(flat, x, y, share), (w.norm() - 1) ** 2)
    between = (x + share * (y - x)).flatten(1).norm(dim=1)  # a place of its own for each pair
    torch.testing.assert_close(wgan_gp_penalty(bowl, x, y, share), (between - 1).square().mean())
    (slope,) = torch.autograd.grad(wgan_gp_penalty(flat, x, y, share), w)
    torch.testing.assert_close(slope, 2 * (w.norm() - 1) * w / w.norm())


def test_a_penalised_critic_comes_to_a_gradient_of_one() -> None:
    game = GANTrainer(ModelConfig(**SMALL), TrainConfig(loss="wgan-gp", batch_size=32, lr=3e-3), SHAPE)
    bright, dark = torch.ones(32, *SHAPE), torch.full((32, *SHAPE), -1.0)
    for i in range(300):
        game.step(Batch.of(bright if i % 2 else bright * 0.8))
    share = torch.rand(32, 1, 1, 1)
    norms = squared_gradient_norms(game.discriminator, torch.lerp(bright, dark, share)).sqrt()
    assert norms.mean().item() == pytest.approx(1, abs=0.35)


@pytest.mark.parametrize(
    ("model", "train", "expected"),
    [
        ({}, {}, {"lr": 2e-4, "discriminator_lr": 2e-4, "betas": (0.5, 0.999), "discriminator_steps": 1, "r1": 0}),
        ({}, {"loss": "wgan-gp"}, {"lr": 1e-4, "betas": (0, 0.9), "discriminator_steps": 5, "gradient_penalty": 10}),
        ({}, {"loss": "hinge", "ttur": True}, {"lr": 1e-4, "discriminator_lr": 3e-4, "betas": (0, 0.9)}),
        ({}, {"loss": "relativistic"}, {"r1": 1, "r2": 1, "penalty_every": 1}),
        ({"architecture": "stylegan"}, {}, {"lr": 2.5e-3, "betas": (0, 0.99), "r1": 0.0016, "penalty_every": 16}),
        ({}, {"lr": 1e-3}, {"lr": 1e-3, "discriminator_lr": 1e-3}),
        ({}, {"lr": 1e-3, "ttur": True}, {"lr": 1e-3, "discriminator_lr": 3e-3}),
        (
            {},
            {"discriminator_lr": 5e-4, "betas": [0.1, 0.2]},
            {"lr": 2e-4, "discriminator_lr": 5e-4, "betas": (0.1, 0.2)},
        ),
    ],
)
def test_auto_is_what_was_published_and_what_is_given_is_taken(
    model: dict[str, Any], train: dict[str, Any], expected: dict[str, Any]
) -> None:
    recipe = resolve_hparams(ModelConfig(**model), TrainConfig(**train), 32)._asdict()
    for key, value in expected.items():
        assert recipe[key] == pytest.approx(value), key


@pytest.mark.parametrize(
    ("model", "train", "classes", "said"),
    [
        ({"conditional": True}, {}, 0, r"model\.conditional: the pictures have no labels"),
        ({"conditional": True, "packing": 2}, {}, 5, r"model\.packing: pictures of different classes"),
        (
            {"architecture": "dcgan", "discriminator_norm": "batch"},
            {"r1": 1},
            5,
            r"model\.discriminator_norm: with Batch",
        ),
        ({"minibatch_discrimination": True}, {"loss": "wgan-gp"}, 5, r"with model\.minibatch_discrimination other"),
        ({"architecture": "stylegan"}, {"loss": "wgan-gp"}, 5, r"with model\.architecture stylegan other pictures"),
        (
            {"architecture": "dcgan", "discriminator_norm": "batch"},
            {"loss": "wgan-gp"},
            5,
            r"with model\.discriminator_norm other pictures",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    model: dict[str, Any], train: dict[str, Any], classes: int, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        GANTrainer(ModelConfig(**SMALL, **model), TrainConfig(batch_size=8, **train), SHAPE, classes=classes)


def test_batches_are_multiples_of_what_is_judged_together() -> None:
    images = torch.zeros(30, 1, 1, 1, dtype=torch.uint8)
    loader = BatchLoader(images, 8, 0, labels=torch.arange(30), together=4)
    assert [len(batch.images) for batch in loader.epoch(0)] == [8, 8, 8, 4]
    labels = [batch.labels for batch in loader.epoch(0)]
    assert len(torch.cat([some for some in labels if some is not None]).unique()) == 28
    with pytest.raises(UserError, match="8 is not a multiple of 16"):
        BatchLoader(images, 8, 0, 0, 4, together=4)
    for model, together in (({"packing": 3}, 3), ({"architecture": "stylegan", "packing": 4}, 16)):
        game = GANTrainer(ModelConfig(**SMALL, **model), TrainConfig(batch_size=8), SHAPE)
        with pytest.raises(UserError, match=rf"train\.batch_size: 8 is not a multiple of {together}"):
            BatchLoader(images, 8, 0, together=game.together)
