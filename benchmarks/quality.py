"""Measure generation quality: the tables of docs/results.md.

    python -m benchmarks.quality systems [--presets NAME…] [--epochs 5] [--stacked]
    python -m benchmarks.quality weights [--presets NAME…] [--epochs 20] [--extractor mnist-example]
    python -m benchmarks.quality time    [--training-seeds 0 1 2]
    python -m benchmarks.quality models

systems: presets on full MNIST or, with --stacked, on stacks of three digits, evaluated as the pipeline evaluates.
weights: raw weights and their average, with running and with recomputed BatchNorm statistics; by default after training
the tutorial's networks in three ways. time: seconds of training until the average is as good as the tutorial's loop is
after 200 epochs (benchmarks/tutorial_200_epochs.json, which --new-target measures again in a quarter of an hour).
models: as weights, for the models and the dataset that `dvc repro` wrote.

Metrics compare samples with the test split: means and standard deviations over sets of samples. --mnist FOLDER names
MNIST's own files, -S changes a parameter in all presets, --training-seeds repeats each training with other seeds.
"""

import argparse
import copy
import json
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from benchmarks import common
from gan.config import UserError
from gan.data.dataset import ImageDataset
from gan.evaluation.conditional_metrics import gan_train_test_scores
from gan.evaluation.config import EvaluateConfig
from gan.evaluation.evaluator import Evaluator
from gan.evaluation.feature_extractor import make_feature_extractor
from gan.evaluation.generation import generate_samples
from gan.evaluation.summary import Metrics, Summary, round_metrics
from gan.io import read_json, write_json
from gan.networks.config import ModelConfig
from gan.networks.factory import load_network
from gan.sampling import generate_images, sample_latents
from gan.training.config import TrainConfig
from gan.training.factory import build_trainer
from tools.presets import PRESETS

SAMPLE_SEED = 1000  # of the first set of samples
TARGET = Path(__file__).with_name("tutorial_200_epochs.json")
# Title and decimals of each metric.
COLUMNS = {
    "frechet": ("Fréchet ÷ real", 1),
    "coverage": ("coverage", 3),
    "classes_covered": ("classes", 0),
    "class_kl": ("KL of classes", 4),
    "parzen": ("Parzen, nats", 0),
}
METRIC_TITLES = [title for title, _ in COLUMNS.values()]
# Default trainings of `weights`: title, preset and changes. `time` takes the second.
TRAININGS: Sequence[tuple[str, str, Sequence[str]]] = (
    ("tutorial", "tutorial", ()),
    ("constant rate", "better", common.CONSTANT_LR),
    ("better", "better", ()),
)
Configs = dict[str, tuple[ModelConfig, TrainConfig]]


def print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def print_header(*titles: str) -> None:
    print_row(*titles)
    print("|" + "---|" * len(titles))


def format_real(evaluator: Evaluator) -> list[str]:
    """Cells with the metrics of real training images."""
    real = evaluator.real_baseline | {"frechet": 1.0}
    return [f"{real[key]:.{decimals}f}" for key, (_, decimals) in COLUMNS.items()]


def format_metrics(metrics_per_set: Sequence[Metrics], evaluator: Evaluator) -> list[str]:
    """Cells with the mean and standard deviation of each metric over several sets of samples."""
    summary = Summary.from_sets(metrics_per_set, evaluator.real_baseline)
    cells = []
    for key, (_, decimals) in COLUMNS.items():
        unit = summary.real[key] if key == "frechet" else 1
        cells.append(f"{summary.means[key] / unit:.{decimals}f} ± {summary.stds[key] / unit:.{decimals}f}")
    return cells


