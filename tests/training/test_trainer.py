"""Every system's step against the plain reference loop; state, shards, penalties, hyperparameters."""

import copy
from typing import Any, Literal, get_args

import pytest
import torch
from torch import Tensor, nn

from gan.config import UserError
from gan.data.dataset import Batch, BatchLoader
from gan.networks.config import ModelConfig
from gan.training.config import LossName, TrainConfig
from gan.training.distributed import SINGLE_PROCESS, DistributedContext
from gan.training.hparams import resolve_hparams
from gan.training.losses import LOSSES
from gan.training.penalties import squared_gradient_norms, wgan_gp_penalty, zero_centered_penalty
from gan.training.trainer import GANTrainer
from tests.conftest import float64_default
from tests.training.reference import ReferenceTrainer, reference_losses

SHAPE = (1, 8, 8)
SMALL: dict[str, Any] = {
    "latent_dim": 6,
    "generator_widths": [8, 8],
    "discriminator_widths": [8],
    "base_channels": 4,
}
# name: keys of the model config, keys of the train config
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
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
    "lazy r2, two steps": ({}, {"r2": 0.5, "penalty_every": 2, "discriminator_steps": 2}),
    "conditional": ({"conditional": True}, {}),
    "conditional relativistic": ({"conditional": True}, {"loss": "relativistic"}),
    "dcgan": ({"architecture": "dcgan"}, {}),
    "dcgan wgan-gp": ({"architecture": "dcgan"}, {"loss": "wgan-gp", "discriminator_steps": 2}),
    "dcgan conditional": ({"architecture": "dcgan", "conditional": True}, {}),
    "stylegan": ({"architecture": "stylegan"}, {}),
    "stylegan conditional": ({"architecture": "stylegan", "conditional": True}, {"penalty_every": 2}),
}


def make_trainer(name: str, context: DistributedContext = SINGLE_PROCESS, **model_keys: Any) -> GANTrainer:
    model, train = CASES[name]
    config = TrainConfig(batch_size=8, seed=3, **train)
    return GANTrainer(ModelConfig(**{**SMALL, **model, **model_keys}), config, SHAPE, num_classes=5, context=context)


def make_batches(num_batches: int) -> list[Batch]:
    rng = torch.Generator().manual_seed(0)
    batches = []
    for _ in range(num_batches):
        images = torch.rand(8, *SHAPE, generator=rng, dtype=torch.float64).mul(2).sub(1)
        labels = torch.randint(0, 5, (8,), generator=rng)
        batches.append(Batch.single_process(images.to(torch.get_default_dtype()), labels))
    return batches


@pytest.mark.parametrize("name", CASES)
def test_steps_equal_the_references(name: str) -> None:
    with float64_default():
        trainer = make_trainer(name)
        batches = make_batches(4)
        reference = ReferenceTrainer(trainer, seed=3)
        initial = copy.deepcopy([trainer.generator.state_dict(), trainer.discriminator.state_dict()])
        expected = [reference.step(batch) for batch in batches]
        metrics = [trainer.step(batch) for batch in batches]
        for values, (g_loss, d_loss, penalty) in zip(metrics, expected, strict=True):
            torch.testing.assert_close(values[:2].tolist(), [g_loss, d_loss], rtol=1e-9, atol=1e-12)
            if trainer.hparams.has_penalty:
                torch.testing.assert_close(values[4].item(), penalty, rtol=1e-9, atol=1e-12)
        networks = (trainer.generator, trainer.discriminator)
        reference_networks = (reference.generator, reference.discriminator)
        for network, reference_network, initial_state in zip(networks, reference_networks, initial, strict=True):
            for key, value in network.named_parameters():
                torch.testing.assert_close(value, reference_network.get_parameter(key), rtol=1e-6, atol=1e-9, msg=key)
            assert any(not value.equal(initial_state[key]) for key, value in network.named_parameters())


