"""Two processes, each with half of every layer, against the plainly written loops; and how they begin and end."""

import copy
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks.plain import Plain
from gan.config import UserError
from gan.data.dataset import Batch
from gan.networks.config import ModelConfig
from gan.training.adam import Adam, Gradients
from gan.training.chain import Chain
from gan.training.config import TrainConfig
from gan.training.halves import Halves
from gan.training.pair import TURNS, Pair, shared
from gan.training.trainer import GANTrainer
from tests.conftest import doubles

HERE = sys.platform == "linux" and platform.machine() == "x86_64" and len(os.sched_getaffinity(0)) > 1
pytestmark = pytest.mark.skipif(not HERE, reason="no pairs on this machine")

SHAPE = (1, 5, 5)  # an odd number of pixels: the halves are not alike
WIDTHS: dict[str, Any] = {"latent_dim": 7, "generator_widths": [8, 9, 4], "discriminator_widths": [9, 6]}
# name: settings of the model, settings of the training
SYSTEMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "tutorial": ({}, {}),
    "saturating": ({}, {"loss": "saturating"}),
    "hinge": ({}, {"loss": "hinge", "discriminator_steps": 2}),
    "relativistic": ({}, {"loss": "relativistic"}),
    "lazy r1": ({}, {"r1": 0.5, "penalty_every": 2}),
    "one hidden layer": ({"generator_widths": [2], "discriminator_widths": [3]}, {"r1": 0.5}),
}


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """A pair is for two threads; the tests have one."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def make(name: str = "tutorial", **other: Any) -> GANTrainer:
    model, train = SYSTEMS[name]
    config = TrainConfig(batch_size=8, seed=3, **(train | other))
    return GANTrainer(ModelConfig(**(WIDTHS | model)), config, SHAPE)


def pair_of(game: GANTrainer) -> Pair:
    pair: Pair | None = game._pair
    assert pair is not None
    return pair


def batches(count: int) -> list[Batch]:
    """The last one is short."""
    seeded = torch.Generator().manual_seed(0)
    sizes = [8] * (count - 1) + [5]
    pictures = [torch.rand(size, *SHAPE, generator=seeded, dtype=torch.float64).mul(2).sub(1) for size in sizes]
    return [Batch.of(some.to(torch.get_default_dtype())) for some in pictures]


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_steps_of_a_pair_equal_plain_ones(name: str) -> None:
    with doubles():
        game, alone, given = make(name), make(name), batches(10)  # the average is moved a second time
        plain = Plain(game, seed=3)
        for batch in given:
            plain.step(batch)
        expected = [alone.step(batch) for batch in given]
        with game.running():
            found = [game.step(batch) for batch in given]
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other)
        for network, theirs in ((game.generator, plain.generator), (game.discriminator, plain.discriminator)):
            assert network.state_dict().keys() == theirs.state_dict().keys()
            for key, value in network.state_dict().items():
                torch.testing.assert_close(value, theirs.state_dict()[key], rtol=1e-6, atol=1e-9, msg=key)
        for key, network in game.networks().items():  # the average, too
            for value, same in zip(
                network.state_dict().values(), alone.networks()[key].state_dict().values(), strict=True
            ):
                torch.testing.assert_close(value, same, rtol=1e-6, atol=1e-9, msg=key)


def test_with_the_default_widths_a_pair_makes_the_steps_of_one_process_but_for_rounding() -> None:
    config = TrainConfig(r1=0.1, lr_decay=1)
    game, alone = (GANTrainer(ModelConfig(), config, (1, 28, 28)) for _ in range(2))
    given = [Batch.of(torch.rand(64, 1, 28, 28) * 2 - 1) for _ in range(3)]
    found, expected = [], []
    with game.running():
        for i, batch in enumerate(given):
            game.anneal(1 - i / 3)
            found.append(game.step(batch))
    for i, batch in enumerate(given):
        alone.anneal(1 - i / 3)
        expected.append(alone.step(batch))
    torch.testing.assert_close(torch.stack(found), torch.stack(expected), atol=5e-5, rtol=1e-4)
    for network, other in ((game.generator, alone.generator), (game.discriminator, alone.discriminator)):
        for mine, theirs in zip(network.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, atol=5e-5, rtol=1e-3)


def test_both_halves_follow_the_learning_rate() -> None:
    with doubles():
        game, alone, given = make(), make(), batches(4)
        for i, batch in enumerate(given):
            alone.anneal(1 / (1 + i))
            alone.step(batch)
        with game.running():
            for i, batch in enumerate(given):
                game.anneal(1 / (1 + i))
                game.step(batch)
        for mine, theirs in zip(game.generator.parameters(), alone.generator.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-9)


def test_a_step_is_over_when_both_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    move = Adam.move

    def late(optimizer: Adam, start: int, gradients: Gradients) -> None:
        if pair_of(slow).rank == 1:
            time.sleep(0.005)
        move(optimizer, start, gradients)

    quick, slow, batch = make(), make(), batches(2)[0]
    for game in (quick, slow):
        if game is slow:
            monkeypatch.setattr(Adam, "move", late)
        with game.running():
            for _ in range(2):  # in the first one, the average waits for both
                game.step(batch)
            weights = [parameter.detach().clone() for parameter in game.generator.parameters()]
        for before, after in zip(weights, game.generator.parameters(), strict=True):
            assert before.equal(after)
    for mine, theirs in zip(quick.generator.parameters(), slow.generator.parameters(), strict=True):
        assert mine.equal(theirs)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_state_goes_on_to_the_bit(name: str) -> None:
    given, whole, first, second = batches(9), make(name), make(name), make(name)
    with whole.running():
        expected = [whole.step(batch) for batch in given][-1]
    with first.running():
        for batch in given[:4]:
            first.step(batch)
            assert first.preview().equal(first.preview())
        state = copy.deepcopy(first.state_dict())
    second.load_state_dict(state)
    for part in (given[4:7], given[7:]):  # a pair can be ended, and another one goes on
        with second.running():
            for batch in part:
                found = second.step(batch)
    assert found.equal(expected)
    for key, network in whole.networks().items():
        for mine, theirs in zip(
            network.state_dict().values(), second.networks()[key].state_dict().values(), strict=True
        ):
            assert mine.equal(theirs)


def test_which_trainings_have_a_pair() -> None:
    for train in ({"loss": "wgan-gp"}, {"gradient_penalty": 1.0}):
        assert make(**train)._pair is None
    for model in ({"architecture": "dcgan"}, {"conditional": True}, {"minibatch_discrimination": True}, {"packing": 2}):
        assert GANTrainer(ModelConfig(**model), TrainConfig(), (1, 8, 8), classes=3)._pair is None
    assert GANTrainer(ModelConfig(), TrainConfig(), (1, 8, 8), precision="bfloat16")._pair is None
    unfit: list[dict[str, Any]] = [{"generator_widths": []}, {"generator_widths": [1]}, {"discriminator_widths": []}]
    for widths in unfit:
        assert GANTrainer(ModelConfig(**(WIDTHS | widths)), TrainConfig(), SHAPE)._pair is None
    for threads in (1, 3):
        torch.set_num_threads(threads)
        assert make()._pair is None
    torch.set_num_threads(2)
    assert make()._pair is not None


def test_a_batch_that_is_larger_than_the_settings_say_is_refused() -> None:
    game = make()
    with pytest.raises(ValueError, match="9 rows, where there is room for 8"), game.running():
        game.step(Batch.of(torch.rand(9, *SHAPE)))


def test_networks_whose_layers_come_in_another_order_are_not_cut() -> None:
    first, second = nn.Linear(4, 6), nn.Linear(6, 3)
    assert Halves.fits(nn.Sequential(first, nn.BatchNorm1d(6), nn.LeakyReLU(), second, nn.Tanh()))
    for between in (
        [nn.LeakyReLU(), nn.BatchNorm1d(6)],
        [nn.BatchNorm1d(6), nn.BatchNorm1d(6)],
        [nn.BatchNorm1d(6), nn.LeakyReLU(), nn.BatchNorm1d(6)],
    ):
        assert Chain.fits(nn.Sequential(first, *between, second))
        assert not Halves.fits(nn.Sequential(first, *between, second))
    assert not Halves.fits(nn.Sequential(first, nn.LeakyReLU(), nn.Linear(6, 1), nn.Tanh()))
    assert not Halves.fits(nn.Conv2d(1, 1, 1))


def test_both_are_called_with_the_same_numbers_one_call_after_the_other() -> None:
    pair, log = Pair(), shared(2, 100, dtype=torch.float64)

    def note(place: float, value: float) -> float:
        if pair.rank == 1 and place % 7 == 0:
            time.sleep(0.002)  # the first one is ahead
        log[pair.rank, int(place)] += value
        return value + 1

    noted = pair.both(note)
    with pair.working():
        assert [noted(i, i / 3) for i in range(100)] == [i / 3 + 1 for i in range(100)]
        pair.settle()
        assert log[0].equal(torch.arange(100, dtype=torch.float64) / 3)
        assert log[1].equal(log[0])


def test_the_other_process_ends_with_the_block_and_survives_the_signals_of_a_stop() -> None:
    game = make()
    pair, batch, cores = pair_of(game), batches(2)[0], os.sched_getaffinity(0)
    with pytest.raises(ZeroDivisionError), game.running():
        game.step(batch)
        other = pair._other
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(other, number)
        time.sleep(0.05)  # it naps now
        assert torch.get_num_threads() == 1
        if len(cores) == 2:
            assert os.sched_getaffinity(0) | os.sched_getaffinity(other) == cores
            assert not os.sched_getaffinity(0) & os.sched_getaffinity(other)
        with pair.alone():
            assert torch.get_num_threads() == 2 and os.sched_getaffinity(0) == cores
        game.step(batch)
        raise ZeroDivisionError
    assert not pair.active and os.sched_getaffinity(0) == cores
    with pytest.raises(ProcessLookupError):
        os.kill(other, 0)


def test_a_pair_is_entered_once_and_is_ended_when_it_cannot_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair()
    with pair.working(), pytest.raises(RuntimeError, match="at work already"), pair.working():
        pass

    def no_fork() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", no_fork)
    with pytest.raises(BlockingIOError), pair.working():
        pass
    assert not pair.active and torch.get_num_threads() == 2


def test_a_very_long_wait_is_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    pair = Pair()
    pair._other = os.getpid()  # no child of this process: it counts as one that has ended
    with pytest.raises(UserError, match="was killed"):
        pair._linger(TURNS + 10**7)
    assert 0.001 < naps[0] < 0.01


def test_what_the_other_process_fails_of_is_not_called_a_kill(capfd: pytest.CaptureFixture[str]) -> None:
    pair = Pair()
    divide = pair.both(lambda x: 1 / x if pair.rank else x)
    with pytest.raises(UserError, match="the second process has failed, see above; run again"), pair.working():
        divide(0)
        pair.settle()
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_when_the_other_process_is_killed_the_training_stops() -> None:
    game = make()
    with pytest.raises(UserError, match="the second process was killed"), game.running():
        game.step(batches(2)[0])
        os.kill(pair_of(game)._other, signal.SIGKILL)
        game.step(batches(2)[0])


ENDLESS = """
import torch
torch.set_num_threads(2)
from tests.training.test_pair import batches, make, pair_of
game = make()
with game.running():
    print(pair_of(game)._other, flush=True)
    while True:
        game.step(batches(2)[0])
"""


def test_a_killed_training_takes_the_other_process_with_it() -> None:
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", ENDLESS], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        other = int(process.stdout.readline())
        os.kill(other, 0)
        process.kill()
        process.wait()
    for _ in range(100):
        state = Path(f"/proc/{other}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":  # nobody may care for it
            return
        time.sleep(0.05)
    raise AssertionError("it is still there")