def print_systems(configs: Configs, dataset: ImageDataset, evaluator: Evaluator, num_sets: int) -> None:
    """Print the metrics and the training seconds of each preset."""
    print_header("preset", *METRIC_TITLES, "GAN-test", "GAN-train", "seconds")
    print_row("real training images", *format_real(evaluator), "", "", "")
    for name, (model, config) in configs.items():
        start = time.perf_counter()
        folder = common.train_or_load(dataset, model, config)
        seconds = time.perf_counter() - start
        path = folder / "generator.safetensors"
        seeds = range(SAMPLE_SEED, SAMPLE_SEED + num_sets)
        sets = [generate_samples(path, dataset, evaluator.num_samples, seed, "cpu")[1] for seed in seeds]
        metrics = [evaluator.compute_metrics(samples.images) for samples in sets]
        scores = gan_train_test_scores(evaluator.extractor, sets, dataset) if model.conditional else {}
        score_cells = [f"{scores[key]:.1%}" if key in scores else "" for key in ("gan_test", "gan_train")]
        print_row(name, *format_metrics(metrics, evaluator), *score_cells, f"{seconds:.0f}")


def print_weights(trainings: Iterable[tuple[str, Path]], evaluator: Evaluator, num_sets: int) -> None:
    """Print the metrics of a generator and its average, with both kinds of BatchNorm statistics.

    trainings: title of each, and the folder of its networks.
    """
    print_header("training", "weights", *METRIC_TITLES)
    print_row("real training images", "", *format_real(evaluator))
    for title, folder in trainings:
        raw, _ = load_network(folder / "generator_raw.safetensors", "generator")
        ema, metadata = load_network(folder / "generator.safetensors", "generator")
        latent_dim = metadata["model"]["latent_dim"]
        for weights, network in weight_variants(raw, ema, latent_dim).items():
            seeds = range(SAMPLE_SEED, SAMPLE_SEED + num_sets)
            metrics = [sample_metrics(evaluator, network, latent_dim, seed) for seed in seeds]
            print_row(title, weights, *format_metrics(metrics, evaluator))


def weight_variants(raw: nn.Module, ema: nn.Module, latent_dim: int) -> dict[str, nn.Module]:
    """The four combinations of weights and BatchNorm statistics."""
    recomputed = copy.deepcopy(raw)
    update_bn(sample_latents(2048, latent_dim, seed=1).split(512), recomputed)
    ema_running = copy.deepcopy(ema)
    ema_running.load_state_dict({**ema.state_dict(), **dict(raw.named_buffers())})
    return {
        "raw, running statistics": raw,
        "raw, statistics recomputed": recomputed,
        "average, running statistics of the raw weights": ema_running,
        "average, statistics recomputed": ema,
    }


def sample_metrics(evaluator: Evaluator, generator: nn.Module, latent_dim: int, seed: int) -> Metrics:
    """All metrics of one set of samples."""
    images = generate_images(generator, sample_latents(evaluator.num_samples, latent_dim, seed))
    return evaluator.compute_metrics(torch.from_numpy(images))


def print_times(configs: Configs, dataset: ImageDataset, evaluator: Evaluator) -> None:
    """Print the seconds of training until the target is met."""
    target = read_json(TARGET)
    print(f"target: {json.dumps(target)}")
    print_header("training", "seconds", "epochs", "metrics")
    times = []
    for title, (model, config) in configs.items():
        start = time.perf_counter()
        trainer, loader = build_trainer(model, config, dataset, None, torch.device("cpu"))
        num_steps = config.epochs * len(loader)
        interval = len(loader) // 4  # four checks per epoch
        seconds = 0.0  # without the checks
        for step, batch in enumerate(chain.from_iterable(map(loader.epoch, range(config.epochs))), start=1):
            trainer.set_lr_scale(config.lr_scale((step - 1) / num_steps))
            trainer.step(batch)
            if step % interval == 0:
                seconds += time.perf_counter() - start
                metrics = target_metrics(evaluator, trainer.copy_ema_generator(), model.latent_dim)
                is_closer = all(metrics[key] <= target[key] for key in ("frechet_ratio", "class_kl"))
                if is_closer and metrics["coverage"] >= target["coverage"]:
                    print_row(title, f"{seconds:.0f}", f"{step / len(loader):.2f}", json.dumps(metrics))
                    times.append(seconds)
                    break
                start = time.perf_counter()
        else:
            print_row(title, "not met", str(config.epochs), "")
    if times:
        print(f"median {statistics.median(times):.0f} s, from {min(times):.0f} to {max(times):.0f} s")


