"""Seconds of training until the generator is as good as the tutorial's own loop makes it in 200 epochs.

    python -m benchmarks.time_to_quality [--mnist FOLDER] [--seeds 3] [--epochs 10]
    python -m benchmarks.time_to_quality --target      # trains those 200 epochs, a quarter of an hour, and notes them

The tutorial's is judged with the weights of its last iteration and BatchNorm's running statistics, as the tutorial
draws; its loop makes the very steps of this engine, at a third of the speed. What it reaches stands in
benchmarks/tutorial_200_epochs.json. Reached is that when the Fréchet distance and the divergence of the classes are no
larger and the coverage is no smaller. Checks, every quarter of an epoch, are not counted.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import torch
from torch import nn

from benchmarks.mnist import add_source, full_mnist, judge_of
from benchmarks.trained import SETTINGS, trained
from benchmarks.training_speed import Loop
from gan.data.dataset import ImageDataset
from gan.evaluation.class_coverage import class_coverage
from gan.evaluation.evaluator import Evaluator
from gan.io import write_json
from gan.networks.config import ModelConfig
from gan.sampling import generate_images, sample_latents
from gan.training.factory import build_trainer

TARGET = Path(__file__).with_name("tutorial_200_epochs.json")
SAMPLES, LATENT_DIM = 10_000, ModelConfig().latent_dim
CHECKS = 4  # an epoch


def figures(yardstick: Evaluator, network: nn.Module, seed: int) -> dict[str, float]:
    """Fréchet distance over that of real pictures, coverage and KL divergence of the classes of 10,000 samples."""
    images = torch.from_numpy(generate_images(network, sample_latents(SAMPLES, LATENT_DIM, seed)))
    seen = yardstick.glance(images)
    classes = yardstick.judge.extract(images).classes
    assert classes is not None and yardstick.shares is not None
    divergence = class_coverage(classes, yardstick.shares).divergence
    return {"frechet_ratio": seen["frechet_ratio"], "coverage": seen["coverage"], "class_kl": divergence}


def reached(found: dict[str, float], target: dict[str, float]) -> bool:
    """Whether it is as good in every respect."""
    closer = all(found[key] <= target[key] for key in ("frechet_ratio", "class_kl"))
    return closer and found["coverage"] >= target["coverage"]


def seconds_to(target: dict[str, float], prepared: ImageDataset, yardstick: Evaluator, seed: int, epochs: int) -> float:
    """Seconds of training with `steady` settings until the target is reached; infinite if it is not in `epochs`."""
    config = SETTINGS["steady"].model_copy(update={"epochs": epochs, "seed": seed})
    start = time.perf_counter()  # making the networks counts
    game, batches = build_trainer(ModelConfig(), config, (prepared, None), torch.device("cpu"))

    def training() -> Iterator[None]:
        total = epochs * len(batches)
        with game.running():
            for step, batch in enumerate(chain.from_iterable(map(batches.epoch, range(epochs)))):
                game.anneal(config.rate(step / total))
                game.step(batch)
                yield

    loop, stretch, spent = Loop(training()), len(batches) // CHECKS, 0.0
    for check in range(1, epochs * CHECKS + 1):
        loop.run(stretch)
        spent += time.perf_counter() - start
        found = figures(yardstick, game.snapshot(), 1000)
        if reached(found, target):
            words = ", ".join(f"{key} {value:.3g}" for key, value in found.items())
            print(f"| {seed} | {spent:.0f} | {check * stretch / len(batches):.2f} | {words} |", flush=True)
            return spent
        start = time.perf_counter()
    print(f"| {seed} | not in {epochs} epochs | | |", flush=True)
    return float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_source(parser)
    parser.add_argument("--target", action="store_true", help="train the tutorial's 200 epochs anew")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args()
    prepared = full_mnist(args.mnist)
    yardstick = Evaluator(judge_of(prepared), prepared, SAMPLES)
    if args.target:
        game = trained(prepared, SETTINGS["tutorial"])
        found = figures(yardstick, game.networks()["generator_raw"], 1000)
        write_json(TARGET, {key: float(f"{value:.4g}") for key, value in found.items()})
    if not TARGET.exists():
        sys.exit(
            f"time_to_quality: {TARGET.name} is not there; --target trains the tutorial's 200 epochs and writes it"
        )
    target = json.loads(TARGET.read_text(encoding="utf-8"))
    print(f"target, the tutorial's after 200 epochs: {target}")
    print("| seed | seconds | epochs | then |\n|---|---|---|---|")
    times = [seconds_to(target, prepared, yardstick, seed, args.epochs) for seed in range(args.seeds)]
    print(f"median {statistics.median(times):.0f} s, from {min(times):.0f} to {max(times):.0f} s")


if __name__ == "__main__":
    main()
