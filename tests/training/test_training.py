"""Averages, batches, games, history and checkpoints."""

import copy
import resource
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gan.config import UserError
from gan.data.dataset import Batch, BatchLoader
from gan.images import frame_name, parse_frame_name
from gan.networks.config import ModelConfig
from gan.training.adam import Adam
from gan.training.checkpoint import CheckpointManager, fingerprint
from gan.training.config import TrainConfig
from gan.training.ema import EMA, UPDATE_INTERVAL
from gan.training.frames import FrameWriter
from gan.training.loop import train
from gan.training.metrics_log import MetricsLog
from gan.training.snapshots import SnapshotWriter
from gan.training.trainer import GANTrainer

SMALL = ModelConfig(latent_dim=4, generator_widths=[8, 8], discriminator_widths=[8])


@given(st.integers(2, 300), st.integers(2, 70), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_has_every_picture_once_and_can_be_entered_anywhere(n: int, size: int, epoch: int, skip: int) -> None:
    images = torch.arange(n, dtype=torch.int64).remainder(256).to(torch.uint8).reshape(n, 1, 1, 1)
    batches = BatchLoader(images, size, seed=1)
    seen = [batch.images for batch in batches.epoch(epoch)]
    assert len(seen) == len(batches)
    assert all(len(batch) == size for batch in seen[:-1]) and 2 <= len(seen[-1]) <= size
    levels = torch.cat(seen).flatten().add(1).mul(127.5).round().int().tolist()
    left_out = Counter(images.flatten().tolist()) - Counter(levels)
    assert left_out.total() == (1 if n % size == 1 else 0)
    assert not Counter(levels) - Counter(images.flatten().tolist())
    rest = [batch.images for batch in batches.epoch(epoch, skip)]
    assert len(rest) == max(0, len(seen) - skip)
    assert all(a.equal(b) for a, b in zip(rest, seen[skip:], strict=True))


def test_epochs_are_shuffled_differently_and_pixels_span_minus_one_to_one() -> None:
    images = torch.arange(256, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    first, second = (torch.cat([b.images for b in BatchLoader(images, 64, 0).epoch(e)]).flatten() for e in (0, 1))
    assert not first.equal(second)
    assert first.min().item() == -1 and first.max().item() == 1


def test_adam_is_torchs_adam_bit_for_bit_also_after_a_reload() -> None:
    mine, theirs = ([nn.Parameter(torch.ones(3, 4)), nn.Parameter(torch.zeros(5))] for _ in range(2))
    adam, reference = Adam(mine, 1e-2, (0.5, 0.9)), torch.optim.Adam(theirs, 1e-2, (0.5, 0.9), fused=True)
    for i in range(10):
        gradients = [torch.randn(3, 4), torch.randn(5)]
        adam.step(gradients)
        for parameter, gradient in zip(theirs, gradients, strict=True):
            parameter.grad = gradient
        reference.step()
        assert all(a.equal(b) for a, b in zip(mine, theirs, strict=True))
        if i == 4:
            state = adam.state_dict()
            adam = Adam(mine, 1e-2, (0.5, 0.9))
            adam.load_state_dict(state)


def test_the_average_follows_its_recurrence() -> None:
    network = nn.Linear(1, 1, bias=False)
    average = EMA(network, 0.9)
    expected = 0.0
    for t, weight in enumerate([1.0, 2.0, -3.0, 5.0, 7.0] * 10):
        nn.init.constant_(network.weight, weight)
        average.update()
        if t % UPDATE_INTERVAL == 0:  # as if the weights seen had been there for EVERY steps
            for step in range(t - UPDATE_INTERVAL + 1, t + 1):
                beta = 0.0 if t == 0 else min(0.9, (1 + step) / (10 + step))
                expected = beta * expected + (1 - beta) * weight
    settled = average.settled(torch.zeros(4, 1))
    assert settled(torch.ones(1, 1)).item() == pytest.approx(expected, rel=1e-5)


def test_the_averages_batchnorm_statistics_are_those_of_its_own_activations() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(3, 5)
    network = nn.Sequential(linear, nn.BatchNorm1d(5, momentum=0.8))
    average = EMA(network, 0.5)
    inputs = torch.randn(256, 3)
    for _ in range(3):
        nn.init.normal_(linear.weight)
        network(torch.randn(8, 3) * 10)  # running statistics of other weights
        average.update()
    settled = average.settled(inputs)
    out = settled(inputs)
    torch.testing.assert_close(out.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var(0), torch.ones(5), atol=1e-3, rtol=0)


def test_previews_leave_the_training_as_it_is() -> None:
    games = [GANTrainer(SMALL, TrainConfig(), (1, 4, 4)) for _ in range(2)]
    batch = torch.rand(16, 1, 4, 4)
    for i in range(5):
        values = [game.step(Batch.of(batch)) for game in games]
        assert values[0].equal(values[1])
        shown = games[0].preview()
        assert shown.shape == (25, 1, 4, 4)
        assert i != 3 or shown.equal(games[0].preview())


def test_without_an_average_the_sampler_is_the_raw_generator_with_its_running_statistics() -> None:
    game = GANTrainer(SMALL, TrainConfig(ema=0), (1, 4, 4))
    game.step(Batch.of(torch.rand(16, 1, 4, 4)))
    assert game.networks()["generator"] is game.networks()["generator_raw"]


def test_the_history_keeps_means_of_windows_and_of_the_epoch() -> None:
    history = MetricsLog(("a",), every=4, per_epoch=3)
    for i in range(1, 11):
        history.add(torch.tensor([float(i)]))
    assert history.table() == "step\tepoch\ta\n4\t2\t2.500000\n8\t3\t6.500000\n10\t4\t9.500000\n"
    assert history.epoch_means() == {"a": 10.0}
    other = MetricsLog(("a",), every=4, per_epoch=3)
    other.load_state_dict(history.state_dict(), torch.device("cpu"))
    for h in (history, other):
        h.add(torch.tensor([2.0]))
    assert other == history


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_training(bad: float) -> None:
    history = MetricsLog(("generator_loss",), every=2, per_epoch=3)
    history.add(torch.tensor([bad]))
    with pytest.raises(UserError, match=r"generator_loss became (nan|inf) at or before iteration 2.*lower train\.lr"):
        history.add(torch.tensor([1.0]))


@pytest.mark.parametrize("seconds", [1e-9, 1e9], ids=["a checkpoint each iteration", "no checkpoint"])
def test_a_run_that_is_killed_at_any_iteration_ends_as_if_it_had_not_been(seconds: float, tmp_path: Path) -> None:
    """Killing it after iteration k, between or inside epochs, windows and frames, changes no bit of the result."""
    images = torch.randint(0, 256, (50, 1, 4, 4), dtype=torch.uint8)
    config = TrainConfig(epochs=3, batch_size=16, frame_every=3, log_every=5)
    batches = BatchLoader(images, config.batch_size, 0)

    def run(folder: Path, stop_after: int | None) -> tuple[str, dict[str, bytes], list[torch.Tensor]]:
        game = GANTrainer(SMALL, config, (1, 4, 4))
        folder.mkdir(exist_ok=True)
        checkpoints, film = (
            CheckpointManager(folder, seconds),
            FrameWriter(folder / "out", folder / "kept", config.frame_every),
        )
        snapshots = SnapshotWriter(folder / "models", folder / "snapshots", SMALL, config, {"shape": [1, 4, 4]})
        if stop_after is not None:
            real_step, taken = game.step, [0]

            def step(batch: Batch) -> torch.Tensor:
                taken[0] += 1
                if taken[0] > stop_after:
                    raise KeyboardInterrupt  # as hard as SIGKILL: nothing is written now
                return real_step(batch)

            game.step = step  # type: ignore[method-assign]
        result = train(game, batches, config, checkpoints, film, snapshots=snapshots)
        files = {path.name: path.read_bytes() for made in (film, snapshots) for path in made.out.iterdir()}
        return result.history.table(), files, list(game.networks()["generator"].state_dict().values())

    whole = run(tmp_path / "whole", None)
    assert len(whole[1]) == 5 + 3  # frames of 0, 3, 6, 9 and the last, 11; a snapshot of each epoch
    for k in range(1, 12):
        folder = tmp_path / str(k)
        with pytest.raises(KeyboardInterrupt):
            run(folder, k)
        table, files, weights = run(folder, None)
        assert (table, files) == whole[:2]
        assert all(a.equal(b) for a, b in zip(weights, whole[2], strict=True))


def test_frames_beyond_the_checkpoint_are_dropped_when_a_run_goes_on(tmp_path: Path) -> None:
    film = FrameWriter(tmp_path / "out", tmp_path / "kept", 10)
    for step in (0, 10, 20, 25):
        film.out.mkdir(exist_ok=True)
        film.kept.mkdir(exist_ok=True)
        film.add(0, step, torch.zeros(25, 1, 4, 4))
    film.rewind(15)
    assert sorted(path.name for path in film.out.iterdir()) == [frame_name(0, 0), frame_name(0, 10)]


def state(step: int, **more: torch.Tensor) -> dict[str, Any]:
    return {"game": {"weights": torch.full((100,), float(step)), **more}, "history": {}}


def step_of(loaded: dict[str, Any] | None) -> float | None:
    return None if loaded is None else float(loaded["game"]["weights"][0])


def flipped(whole: bytes) -> bytes:
    """One bit of a weight turned."""
    place = whole.index(torch.full((100,), 30.0).numpy().tobytes())
    return whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda _: b"",
    lambda _: b"not a checkpoint",
    lambda whole: whole[: len(whole) // 2],
    flipped,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=["empty", "foreign", "torn", "a flipped bit"])
def test_two_checkpoints_are_kept_and_damaged_ones_passed_over(
    damage: Callable[[bytes], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = CheckpointManager(tmp_path)
    for step in (10, 20, 30):
        checkpoints.save(step, state(step))
    newest = tmp_path / "step-000000030.pt"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000020.pt", newest.name]
    assert step_of(checkpoints.load(30)) == 30
    assert step_of(checkpoints.load(25)) == 20
    newest.write_bytes(damage(newest.read_bytes()))
    assert step_of(checkpoints.load(30)) == 20
    assert "step-000000030.pt is damaged" in capsys.readouterr().err


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"epoch": 3, "state_dict": {}}, tmp_path / "step-000000003.pt")
    (tmp_path / "step-old.pt").write_bytes(b"")
    assert CheckpointManager(tmp_path).load(9) is None
    assert "step-000000003.pt is damaged (not a checkpoint of this project)" in capsys.readouterr().err


def test_a_shorter_run_keeps_its_own_checkpoints_beside_those_of_a_longer_one(tmp_path: Path) -> None:
    checkpoints = CheckpointManager(tmp_path)
    for step in (100, 200):
        checkpoints.save(step, state(step))
    assert checkpoints.load(60) is None
    for step in (20, 40, 60):
        checkpoints.save(step, state(step))
    assert step_of(checkpoints.load(60)) == 60
    assert step_of(checkpoints.load(500)) == 200


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    checkpoints = CheckpointManager(tmp_path)
    checkpoints.save(1, state(1))
    with pytest.raises(UserError, match=r"a weight became infinite or not a number at or before iteration 2"):
        checkpoints.save(2, state(2, other=torch.tensor([1.0, float("nan")])))
    assert step_of(checkpoints.load(9)) == 1


@pytest.mark.parametrize("loss", ["non-saturating", "saturating"])
@pytest.mark.parametrize("bias", [-1000.0, -100.0, -88.0, -80.0, -10.0, 0.0, 10.0, 100.0])
def test_the_generators_gradient_is_exact_however_sure_the_discriminator_is(
    loss: Literal["non-saturating", "saturating"], bias: float
) -> None:
    game = GANTrainer(SMALL, TrainConfig(loss=loss), (1, 4, 4))
    last = list(game.discriminator.children())[-1]
    assert isinstance(last, nn.Linear)
    nn.init.constant_(last.bias, bias)
    generator, discriminator = copy.deepcopy(game.generator), copy.deepcopy(game.discriminator)
    noise = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
    game.step(Batch.of(torch.rand(16, 1, 4, 4)))
    plain = torch.autograd.grad(
        game.loss.generator(torch.zeros(16, 1), discriminator(generator(noise))), list(generator.parameters())
    )
    size = torch.cat([gradient.flatten() for gradient in plain]).norm()
    means = game._generator.optimizer.state_dict()["means"]  # after one step: (1 − β₁) times the gradient
    ours = [mean / (1 - game.recipe.betas[0]) for mean in means]
    error = torch.cat([(a - b).flatten() for a, b in zip(ours, plain, strict=True)]).norm()
    assert error <= 1e-5 * size + 1e-18


def test_seeds_give_different_orders_noise_and_weights() -> None:
    images = torch.arange(100, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    orders = {
        tuple(next(BatchLoader(images, 50, seed).epoch(0)).images.flatten().tolist()) for seed in (0, 1, 7, 2**31 - 1)
    }
    assert len(orders) == 4
    games = [GANTrainer(SMALL, TrainConfig(seed=seed), (1, 4, 4)) for seed in (0, 1)]
    first, second = (torch.cat([p.flatten() for p in game.generator.parameters()]) for game in games)
    assert not first.equal(second)
    assert not games[0].noise.get_state().equal(games[1].noise.get_state())


def test_a_full_disk_is_reported_and_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    checkpoints = CheckpointManager(tmp_path)
    checkpoints.save(1, state(1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit fails, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"step-000000002.*could not be written.*last good one is step-000000001"):
            checkpoints.save(2, state(2, large=torch.zeros(100_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert step_of(checkpoints.load(9)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001.pt"]


def test_the_fingerprint_depends_on_settings_data_and_code_but_not_on_where_they_lie(tmp_path: Path) -> None:
    def of(folder: str, config: object, data: str, code: str) -> str:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "data").write_text(data)
        (tmp_path / folder / "code.py").write_text(code)
        return fingerprint({"a": config}, [tmp_path / folder / "data", tmp_path / folder / "code.py"])

    one = of("x", 1, "d", "c")
    assert one == of("y", 1, "d", "c")
    assert len({one, of("x", 2, "d", "c"), of("x", 1, "e", "c"), of("x", 1, "d", "d")}) == 4


@given(st.integers(0, 99_999), st.integers(0, 10**8 - 1))
def test_frame_names_can_be_read_back(epoch: int, step: int) -> None:
    assert parse_frame_name(Path("reports/frames") / frame_name(epoch, step)) == (epoch, step)


def test_other_files_are_no_frames() -> None:
    assert parse_frame_name(Path("epoch1_step2.gif")) is None
