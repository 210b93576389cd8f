"""What each system comes to on a full data set, judged as the pipeline judges.

    python -m benchmarks.systems [--mnist FOLDER] [--stacked] [--epochs N] [--systems dcgan stylegan] [-S NAME=VALUE]

trains systems of tools/presets.py on MNIST or, --stacked, on stacks of three of its digits; -S changes a parameter in
all of them. Prints for each the Fréchet distance as a multiple of that of real pictures, coverage, the classes (or
modes) covered and the KL divergence of their shares from the training split's; for conditional ones GAN-test and
GAN-train; and the seconds of the training.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import yaml

from benchmarks.mnist import add_source, full_mnist, judge_of
from benchmarks.trained import trained
from gan.config import UserError
from gan.data.dataset import ImageDataset
from gan.evaluation.conditional_metrics import gan_train_test_scores
from gan.evaluation.config import EvaluateConfig
from gan.evaluation.evaluator import Evaluator
from gan.evaluation.generation import generate_samples
from gan.networks.config import ModelConfig
from gan.networks.factory import save_network
from gan.training.config import TrainConfig
from tools.presets import SYSTEMS


def settings_of(name: str, changes: Iterable[str] = ()) -> tuple[ModelConfig, TrainConfig]:
    """The settings of a system, with changes written NAME=VALUE; raises UserError where they are not allowed."""
    given: dict[str, dict[str, object]] = {"model": {}, "train": {}}
    switches = [*SYSTEMS[name].items(), *(change.partition("=")[::2] for change in changes)]
    for parameter, value in switches:
        section, _, key = parameter.partition(".")
        if section not in given:
            raise UserError(f"{parameter}={value}: no such setting; it should be model.NAME=VALUE or train.NAME=VALUE")
        given[section][key] = yaml.safe_load(value)
    return ModelConfig.parse("model", given["model"]), TrainConfig.parse("train", given["train"])


def row(name: str, model: ModelConfig, config: TrainConfig, prepared: ImageDataset, yardstick: Evaluator) -> list[str]:
    """The cells of a system in the table."""
    start = time.perf_counter()
    game = trained(prepared, config, model)
    seconds, count = time.perf_counter() - start, EvaluateConfig().count(len(prepared.metadata["classes"]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "generator.safetensors")
        save_network(path, game.networks()["generator"], "generator", game.model, prepared.metadata)
        _, samples = generate_samples(path, prepared, count, 0, "cpu")
    found, told = yardstick.measure(samples.images), {}
    if model.conditional:
        told = gan_train_test_scores(yardstick.judge, [samples], prepared)
    figures = [f"{yardstick.ratio(found['frechet']):.1f}", f"{found['coverage']:.3f}"]
    figures += [f"{found['classes_covered']:.0f}", f"{found['class_kl']:.4f}"]
    shares = [f"{told[key]:.1%}" if key in told else "" for key in ("gan_test", "gan_train")]
    return [name, *figures, *shares, f"{seconds:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_source(parser)
    parser.add_argument("--stacked", action="store_true")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument(
        "-S", dest="changes", action="append", default=[], metavar="NAME=VALUE", help="of model or train"
    )
    args = parser.parse_args()
    try:
        chosen = {name: settings_of(name, [f"train.epochs={args.epochs}", *args.changes]) for name in args.systems}
    except (UserError, yaml.YAMLError) as error:
        sys.exit(f"systems: {error}")
    prepared = full_mnist(args.mnist, stacked=args.stacked)
    count = EvaluateConfig().count(len(prepared.metadata["classes"]))
    yardstick = Evaluator(judge_of(full_mnist(args.mnist), prepared.metadata["stacked"]), prepared, count)
    real = yardstick.control
    epochs = chosen[args.systems[0]][1].epochs
    title = ", ".join([prepared.metadata["dataset"]["title"], f"{epochs} epochs", *args.changes])
    print(f"{title}; {yardstick.judge.name}; {count:,} samples")
    head = ["system", "Fréchet ÷ real", "coverage", "classes", "KL", "GAN-test", "GAN-train", "seconds"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    covered = f"{real['classes_covered']:.0f}"
    print(f"| real training pictures | 1 | {real['coverage']:.3f} | {covered} | {real['class_kl']:.4f} | | | |")
    for name, config in chosen.items():
        print(f"| {' | '.join(row(name, *config, prepared, yardstick))} |", flush=True)


if __name__ == "__main__":
    main()
