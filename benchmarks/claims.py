"""What systems are said to do, looked at in a training: on the digits that `dvc repro prepare classifier` made.

    python -m benchmarks.claims [--claims saturating ttur wgan-gp] [--epochs N] [--seeds N]

saturating: D's answers to fakes early on, with five steps of D to one of G, so that D is ahead, and the push on the
generator that follows from them (|∂L_G/∂logit|: as large as the answer with the minimax loss, 1 minus it with the
non-saturating one). ttur: the course of the Fréchet distance with one rate for both players and with two. wgan-gp: the
critic's estimate beside the Fréchet distance, and how far they go together (Spearman's rank correlation), in all and
once the estimate has begun to fall.
"""

import argparse
from collections.abc import Collection, Iterator
from pathlib import Path

import torch
from scipy.stats import spearmanr  # type: ignore[import-untyped]

from gan.data.dataset import ImageDataset
from gan.evaluation.evaluator import Evaluator
from gan.evaluation.feature_extractor import make_feature_extractor
from gan.networks.config import ModelConfig
from gan.sampling import generate_images, sample_latents
from gan.training.config import TrainConfig
from gan.training.factory import build_trainer
from gan.training.metrics_log import MetricsLog
from gan.training.trainer import TrainerProtocol

SAMPLES, LOOKS = 2000, 10
EARLY = (50, 100, 200, 400, 800)  # iterations
# of G and D: the published two among others, and one rate that is too high beside two of which D's is as high
RATES = ((1e-4, 1e-4), (3e-4, 3e-4), (1e-4, 3e-4), (1e-3, 1e-3), (2.5e-4, 1e-3), (2e-2, 2e-2), (5e-3, 2e-2))


def course(
    config: TrainConfig, prepared: ImageDataset, looks: Collection[int]
) -> Iterator[tuple[int, dict[str, float], TrainerProtocol]]:
    """At iterations `looks` of a training: the iteration, means since the last look, the game as it is then."""
    game, batches = build_trainer(ModelConfig(), config, (prepared, None), torch.device("cpu"))
    history = MetricsLog(game.scalars, 1, len(batches))
    for epoch in range(config.epochs):
        for batch in batches.epoch(epoch):
            history.add(game.step(batch))
            if history.step in looks:
                means = torch.tensor(history.rows).mean(0).tolist()[2:]
                history.rows.clear()
                yield history.step, dict(zip(history.names, means, strict=True)), game


def frechet_ratio(game: TrainerProtocol, yardstick: Evaluator) -> float:
    """The Fréchet distance of samples over that of real pictures."""
    samples = generate_images(game.snapshot(), sample_latents(SAMPLES, game.model.latent_dim, 1000))
    return yardstick.glance(torch.from_numpy(samples))["frechet_ratio"]


def head(*cells: str) -> None:
    """Print the head of a table."""
    print(f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}")


def evenly(config: TrainConfig, prepared: ImageDataset) -> set[int]:
    """`LOOKS` iterations from the first tenth of a training to its end."""
    total = config.epochs * -(-len(prepared.train.images) // config.batch_size)
    return {total * (i + 1) // LOOKS for i in range(LOOKS)}


def saturating(prepared: ImageDataset, _yardstick: Evaluator, seeds: int, epochs: int) -> None:
    """Print how weakly the minimax loss pushes while D wins."""
    ahead = {"discriminator_steps": 5}
    head("loss", "seed", *(f"up to iteration {step}" for step in EARLY))
    for loss in ("saturating", "non-saturating"):
        for seed in range(seeds):
            config = TrainConfig.parse("train", {**ahead, "loss": loss, "seed": seed, "epochs": epochs})
            answers = [means["d_fake"] for _, means, _ in course(config, prepared, EARLY)]
            pushes = [answer if loss == "saturating" else 1 - answer for answer in answers]
            cells = [f"D {answer:.3f}, push {push:.3f}" for answer, push in zip(answers, pushes, strict=True)]
            print(f"| {loss} | {seed} | {' | '.join(cells)} |", flush=True)


def ttur(prepared: ImageDataset, yardstick: Evaluator, seeds: int, epochs: int) -> None:
    """Print what the Fréchet distance does with one rate and with two."""
    head("rates of G and D", "seed", "best", "last", "worst after the best")
    for rates in RATES:
        for seed in range(seeds):
            given = {"lr": rates[0], "discriminator_lr": rates[1], "betas": [0, 0.9], "loss": "hinge"}
            config = TrainConfig.parse("train", {**given, "seed": seed, "epochs": epochs})
            looks = course(config, prepared, evenly(config, prepared))
            found = [frechet_ratio(game, yardstick) for *_, game in looks]
            worst = max(found[found.index(min(found)) :])
            cells = (f"{rates[0]:g}, {rates[1]:g}", seed, *(f"{value:.0f}" for value in (min(found), found[-1], worst)))
            print(f"| {' | '.join(map(str, cells))} |", flush=True)


def wgan_gp(prepared: ImageDataset, yardstick: Evaluator, seeds: int, epochs: int) -> None:
    """Print the critic's estimate along a training, beside the Fréchet distance."""
    for seed in range(seeds):
        config = TrainConfig.parse("train", {"loss": "wgan-gp", "seed": seed, "epochs": epochs})
        steps, estimates, ratios = [], [], []
        for step, means, game in course(config, prepared, evenly(config, prepared)):
            steps.append(f"up to iteration {step}")
            estimates.append(-means["discriminator_loss"])
            ratios.append(frechet_ratio(game, yardstick))
        head(f"seed {seed}", *steps)
        print(f"| estimate | {' | '.join(f'{value:.2f}' for value in estimates)} |")
        print(f"| Fréchet ÷ real | {' | '.join(f'{value:.0f}' for value in ratios)} |")
        after = slice(estimates.index(max(estimates)), None)  # until then, the critic is only getting to know G
        together = [spearmanr(estimates[part], ratios[part]).statistic for part in (slice(None), after)]
        print(f"rank correlation {together[0]:.2f}, from the largest estimate on {together[1]:.2f}\n", flush=True)


# each claim, and after how many epochs it is to be seen
CLAIMS = {"saturating": (saturating, 13), "ttur": (ttur, 40), "wgan-gp": (wgan_gp, 200)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", nargs="+", choices=list(CLAIMS), default=list(CLAIMS))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    prepared = ImageDataset.load(Path("data/prepared.safetensors"))
    yardstick = Evaluator(
        make_feature_extractor(Path("models/classifier.safetensors"), "auto", torch.device("cpu")), prepared, SAMPLES
    )
    for name in args.claims:
        claim, epochs = CLAIMS[name]
        print(f"\n{name}, {prepared.metadata['dataset']['title']}, {args.epochs or epochs} epochs")
        claim(prepared, yardstick, args.seeds, args.epochs or epochs)


if __name__ == "__main__":
    main()
