"""The table of Goodfellow et al. 2014, by the paper's protocol, with a line for this project and one for real pictures.

    python -m benchmarks.paper_table [--mnist FOLDER] [--epochs N] [--settings steady]

trains the tutorial's networks on the first 50,000 training pictures of MNIST. Parzen window: 10,000 samples, Gaussian
kernels on pixels in [0, 1], their width the best of ten between 0.1 and 1 for the first 1,000 of the last 10,000
training pictures; mean log-likelihood of the 10,000 test pictures in nats and its standard error. As many real training
pictures in the place of the samples show what the estimate is worth: it can be beaten by what is not even a picture
(Theis et al. 2016, https://arxiv.org/abs/1511.01844).
"""

import argparse
from math import sqrt

import torch
from torch import Tensor

from benchmarks.mnist import add_source, first, full_mnist
from benchmarks.trained import SETTINGS, trained
from gan.evaluation.evaluator import flatten_pixels
from gan.evaluation.parzen import best_sigma, log_likelihood
from gan.sampling import generate_images, sample_latents

TRAINED_ON, VALIDATION, SAMPLES = 50_000, 1000, 10_000
# Goodfellow et al. 2014, table 1, MNIST: https://arxiv.org/abs/1406.2661
PAPER = (("DBN", 138, 2), ("Stacked CAE", 121, 1.6), ("Deep GSN", 214, 1.1), ("Adversarial nets", 225, 2))


def score(samples: Tensor, validation: Tensor, test: Tensor) -> tuple[float, float]:
    """Mean log-likelihood of `test` under the Parzen window of `samples`, and its standard error; rows in [0, 1]."""
    likelihoods = log_likelihood(test, samples, best_sigma(validation, samples)).double()
    return likelihoods.mean().item(), likelihoods.std().item() / sqrt(len(test))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_source(parser)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--settings", choices=list(SETTINGS), default="steady")
    args = parser.parse_args()
    prepared = full_mnist(args.mnist)
    images = prepared.train.images
    validation, test = flatten_pixels(images[TRAINED_ON:][:VALIDATION]), flatten_pixels(prepared.test.images)
    game = trained(first(prepared, TRAINED_ON), SETTINGS[args.config].model_copy(update={"epochs": args.epochs}))
    drawn = torch.from_numpy(
        generate_images(game.networks()["generator"], sample_latents(SAMPLES, game.latent_dim, 1000))
    )
    rows = [
        *PAPER,
        (f"this project, {args.config}, {args.epochs} epochs", *score(flatten_pixels(drawn), validation, test)),
        ("control: real training pictures", *score(flatten_pixels(images[:SAMPLES]), validation, test)),
    ]
    print("| model | log-likelihood of MNIST's test split, nats |\n|---|---|")
    for name, mean, error in rows:
        print(f"| {name} | {mean:.0f} ± {error:.1f} |")


if __name__ == "__main__":
    main()