def assert_same_networks(first: GANTrainer, second: GANTrainer) -> None:
    for name, network in first.networks().items():
        second_state = second.networks()[name].state_dict()
        assert all(value.equal(second_state[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("name", CASES)
def test_a_state_resumes_to_the_bit_and_does_not_change_torchs_rng(name: str) -> None:
    batches = make_batches(6)
    uninterrupted = make_trainer(name)
    interrupted = make_trainer(name)
    rng_state = torch.get_rng_state()
    for batch in batches:
        expected = uninterrupted.step(batch)
    for batch in batches[:3]:
        interrupted.step(batch)
    resumed = make_trainer(name)
    resumed.load_state_dict(copy.deepcopy(interrupted.state_dict()))
    for batch in batches[3:]:
        metrics = resumed.step(batch)
    assert metrics.equal(expected)
    assert len(metrics) == len(uninterrupted.metric_names)
    assert_same_networks(uninterrupted, resumed)
    assert uninterrupted.preview_images().equal(resumed.preview_images())
    assert torch.get_rng_state().equal(rng_state)


class RecordingContext(DistributedContext):
    """One of two ranks. Records the tensors of all_reduce and returns them unchanged. whole: the shard is the batch."""

    recorded: list[Tensor]
    whole: bool

    def __init__(self, rank: int, whole: bool) -> None:
        super().__init__(rank, 2)
        object.__setattr__(self, "recorded", [])
        object.__setattr__(self, "whole", whole)

    def shard(self, batch: Tensor) -> Tensor:
        return batch if self.whole else super().shard(batch)

    def all_reduce(self, tensor: Tensor) -> Tensor:
        self.recorded.append(tensor.clone())
        return tensor


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *(
            (name, size)
            for name in ("lsgan", "hinge", "wgan-gp", "relativistic", "lazy r1", "conditional")
            for size in (8, 5)
        ),
        ("packed wgan-gp", 8),
    ],
)
def test_sums_over_two_ranks_equal_one_process(name: str, size: int) -> None:
    """Gradients and metrics, summed over two ranks, equal those of one process, also with uneven shards."""
    with float64_default():
        (batch,) = make_batches(1)
        assert batch.labels is not None
        images = batch.images[:size]
        labels = batch.labels[:size]
        recorded = []
        for context in (RecordingContext(0, True), RecordingContext(0, False), RecordingContext(1, False)):
            trainer = make_trainer(name, context, generator_widths=[8])
            trainer.step(Batch(context.shard(images), context.shard(labels), size))
            recorded.append(context.recorded)
        whole, first, second = recorded
        assert len(whole) == (3 if trainer.hparams.discriminator_steps == 1 else 2)
        for total, a, b in zip(whole, first, second, strict=True):
            torch.testing.assert_close(a + b, total, rtol=1e-12, atol=1e-14)


def test_every_loss_can_be_configured() -> None:
    assert set(get_args(LossName)) == {"auto", *LOSSES}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_equal_the_papers_formulas(name: str) -> None:
    real, fake = torch.randn(2, 9, 1, dtype=torch.float64)
    loss = LOSSES[name]()
    g_loss, d_loss = reference_losses(name, real, fake)
    torch.testing.assert_close(loss.generator(real, fake), g_loss)
    torch.testing.assert_close(loss.discriminator(real, fake), d_loss)


@pytest.mark.parametrize("name", LOSSES)
def test_outputs_are_probabilities_if_the_optimal_logit_is_that_of_a_probability(name: Any) -> None:
    """With three real images per fake image, all equal, sigmoid(logit) of the optimal discriminator is 3 / 4."""
    hparams = resolve_hparams(ModelConfig(), TrainConfig(loss=name), 28)
    logit = torch.tensor(3.0, dtype=torch.float64).log().view(1, 1)
    real = logit.clone().requires_grad_()
    fake = logit.clone().requires_grad_()
    real_grad, fake_grad = torch.autograd.grad(LOSSES[name]().discriminator(real, fake), (real, fake))
    is_balanced = torch.allclose(3 * real_grad, -fake_grad, rtol=1e-9) and bool(fake_grad > 0)
    assert hparams.loss == name
    assert hparams.outputs_probabilities == is_balanced


def test_penalties_of_discriminators_with_known_gradients() -> None:
    w = torch.randn(SHAPE, dtype=torch.float64, requires_grad=True)
    x, y = torch.randn(2, 5, *SHAPE, dtype=torch.float64)
    x.requires_grad_()

    def linear(images: Tensor) -> Tensor:
        return (images * w).flatten(1).sum(1, keepdim=True)

    def quadratic(images: Tensor) -> Tensor:
        return images.square().flatten(1).sum(1, keepdim=True) / 2

    torch.testing.assert_close(squared_gradient_norms(x, quadratic(x)), x.flatten(1).square().sum(1))
    penalty = zero_centered_penalty(x, linear(x))
    torch.testing.assert_close(penalty, w.square().sum() / 2)
    torch.testing.assert_close(torch.autograd.grad(penalty, w)[0], w)
    alpha = torch.rand(5, 1, 1, 1, dtype=torch.float64)
    torch.testing.assert_close(wgan_gp_penalty(linear, x, y, alpha), (w.norm() - 1) ** 2)
    norms = (x + alpha * (y - x)).flatten(1).norm(dim=1)  # every pair has its own alpha
    torch.testing.assert_close(wgan_gp_penalty(quadratic, x, y, alpha), (norms - 1).square().mean())
    (grad,) = torch.autograd.grad(wgan_gp_penalty(linear, x, y, alpha), w)
    torch.testing.assert_close(grad, 2 * (w.norm() - 1) * w / w.norm())


def test_the_wgan_gp_penalty_brings_the_gradient_norm_to_one() -> None:
    trainer = GANTrainer(ModelConfig(**SMALL), TrainConfig(loss="wgan-gp", batch_size=32, lr=3e-3), SHAPE)
    bright = torch.ones(32, *SHAPE)
    for i in range(300):
        trainer.step(Batch.single_process(bright if i % 2 else bright * 0.8))
    interpolates = torch.lerp(bright, -bright, torch.rand(32, 1, 1, 1)).requires_grad_()
    norms = squared_gradient_norms(interpolates, trainer.discriminator(interpolates)).sqrt()
    assert norms.mean().item() == pytest.approx(1, abs=0.35)


@pytest.mark.parametrize("loss", ["non-saturating", "saturating"])
@pytest.mark.parametrize("bias", [-1000.0, -100.0, -88.0, -80.0, -10.0, 0.0, 10.0, 100.0])
def test_the_generators_gradient_is_exact_however_certain_the_discriminator_is(
    loss: Literal["non-saturating", "saturating"], bias: float
) -> None:
    trainer = GANTrainer(ModelConfig(**SMALL), TrainConfig(loss=loss), SHAPE)
    last_layer = list(trainer.discriminator.children())[-1]
    assert isinstance(last_layer, nn.Linear)
    nn.init.constant_(last_layer.bias, bias)
    generator, discriminator = copy.deepcopy((trainer.generator, trainer.discriminator))
    z = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))
    g_loss = trainer.loss.generator(torch.zeros(8, 1), discriminator(generator(z)))
    expected = torch.autograd.grad(g_loss, list(generator.parameters()))
    trainer.step(make_batches(1)[0])
    gradients = torch.cat([p.grad.flatten() for p in trainer.g_params if p.grad is not None])
    size = torch.cat([grad.flatten() for grad in expected]).norm()
    error = (gradients - torch.cat([grad.flatten() for grad in expected])).norm()
    assert error <= 1e-5 * size + 1e-18


