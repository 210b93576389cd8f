"""Measure generation quality: the tables of docs/results.md.

    python -m benchmarks.quality systems [--presets NAME…] [--epochs 5] [--stacked]
    python -m benchmarks.quality weights [--presets NAME…] [--epochs 20]
    python -m benchmarks.quality seeds   [--presets NAME…] [--epochs 20] [--training-seeds 0 1 2]
    python -m benchmarks.quality time    [--epochs 10] [--training-seeds 0 1 2] [--new-target]
    python -m benchmarks.quality models

systems: presets on full MNIST or, with --stacked, on stacks of three digits, evaluated as the pipeline evaluates.
weights: raw weights and their average, with running and with recomputed BatchNorm statistics; means and standard
deviations over sets of samples. seeds: mean and standard deviation over trainings that differ in their seed.
time: seconds of training until the average is as good as the tutorial's loop is after 200 epochs. The target is in
benchmarks/tutorial_200_epochs.json; --new-target trains it again (a quarter of an hour). models: as weights, of the
models and the dataset that `dvc repro` made. `weights`, `seeds` and `time` train the tutorial's networks by default.
Everything is compared with the test split. Options: --mnist FOLDER (MNIST's own files), -S NAME=VALUE (change a
parameter in all presets), --extractor mnist-example (the features of another network).
"""

import argparse
import copy
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from benchmarks._mnist import add_mnist_option, full_mnist, mnist_example_extractor, mnist_extractor
from benchmarks.cached_training import CONSTANT_LR, add_changes_option, preset_config, train_or_load
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
from gan.networks.factory import load_network, save_network
from gan.sampling import generate_images, sample_latents
from gan.training.config import TrainConfig
from gan.training.factory import build_trainer
from tools.presets import PRESETS

NUM_SAMPLES = 10_000
SAMPLE_SEED = 1000
BN_SAMPLES = 2048
TARGET = Path(__file__).with_name("tutorial_200_epochs.json")
CHECKS_PER_EPOCH = 4
# Columns of the tables: title and decimals of each metric.
COLUMNS = {
    "frechet": ("Fréchet ÷ real", 1),
    "coverage": ("coverage", 3),
    "class_kl": ("KL of classes", 4),
    "parzen": ("Parzen, nats", 0),
}
# Default trainings of the tables: title, preset and changes.
TRAININGS = (("tutorial", "tutorial", ()), ("constant rate", "better", CONSTANT_LR), ("better", "better", ()))
Configs = dict[str, tuple[ModelConfig, TrainConfig]]


def print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def print_header(*titles: str) -> None:
    print_row(*titles)
    print("|" + "---|" * len(titles))


def systems_table(configs: Configs, dataset: ImageDataset, evaluator: Evaluator) -> None:
    """Print how well each preset does, and its seconds of training."""
    real = evaluator.real_baseline
    print_header("preset", "Fréchet ÷ real", "coverage", "classes", "KL", "GAN-test", "GAN-train", "seconds")
    baseline = [f"{real['coverage']:.3f}", f"{real['classes_covered']:.0f}", f"{real['class_kl']:.4f}"]
    print_row("real training images", "1", *baseline, "", "", "")
    for name, (model, config) in configs.items():
        start = time.perf_counter()
        trainer = train_or_load(dataset, model, config)
        seconds = time.perf_counter() - start
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "generator.safetensors")
            network = trainer.networks()["generator"]
            save_network(path, network, "generator", trainer.model_config, dataset.metadata)
            _, samples = generate_samples(path, dataset, evaluator.num_samples, 0, "cpu")
        metrics = evaluator.compute_metrics(samples.images)
        scores = gan_train_test_scores(evaluator.extractor, [samples], dataset) if model.conditional else {}
        print_row(
            name,
            f"{evaluator.relative_frechet(metrics['frechet']):.1f}",
            f"{metrics['coverage']:.3f}",
            f"{metrics['classes_covered']:.0f}",
            f"{metrics['class_kl']:.4f}",
            *(f"{scores[key]:.1%}" if key in scores else "" for key in ("gan_test", "gan_train")),
            f"{seconds:.0f}",
        )


def weights_table(
    networks: Iterable[tuple[str, nn.Module, nn.Module]], latent_dim: int, evaluator: Evaluator, num_sets: int
) -> None:
    """Print the metrics of the weight variants of (title, raw generator, averaged generator)."""
    print_summary_header("training", "weights", evaluator=evaluator)
    for title, raw, ema in networks:
        for weights, network in weight_variants(raw, ema, sample_latents(BN_SAMPLES, latent_dim, 1)).items():
            seeds = range(SAMPLE_SEED, SAMPLE_SEED + num_sets)
            sets = [sample_metrics(evaluator, network, latent_dim, seed) for seed in seeds]
            print_summary(title, weights, sets=sets, evaluator=evaluator)


