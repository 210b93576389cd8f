"""What settings and weights are worth: full MNIST, judged by a classifier of its own.

    python -m benchmarks.quality [--mnist FOLDER] [--epochs N] [--settings tutorial steady better] [--judge plain]

trains the tutorial's networks with each of the settings (benchmarks/trained.py) and prints, for the last iteration's
weights and their average, with running BatchNorm statistics and recomputed ones: the Fréchet distance as a multiple of
that between real training and test pictures, coverage, KL divergence of the classes from the training split's, and the
Parzen window's log-likelihood. Means and standard deviations of sets of 10,000 samples against the test split.
--judge plain: by the features of another network, benchmarks/plain_judge.py, to see how far figures depend on them.
"""

import argparse

import torch

from benchmarks.mnist import add_source, full_mnist, judge_of
from benchmarks.plain_judge import plain_judge
from benchmarks.trained import SETTINGS, trained
from benchmarks.weights import variants
from gan.evaluation.evaluator import Evaluator
from gan.evaluation.summary import Summary
from gan.sampling import generate_images, sample_latents

SAMPLES = 10_000
JUDGES = {"pipeline": judge_of, "plain": plain_judge}
# each figure's heading and decimals
COLUMNS = {
    "frechet": ("Fréchet ÷ real", 1),
    "coverage": ("coverage", 3),
    "class_kl": ("KL of classes", 4),
    "parzen": ("Parzen, nats", 0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_source(parser)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=2, help="sets of samples, two at least")
    parser.add_argument("--judge", choices=list(JUDGES), default="pipeline", help="by whose features")
    args = parser.parse_args()
    prepared = full_mnist(args.mnist)
    yardstick = Evaluator(JUDGES[args.judge](prepared), prepared, SAMPLES)
    print(f"{yardstick.judge.name}; {SAMPLES:,} samples a set, {args.seeds} sets, against the test split")
    print("| settings, epochs | weights |" + "".join(f" {title} |" for title, _ in COLUMNS.values()))
    print("|---|---|" + "---|" * len(COLUMNS))
    real = yardstick.control
    print(f"| | real training pictures | 1 | {real['coverage']:.3f} | {real['class_kl']:.4f} | {real['parzen']:.0f} |")
    for name in args.config:
        config = SETTINGS[name].model_copy(update={"epochs": args.epochs})
        game = trained(prepared, config)
        networks = game.networks()
        latents = sample_latents(2048, game.latent_dim, 1)
        for weights, network in variants(networks["generator_raw"], networks["generator"], latents).items():
            sets = [
                torch.from_numpy(generate_images(network, sample_latents(SAMPLES, game.latent_dim, 1000 + seed)))
                for seed in range(args.seeds)
            ]
            found = Summary.of([yardstick.measure(images) for images in sets], real)
            cells = ""
            for key, (_, digits) in COLUMNS.items():
                unit = real[key] if key == "frechet" else 1
                cells += f" {found.means[key] / unit:.{digits}f} ± {found.spreads[key] / unit:.{digits}f} |"
            print(f"| {name}, {args.epochs} | {weights} |" + cells, flush=True)


if __name__ == "__main__":
    main()
