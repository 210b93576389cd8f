"""CycleGAN's step against the paper's formulas, its image pool, and its state."""

import copy

import torch
from torch import Tensor

from gan.data.dataset import Batch
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig
from gan.training.cyclegan_trainer import POOL_SIZE, CycleGANTrainer, ImagePool
from gan.training.distributed import SINGLE_PROCESS, DistributedContext
from tests.conftest import float64_default
from tests.training.test_trainer import RecordingContext

SHAPE = (1, 16, 16)
MODEL = ModelConfig(architecture="cyclegan", base_channels=4, residual_blocks=1)


def make_trainer(context: DistributedContext = SINGLE_PROCESS, precision: str = "float32") -> CycleGANTrainer:
    config = TrainConfig(batch_size=4, seed=3)
    preview_inputs = torch.zeros(2, *SHAPE)
    return CycleGANTrainer(MODEL, config, SHAPE, preview_inputs=preview_inputs, context=context, precision=precision)


def make_batches(num_batches: int, size: int = 4) -> list[Batch]:
    rng = torch.Generator().manual_seed(0)
    batches = []
    for _ in range(num_batches):
        a, b = torch.rand(2, size, *SHAPE, generator=rng).mul(2).sub(1).to(torch.get_default_dtype())
        batches.append(Batch(a, None, size, b))
    return batches


def l1(first: Tensor, second: Tensor) -> Tensor:
    return (first - second).abs().mean()


def test_steps_equal_the_papers_formulas() -> None:
    with float64_default():
        trainer = make_trainer()
        generators, discriminators = copy.deepcopy((trainer.generator, trainer.discriminator))
        g = generators.g_ab
        f = generators.g_ba
        d_a = discriminators.d_a
        d_b = discriminators.d_b
        g_optimizer = torch.optim.Adam(generators.parameters(), lr=2e-4, betas=(0.5, 0.999))
        d_optimizer = torch.optim.Adam(discriminators.parameters(), lr=2e-4, betas=(0.5, 0.999))
        for batch in make_batches(5):  # the pools are not full, so they return every fake image
            a = batch.images
            b = batch.target_images
            assert b is not None
            fake_b = g(a)
            fake_a = f(b)
            g_loss = ((d_b(fake_b) - 1) ** 2).mean() + ((d_a(fake_a) - 1) ** 2).mean()
            g_loss = g_loss + 10 * (l1(f(fake_b), a) + l1(g(fake_a), b)) + 5 * (l1(g(b), b) + l1(f(a), a))
            g_grads = torch.autograd.grad(g_loss, list(generators.parameters()))
            d_loss = ((d_a(a) - 1) ** 2).mean() / 2 + (d_a(fake_a.detach()) ** 2).mean() / 2
            d_loss = d_loss + ((d_b(b) - 1) ** 2).mean() / 2 + (d_b(fake_b.detach()) ** 2).mean() / 2
            d_optimizer.zero_grad()
            d_loss.backward()
            d_optimizer.step()
            for parameter, grad in zip(generators.parameters(), g_grads, strict=True):
                parameter.grad = grad
            g_optimizer.step()
            metrics = trainer.step(batch)
            assert len(metrics) == len(trainer.metric_names)
            torch.testing.assert_close(metrics[1], d_loss.detach() / 2)
        for network, expected in ((trainer.generator, generators), (trainer.discriminator, discriminators)):
            for key, value in network.named_parameters():
                torch.testing.assert_close(value, expected.get_parameter(key), rtol=1e-7, atol=1e-10, msg=key)


def test_about_half_of_the_images_come_from_the_pool_without_repeats() -> None:
    rng = torch.Generator().manual_seed(3)
    pool = ImagePool(torch.zeros(0, *SHAPE))
    for i in range(POOL_SIZE // 4 + 1):
        fakes = torch.full((4, *SHAPE), float(i))
        assert pool.query(fakes, rng).equal(fakes)
    assert len(pool.images) == POOL_SIZE
    num_old = 0
    for i in range(100, 300):
        fakes = torch.full((4, *SHAPE), float(i)) + torch.arange(4).view(4, 1, 1, 1) / 8
        previous_images = pool.images.clone()
        values = pool.query(fakes, rng)[:, 0, 0, 0]
        assert len(values.unique()) == 4 or i < 150  # no image is returned twice
        is_old = values < i
        num_old += int(is_old.sum())
        assert torch.isin(values[is_old], previous_images[:, 0, 0, 0]).all()
        stored = fakes[is_old][:, 0, 0, 0]  # the new image takes the place of the old one
        assert torch.isin(stored, pool.images[:, 0, 0, 0]).all()
    assert 0.42 < num_old / 800 < 0.58


def test_a_state_resumes_to_the_bit_with_full_pools() -> None:
    batches = make_batches(30)
    uninterrupted = make_trainer()
    interrupted = make_trainer()
    for batch in batches:
        expected = uninterrupted.step(batch)
    for batch in batches[:20]:
        interrupted.step(batch)
    resumed = make_trainer()
    resumed.load_state_dict(copy.deepcopy(interrupted.state_dict()))
    for batch in batches[20:]:
        metrics = resumed.step(batch)
    assert metrics.equal(expected)
    for name, network in uninterrupted.networks().items():
        resumed_state = resumed.networks()[name].state_dict()
        assert all(value.equal(resumed_state[key]) for key, value in network.state_dict().items())
    assert uninterrupted.preview_images().shape == (2, *SHAPE)


def test_shards_of_a_batch_add_up_to_the_whole() -> None:
    with float64_default():
        (batch,) = make_batches(1)
        assert batch.target_images is not None
        recorded = []
        for context in (RecordingContext(0, True), RecordingContext(0, False), RecordingContext(1, False)):
            trainer = make_trainer(context)
            trainer.step(Batch(context.shard(batch.images), None, 4, context.shard(batch.target_images)))
            recorded.append(context.recorded)
        whole, first, second = recorded
        assert len(whole) == 3  # gradients of both networks, metrics
        for total, a, b in zip(whole, first, second, strict=True):
            torch.testing.assert_close(a + b, total, rtol=1e-9, atol=1e-12)


def test_mixed_precision_equals_single_precision_to_its_rounding() -> None:
    (batch,) = make_batches(1)
    single, mixed = (make_trainer(precision=precision).step(batch) for precision in ("float32", "bfloat16"))
    assert mixed.dtype == torch.float32
    assert not mixed.equal(single)
    torch.testing.assert_close(mixed, single, atol=0.03, rtol=0.03)