def target_metrics(evaluator: Evaluator, generator: nn.Module, latent_dim: int) -> Metrics:
    """The metrics that the target consists of."""
    metrics = sample_metrics(evaluator, generator, latent_dim, SAMPLE_SEED)
    metrics["frechet_ratio"] = evaluator.relative_frechet(metrics["frechet"])
    return round_metrics({key: metrics[key] for key in ("frechet_ratio", "coverage", "class_kl")})


def select_configs(args: argparse.Namespace) -> Configs:
    """The configurations to train, by title. Those of cyclegan are left out: it translates, does not generate."""
    epochs = args.epochs or {"systems": 5, "time": 10}.get(args.table, 20)
    trainings = TRAININGS[1:2] if args.table == "time" else TRAININGS
    if args.presets or args.table == "systems":
        trainings = [(name, name, ()) for name in args.presets or PRESETS]
    seeds = args.training_seeds or ([0, 1, 2] if args.table == "time" else [])
    variants = [(f", seed {seed}", [f"train.seed={seed}"]) for seed in seeds] or [("", [])]
    configs = {}
    for title, preset, changes in trainings:
        for suffix, seed_change in variants:
            all_changes = [f"train.epochs={epochs}", *changes, *args.changes, *seed_change]
            model, config = common.preset_config(preset, all_changes)
            if model.architecture != "cyclegan":
                configs[title + suffix] = model, config
    return configs


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=["systems", "weights", "time", "models"])
    common.add_mnist_option(parser)
    parser.add_argument("-S", dest="changes", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, metavar="NAME")
    parser.add_argument("--epochs", type=int, help="default: 5 for systems, 10 for time, 20 for weights")
    parser.add_argument("--stacked", action="store_true", help="train on stacks of three digits")
    parser.add_argument("--extractor", choices=["pipeline", "mnist-example"], default="pipeline")
    parser.add_argument("--sets", type=int, default=2, help="sets of samples per generator, at least 2")
    parser.add_argument("--training-seeds", type=int, nargs="+", metavar="SEED", help="default: 0; 0 1 2 for time")
    parser.add_argument("--new-target", action="store_true", help="time: measure the target again")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    configs = select_configs(args)
    models = Path("models")
    if args.table == "models":
        dataset = ImageDataset.load(Path("data/prepared.safetensors"))
        extractor = make_feature_extractor(models / "classifier.safetensors", "auto", torch.device("cpu"))
    else:
        mnist = common.full_mnist(args.mnist)
        dataset = common.full_mnist(args.mnist, stacked=True) if args.stacked else mnist
        is_example = args.extractor == "mnist-example"
        extractor = (
            common.mnist_example_extractor(mnist) if is_example else common.mnist_extractor(dataset.metadata["stacked"])
        )
    evaluator = Evaluator(extractor, dataset, EvaluateConfig().num_samples(len(dataset.metadata["classes"])))
    print(f"{dataset.metadata['dataset']['title']}; {extractor.name}; {evaluator.num_samples:,} samples per set")
    if args.table == "models":
        print_weights([(dataset.metadata["dataset"]["name"], models)], evaluator, args.sets)
    elif args.table == "systems":
        print_systems(configs, dataset, evaluator, args.sets)
    elif args.table == "weights":
        trainings = ((title, common.train_or_load(dataset, *config)) for title, config in configs.items())
        print_weights(trainings, evaluator, args.sets)
    else:
        if args.new_target:
            folder = common.train_or_load(dataset, *common.preset_config("tutorial"))
            raw, metadata = load_network(folder / "generator_raw.safetensors", "generator")
            write_json(TARGET, target_metrics(evaluator, raw, metadata["model"]["latent_dim"]))
        print_times(configs, dataset, evaluator)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"quality: {error}")