def test_previews_do_not_affect_the_training() -> None:
    trainers = [make_trainer("mlp") for _ in range(2)]
    for i, batch in enumerate(make_batches(5)):
        metrics = [trainer.step(batch) for trainer in trainers]
        assert metrics[0].equal(metrics[1])
        images = trainers[0].preview_images()
        assert images.shape == (25, *SHAPE)
        assert i != 3 or images.equal(trainers[0].preview_images())


def test_without_an_average_samples_come_from_the_raw_generator() -> None:
    trainer = GANTrainer(ModelConfig(**SMALL), TrainConfig(ema=0), SHAPE)
    trainer.step(make_batches(1)[0])
    assert trainer.networks()["generator"] is trainer.networks()["generator_raw"]


def test_seeds_give_different_noise_and_weights() -> None:
    trainers = [GANTrainer(ModelConfig(**SMALL), TrainConfig(seed=seed), SHAPE) for seed in (0, 1)]
    first, second = (torch.cat([p.flatten() for p in trainer.g_params]) for trainer in trainers)
    assert not first.equal(second)
    assert not trainers[0].rng.get_state().equal(trainers[1].rng.get_state())


def test_mixed_precision_equals_single_precision_to_its_rounding() -> None:
    images = torch.rand(64, 1, 28, 28) * 2 - 1
    metrics = []
    for precision in ("float32", "bfloat16"):
        trainer = GANTrainer(ModelConfig(), TrainConfig(), (1, 28, 28), precision=precision)
        metrics.append(torch.stack([trainer.step(Batch.single_process(images)) for _ in range(5)]))
    single, mixed = metrics
    assert mixed.dtype == torch.float32
    assert not mixed.equal(single)
    torch.testing.assert_close(mixed, single, atol=0.02, rtol=0.02)


