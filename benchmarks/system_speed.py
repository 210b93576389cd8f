"""What a step of each system costs, against a plain loop of the same system (benchmarks/plain.py).

    python -m benchmarks.system_speed [--systems dcgan stylegan] [--rounds 5]

Batches of random 28×28 pictures, 64 but for dcgan-r1's 32; both from the same weights, in turns, as in
benchmarks.training_speed.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from benchmarks.plain import Plain
from benchmarks.systems import settings_of
from benchmarks.training_speed import Loop, rate
from gan.data.dataset import Batch
from gan.training.trainer import GANTrainer
from tools.presets import SYSTEMS

SHAPE, CLASSES = (1, 28, 28), 10


def loop(
    step: Callable[[Batch], Any], batch: Batch, running: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Iterator[None]:
    """The same step again and again."""
    with running():
        while True:
            step(batch)
            yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each turn")
    args = parser.parse_args()
    print("| system | plain, it/s | this engine, it/s | ratio |\n|---|---|---|---|")
    for name in args.systems:
        model, train = settings_of(name)
        torch.manual_seed(0)
        batch = Batch.single_process(torch.rand(train.batch_size, *SHAPE) * 2 - 1, torch.arange(train.batch_size) % CLASSES)
        game = GANTrainer(model, train, SHAPE, classes=CLASSES)
        loops = [Loop(loop(Plain(game, train.seed).step, batch)), Loop(loop(game.step, batch, game.running))]
        for one in loops:
            rate(one, args.seconds, lambda: None)  # warm up
        turns = [[rate(one, args.seconds, lambda: None) for one in loops] for _ in range(args.rounds)]
        plain, ours = (statistics.median(turn[i] for turn in turns) for i in (0, 1))
        ratio = statistics.median(turn[1] / turn[0] for turn in turns)
        print(f"| {name} | {plain:.1f} | {ours:.1f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
