"""Print table 1 of Goodfellow et al. 2014 for MNIST, with rows for this project and for real images.

    python -m benchmarks.paper_table [--mnist FOLDER] [--epochs 20] [--preset better]

trains a preset on the first 50,000 training images of MNIST; by default `better` at a constant learning rate. Parzen
window: 10,000 samples, Gaussian kernels on pixels in [0, 1]. Their width is the best of ten between 0.1 and 1 for the
first 1,000 of the last 10,000 training images. The table has the mean log-likelihood of the 10,000 test images in nats,
with its standard error. The row of real training images shows the limits of the estimate: samples that are not even
images can score higher (Theis et al. 2016, https://arxiv.org/abs/1511.01844).
"""

import argparse
from dataclasses import replace
from math import sqrt

from torch import Tensor

from benchmarks.common import CONSTANT_LR, add_mnist_option, full_mnist, preset_config, train_or_load
from gan.data.dataset import Split
from gan.evaluation.evaluator import flatten_pixels
from gan.evaluation.generation import generate_samples
from gan.evaluation.parzen import best_sigma, log_likelihood
from tools.presets import PRESETS

NUM_TRAIN = 50_000
NUM_SAMPLES = 10_000
# Model, mean and standard error in nats: https://arxiv.org/abs/1406.2661
PAPER_ROWS = (("DBN", 138, 2), ("Stacked CAE", 121, 1.6), ("Deep GSN", 214, 1.1), ("Adversarial nets", 225, 2))


def parzen_score(samples: Tensor, validation: Tensor, test: Tensor) -> tuple[float, float]:
    """Mean log-likelihood of `test` under the Parzen window of `samples`, and its standard error. Pixels in [0, 1]."""
    log_likelihoods = log_likelihood(test, samples, best_sigma(validation, samples)).double()
    return log_likelihoods.mean().item(), log_likelihoods.std().item() / sqrt(len(test))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_mnist_option(parser)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--preset", choices=list(PRESETS), default="better", metavar="NAME")
    args = parser.parse_args()
    changes = CONSTANT_LR if args.preset == "better" else ()
    model, config = preset_config(args.preset, [f"train.epochs={args.epochs}", *changes])
    mnist = full_mnist(args.mnist)
    images = mnist.train.images
    validation = flatten_pixels(images[NUM_TRAIN : NUM_TRAIN + 1000])
    test = flatten_pixels(mnist.test.images)
    train = Split(images[:NUM_TRAIN], mnist.train.labels[:NUM_TRAIN])
    folder = train_or_load(replace(mnist, train=train), model, config)
    _, samples = generate_samples(folder / "generator.safetensors", mnist, NUM_SAMPLES, seed=1000, device="cpu")
    title = ", ".join(["this project", args.preset, *changes, f"{args.epochs} epochs"])
    project_row = title, *parzen_score(flatten_pixels(samples.images), validation, test)
    real_row = "real training images", *parzen_score(flatten_pixels(images[:NUM_SAMPLES]), validation, test)
    print("| model | log-likelihood of MNIST's test split, nats |\n|---|---|")
    for name, mean, error in (*PAPER_ROWS, project_row, real_row):
        print(f"| {name} | {mean:.0f} ± {error:.1f} |")


if __name__ == "__main__":
    main()