@pytest.mark.parametrize("name", ["mlp", "dcgan", "stylegan conditional"])
def test_the_learning_rate_scale_multiplies_both_rates(name: str) -> None:
    with float64_default():
        (batch,) = make_batches(1)
        trainers = [make_trainer(name) for _ in range(2)]
        before = [copy.deepcopy(network.state_dict()) for network in (trainers[0].generator, trainers[0].discriminator)]
        trainers[1].set_lr_scale(0.25)
        for trainer in trainers:
            trainer.step(batch)
        full_rate, scaled_rate = ((trainer.generator, trainer.discriminator) for trainer in trainers)
        for network, scaled, initial in zip(full_rate, scaled_rate, before, strict=True):
            for key, value in network.named_parameters():
                change = scaled.get_parameter(key) - initial[key]
                torch.testing.assert_close(change, (value - initial[key]) / 4, rtol=1e-6, atol=1e-12)


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
def test_auto_is_the_published_value_and_explicit_values_are_kept(
    model: dict[str, Any], train: dict[str, Any], expected: dict[str, Any]
) -> None:
    hparams = resolve_hparams(ModelConfig(**model), TrainConfig(**train), 32)._asdict()
    for key, value in expected.items():
        assert hparams[key] == pytest.approx(value), key


@pytest.mark.parametrize(
    ("model", "train", "num_classes", "message"),
    [
        ({"conditional": True}, {}, 0, r"model\.conditional: the images have no labels"),
        ({"conditional": True, "packing": 2}, {}, 5, r"model\.packing: images of different classes"),
        (
            {"architecture": "dcgan", "discriminator_norm": "batch"},
            {"r1": 1},
            5,
            r"model\.discriminator_norm: with Batch",
        ),
        (
            {"minibatch_discrimination": True},
            {"loss": "wgan-gp"},
            5,
            r"with model\.minibatch_discrimination that logit",
        ),
        ({"architecture": "stylegan"}, {"loss": "wgan-gp"}, 5, r"with model\.architecture stylegan that logit"),
        (
            {"architecture": "dcgan", "discriminator_norm": "batch"},
            {"loss": "wgan-gp"},
            5,
            r"with model\.discriminator_norm that logit",
        ),
    ],
)
def test_values_that_cannot_be_combined_are_refused(
    model: dict[str, Any], train: dict[str, Any], num_classes: int, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        GANTrainer(ModelConfig(**SMALL, **model), TrainConfig(batch_size=8, **train), SHAPE, num_classes=num_classes)


@pytest.mark.parametrize(
    ("model", "multiple"), [({}, 1), ({"packing": 3}, 3), ({"architecture": "stylegan", "packing": 4}, 16)]
)
def test_a_batch_that_the_discriminator_cannot_group_is_refused(model: dict[str, Any], multiple: int) -> None:
    trainer = GANTrainer(ModelConfig(**SMALL, **model), TrainConfig(batch_size=8), SHAPE)
    assert trainer.batch_multiple == multiple
    if 8 % multiple:
        with pytest.raises(UserError, match=rf"train\.batch_size: 8 is not a multiple of {multiple}"):
            BatchLoader(torch.zeros(30, *SHAPE, dtype=torch.uint8), 8, 0, group_size=multiple)


def test_the_average_is_updated_after_each_step_of_the_generator() -> None:
    trainer = make_trainer("wgan-gp")  # two discriminator steps per generator step
    assert trainer.ema is not None
    batches = make_batches(4)
    for batch in batches[:2]:
        trainer.step(batch)
    assert all(ema.equal(weights) for ema, weights in zip(trainer.ema.ema_params, trainer.g_params, strict=True))
    for batch in batches[2:]:
        trainer.step(batch)
    assert trainer.ema.num_steps == 2


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("model", [{}, {"architecture": "dcgan"}, {"architecture": "stylegan"}])
def test_penalties_work_in_both_precisions(model: dict[str, Any], precision: str) -> None:
    config = TrainConfig(batch_size=8, r1=0.5, r2=0.5, penalty_every=2)
    trainer = GANTrainer(ModelConfig(**SMALL, **model), config, SHAPE, precision=precision)
    metrics = torch.stack([trainer.step(batch) for batch in make_batches(4)])
    assert metrics.dtype == torch.float32
    assert metrics.isfinite().all()
    assert (metrics[::2, 4] > 0).all() and (metrics[1::2, 4] == 0).all()