def weight_variants(raw: nn.Module, ema: nn.Module, latents: Tensor) -> dict[str, nn.Module]:
    """The four combinations of weights and BatchNorm statistics. latents: for the recomputed statistics of `raw`."""
    recomputed = copy.deepcopy(raw)
    update_bn(latents.split(512), recomputed)
    ema_running = copy.deepcopy(ema)
    ema_running.load_state_dict({**ema.state_dict(), **dict(raw.named_buffers())})
    return {
        "raw, running statistics": raw,
        "raw, statistics recomputed": recomputed,
        "average, running statistics of the raw weights": ema_running,
        "average, statistics recomputed": ema,
    }


def seeds_table(configs: Configs, seeds: Sequence[int], dataset: ImageDataset, evaluator: Evaluator) -> None:
    """Print mean and standard deviation of the metrics over trainings with different seeds."""
    print_summary_header("training", "seeds", evaluator=evaluator)
    for name, (model, config) in configs.items():
        sets = []
        for seed in seeds:
            trainer = train_or_load(dataset, model, config.model_copy(update={"seed": seed}))
            sets.append(sample_metrics(evaluator, trainer.networks()["generator"], model.latent_dim, SAMPLE_SEED))
        print_summary(name, " ".join(map(str, seeds)), sets=sets, evaluator=evaluator)


def print_summary_header(*titles: str, evaluator: Evaluator) -> None:
    """Print the header and the row of real training images."""
    print_header(*titles, *(title for title, _ in COLUMNS.values()))
    real = {**evaluator.real_baseline, "frechet": 1.0}
    cells = [f"{real[key]:.{decimals}f}" for key, (_, decimals) in COLUMNS.items()]
    print_row("real training images", *[""] * (len(titles) - 1), *cells)


def print_summary(*cells: str, sets: Sequence[Metrics], evaluator: Evaluator) -> None:
    """Print a row with mean and standard deviation of the metrics over several sets of samples."""
    summary = Summary.from_sets(sets, evaluator.real_baseline)
    values = []
    for key, (_, decimals) in COLUMNS.items():
        unit = evaluator.real_baseline[key] if key == "frechet" else 1
        values.append(f"{summary.means[key] / unit:.{decimals}f} ± {summary.stds[key] / unit:.{decimals}f}")
    print_row(*cells, *values)


def sample_metrics(evaluator: Evaluator, generator: nn.Module, latent_dim: int, seed: int) -> Metrics:
    """All metrics of one set of samples."""
    images = generate_images(generator, sample_latents(NUM_SAMPLES, latent_dim, seed))
    return evaluator.compute_metrics(torch.from_numpy(images))


def time_table(
    model: ModelConfig, config: TrainConfig, seeds: Sequence[int], dataset: ImageDataset, evaluator: Evaluator
) -> None:
    """Print the seconds of training until the target is met, for each seed."""
    target = read_json(TARGET)
    print(f"target: {json.dumps(target)}")
    print_header("seed", "seconds", "epochs", "metrics")
    times = [
        seconds_to_target(model, config.model_copy(update={"seed": seed}), target, dataset, evaluator) for seed in seeds
    ]
    print(f"median {statistics.median(times):.0f} s, from {min(times):.0f} to {max(times):.0f} s")


def seconds_to_target(
    model: ModelConfig, config: TrainConfig, target: Metrics, dataset: ImageDataset, evaluator: Evaluator
) -> float:
    """Train until the target is met; infinity if it is not. The time of the checks is not counted."""
    start = time.perf_counter()
    trainer, loader = build_trainer(model, config, dataset, None, torch.device("cpu"))
    num_steps = config.epochs * len(loader)
    interval = len(loader) // CHECKS_PER_EPOCH
    seconds = 0.0
    for step, batch in enumerate(chain.from_iterable(map(loader.epoch, range(config.epochs)))):
        trainer.set_lr_scale(config.lr_scale(step / num_steps))
        trainer.step(batch)
        if (step + 1) % interval == 0:
            seconds += time.perf_counter() - start
            metrics = target_metrics(evaluator, trainer.copy_ema_generator(), model.latent_dim)
            if target_met(metrics, target):
                epochs = f"{(step + 1) / len(loader):.2f}"
                print_row(str(config.seed), f"{seconds:.0f}", epochs, json.dumps(metrics))
                return seconds
            start = time.perf_counter()
    print_row(str(config.seed), f"not in {config.epochs} epochs", "", "")
    return float("inf")


def target_metrics(evaluator: Evaluator, generator: nn.Module, latent_dim: int) -> Metrics:
    """The metrics that the target consists of."""
    metrics = sample_metrics(evaluator, generator, latent_dim, SAMPLE_SEED)
    metrics["frechet_ratio"] = evaluator.relative_frechet(metrics["frechet"])
    return round_metrics({key: metrics[key] for key in ("frechet_ratio", "coverage", "class_kl")})


def target_met(metrics: Metrics, target: Metrics) -> bool:
    """Whether all metrics are at least as good as the target's."""
    return (
        metrics["frechet_ratio"] <= target["frechet_ratio"]
        and metrics["class_kl"] <= target["class_kl"]
        and metrics["coverage"] >= target["coverage"]
    )


def models_table(num_sets: int) -> None:
    """Print the weights table of the models that `dvc repro` made."""
    models = Path("models")
    dataset = ImageDataset.load(Path("data/prepared.safetensors"))
    extractor = make_feature_extractor(models / "classifier.safetensors", "auto", torch.device("cpu"))
    evaluator = Evaluator(extractor, dataset, NUM_SAMPLES)
    raw, _ = load_network(models / "generator_raw.safetensors", "generator")
    ema, metadata = load_network(models / "generator.safetensors", "generator")
    title = f"{metadata['dataset']['name']}, {metadata['train']['epochs']} epochs"
    weights_table([(title, raw, ema)], metadata["model"]["latent_dim"], evaluator, num_sets)


def select_configs(args: argparse.Namespace) -> Configs:
    """The configurations to train, by title."""
    epochs = args.epochs or {"systems": 5, "time": 10}.get(args.table, 20)
    trainings: Iterable[tuple[str, str, Sequence[str]]] = TRAININGS
    if args.presets or args.table == "systems":
        trainings = [(name, name, ()) for name in args.presets or PRESETS]
    configs = {}
    for title, preset, changes in trainings:
        model, config = preset_config(preset, [f"train.epochs={epochs}", *changes, *args.changes])
        if model.architecture != "cyclegan":
            configs[title] = model, config
    return configs


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=["systems", "weights", "seeds", "time", "models"])
    add_mnist_option(parser)
    add_changes_option(parser)
    parser.add_argument("--presets", nargs="+", choices=list(PRESETS), metavar="NAME")
    parser.add_argument("--epochs", type=int, help="default: 5 for systems, 10 for time, else 20")
    parser.add_argument("--stacked", action="store_true", help="systems: train on stacks of three digits")
    parser.add_argument("--extractor", choices=["pipeline", "mnist-example"], default="pipeline")
    parser.add_argument("--sets", type=int, default=2, help="sets of samples per generator, at least 2")
    parser.add_argument("--training-seeds", type=int, nargs="+", default=[0, 1, 2], metavar="SEED")
    parser.add_argument("--new-target", action="store_true", help="time: train the target again")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.table == "models":
        models_table(args.sets)
        return
    try:
        configs = select_configs(args)
    except UserError as error:
        sys.exit(f"quality: {error}")
    mnist = full_mnist(args.mnist)
    dataset = full_mnist(args.mnist, stacked=True) if args.stacked else mnist
    num_samples = EvaluateConfig().num_samples(len(dataset.metadata["classes"]))
    num_stacked = dataset.metadata["stacked"]
    extractor = mnist_example_extractor(mnist) if args.extractor == "mnist-example" else mnist_extractor(num_stacked)
    evaluator = Evaluator(extractor, dataset, num_samples)
    print(f"{dataset.metadata['dataset']['title']}; {extractor.name}; {num_samples:,} samples per set")
    if args.table == "systems":
        systems_table(configs, dataset, evaluator)
    elif args.table == "weights":
        trainers = ((title, train_or_load(dataset, *config).networks()) for title, config in configs.items())
        networks = ((title, nets["generator_raw"], nets["generator"]) for title, nets in trainers)
        weights_table(networks, ModelConfig().latent_dim, evaluator, args.sets)
    elif args.table == "seeds":
        seeds_table(configs, args.training_seeds, dataset, evaluator)
    else:
        if args.new_target:
            trainer = train_or_load(dataset, *preset_config("tutorial"))
            write_json(TARGET, target_metrics(evaluator, trainer.networks()["generator_raw"], trainer.latent_dim))
        time_table(*configs["constant rate"], args.training_seeds, dataset, evaluator)


if __name__ == "__main__":
    main()
