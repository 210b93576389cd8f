"""Measure training speed: loops over the same networks, timed in turn in one run.

    python -m benchmarks.speed [--batch 64 256] [--mnist FOLDER] [--only NAME…] [--rounds N] [--device cuda] [--json]
    python -m benchmarks.speed --systems [PRESET…]    iterations per second of every preset, on random images
    python -m benchmarks.speed --growth               cost against batch, image, dataset, latent and network size

The loops train the default networks (ModelConfig) with Adam:

tutorial              the tutorial's loop as it is written: images pass through PIL in a DataLoader, D is called for
                      every use of its output, and both losses are read in every iteration
plain                 plain PyTorch: images in memory, D called once on real and once on fake images, torch.optim.Adam
project               this project: GANTrainer (with its average of the weights), BatchLoader and MetricsLog
project-plain-linear  the same with nn.Linear instead of the oneDNN layer
matmul+adam           the matrix products of one step by torch.mm and one fused Adam update, and nothing else
jax                   the whole step under jax.jit (benchmarks/jax_step.py), where jax is installed

Images are the prepared ones (`dvc repro prepare`), or full MNIST with --mnist. Run nothing else on the machine: two
busy thread pools slow each other several times. A machine's speed also changes from second to second, so the loops take
short turns. Every ratio is the median of the ratios of single turns.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks._mnist import add_mnist_option, full_mnist
from benchmarks.cached_training import preset_config
from gan.data.dataset import BatchLoader, ImageDataset, Split, to_float
from gan.data.registry import DIGIT_CLASSES
from gan.io import load_safetensors, save_safetensors
from gan.networks.config import ModelConfig
from gan.networks.factory import build_discriminator, build_generator
from gan.networks.linear import Linear
from gan.networks.mlp import ImageShape
from gan.runtime import select_device
from gan.training.config import TrainConfig
from gan.training.factory import build_trainer
from gan.training.metrics_log import MetricsLog
from gan.training.trainer import BaseTrainer, GANTrainer
from tools.presets import PRESETS

LATENT_DIM = ModelConfig().latent_dim
LR = 2e-4
BETAS = (0.5, 0.999)
WARMUP = 100  # iterations before anything is measured
STEPS_PER_CHECK = 5  # iterations between two readings of the clock
GROWTH_SECONDS = 6.0  # per row


class PILImages(Dataset[Tensor]):
    """Images as the tutorial reads them: each is converted to PIL, resized, converted to a tensor and normalized."""

    def __init__(self, images: Tensor) -> None:
        from torchvision import transforms

        self.images = images
        size = images.shape[-2:]
        self.transform = transforms.Compose(
            [transforms.ToPILImage(), transforms.Resize(size), transforms.ToTensor(), transforms.Normalize(0.5, 0.5)]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        image: Tensor = self.transform(self.images[index])
        return image


def image_shape(images: Tensor) -> ImageShape:
    """Channels, height and width of images [N, C, H, W]."""
    channels, height, width = images.shape[1:]
    return channels, height, width


def make_networks(images: Tensor, device: torch.device) -> tuple[nn.Module, nn.Module]:
    """The default generator and discriminator, with nn.Linear layers."""
    generator = build_generator(ModelConfig(), image_shape(images)).to(device)
    discriminator = build_discriminator(ModelConfig(), image_shape(images)).to(device)
    return use_plain_linear(generator), use_plain_linear(discriminator)


def use_plain_linear(network: nn.Module) -> nn.Module:
    """Replace the oneDNN layers of a network by nn.Linear, in place; the parameters stay the same."""
    for module in network.modules():
        if isinstance(module, Linear):
            module.__class__ = nn.Linear  # type: ignore[assignment]
    return network


def tutorial_loop(images: Tensor, batch_size: int, device: torch.device) -> Iterator[None]:
    """Run the tutorial's loop as it is written, one iteration per `next`."""
    generator, discriminator = make_networks(images, device)
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=LR, betas=BETAS)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=LR, betas=BETAS)
    bce = nn.BCEWithLogitsLoss()
    loader = DataLoader(PILImages(images), batch_size=batch_size, shuffle=True)
    loss_sum = 0.0
    while True:
        for batch in loader:
            real = batch.to(device)
            z = torch.randn(len(real), LATENT_DIM, device=device)
            g_optimizer.zero_grad()
            fake = generator(z)
            g_loss = bce(discriminator(fake), torch.ones_like(discriminator(fake)))
            g_loss.backward()
            g_optimizer.step()
            d_optimizer.zero_grad()
            real_loss = bce(discriminator(real), torch.ones_like(discriminator(real)))
            fake_loss = bce(discriminator(fake.detach()), torch.zeros_like(discriminator(fake.detach())))
            d_loss = (real_loss + fake_loss) / 2
            d_loss.backward()
            d_optimizer.step()
            loss_sum += g_loss.item() + d_loss.item()  # for its progress bar
            yield


def plain_loop(images: Tensor, batch_size: int, device: torch.device) -> Iterator[None]:
    """Run the same training in plain PyTorch, with the images in memory."""
    generator, discriminator = make_networks(images, device)
    g_params = list(generator.parameters())
    d_params = list(discriminator.parameters())
    g_optimizer = torch.optim.Adam(g_params, lr=LR, betas=BETAS)
    d_optimizer = torch.optim.Adam(d_params, lr=LR, betas=BETAS)
    bce = nn.BCEWithLogitsLoss()
    data = to_float(images).to(device)
    while True:
        for indices in torch.randperm(len(data), device=device).split(batch_size):
            real = data[indices]
            fake = generator(torch.randn(len(real), LATENT_DIM, device=device))
            real_logits = discriminator(real)
            fake_logits = discriminator(fake)
            ones = torch.ones_like(real_logits)
            zeros = torch.zeros_like(real_logits)
            g_loss = bce(fake_logits, ones)
            d_loss = (bce(real_logits, ones) + bce(fake_logits, zeros)) / 2
            g_optimizer.zero_grad()
            d_optimizer.zero_grad()
            g_loss.backward(inputs=g_params, retain_graph=True)
            d_loss.backward(inputs=d_params)
            g_optimizer.step()
            d_optimizer.step()
            yield


def project_loop(images: Tensor, batch_size: int, device: torch.device, *, onednn: bool = True) -> Iterator[None]:
    """Run this project's training. onednn: whether to keep the oneDNN layers."""
    trainer = GANTrainer(ModelConfig(), TrainConfig(batch_size=batch_size), image_shape(images), device)
    if not onednn:
        use_plain_linear(trainer.generator)
        use_plain_linear(trainer.discriminator)
    return training_loop(trainer, BatchLoader(images.to(device), batch_size, seed=0))


def training_loop(trainer: BaseTrainer, loader: BatchLoader) -> Iterator[None]:
    """Run a trainer as gan.training.loop does, without frames and checkpoints."""
    log = MetricsLog(trainer.metric_names, TrainConfig().log_every, len(loader))
    for epoch in count():
        for batch in loader.epoch(epoch):
            log.update(trainer.step(batch))
            yield


def matmul_adam_baseline(images: Tensor, batch_size: int, device: torch.device) -> Iterator[None]:
    """Run the matrix products of one step and one Adam update, and nothing else."""
    networks = make_networks(images, device)
    products: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(left: Tensor, right: Tensor) -> None:
        products.append((left, right, left @ right))

    for network, num_rows in zip(networks, (batch_size, 2 * batch_size), strict=True):
        linear_layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
        for i, layer in enumerate(linear_layers):
            weight = layer.weight.detach()
            inputs = torch.randn(num_rows, layer.in_features, device=device)
            grad_outputs = torch.randn(num_rows, layer.out_features, device=device)
            add(inputs, weight.t())  # forward
            add(grad_outputs.t(), inputs)  # gradient of the weight
            if i > 0:
                add(grad_outputs, weight)  # gradient of the input
            elif network is networks[1]:
                add(grad_outputs[batch_size:], weight)  # the discriminator's input: fake images only
    params = torch.zeros(sum(p.numel() for network in networks for p in network.parameters()), device=device)
    params.requires_grad_().grad = torch.randn_like(params)
    optimizer = torch.optim.Adam([params], lr=LR, betas=BETAS, fused=True)
    while True:
        for left, right, out in products:
            torch.mm(left, right, out=out)
        optimizer.step()
        yield


def jax_loop(images: Tensor, batch_size: int, device: torch.device) -> Iterator[None]:
    """Run the step under jax.jit."""
    from benchmarks import jax_step

    networks = make_networks(images, torch.device("cpu"))
    return jax_step.training_loop(*networks, images, batch_size, device.type)


LOOPS: dict[str, Callable[[Tensor, int, torch.device], Iterator[None]]] = {
    "tutorial": tutorial_loop,
    "plain": plain_loop,
    "project": project_loop,
    "project-plain-linear": partial(project_loop, onednn=False),
    "matmul+adam": matmul_adam_baseline,
    "jax": jax_loop,
}
BASELINES = ("tutorial", "matmul+adam")  # the other loops are compared with them


def throughput(loop: Iterator[None], seconds: float, device: torch.device) -> float:
    """Iterations per second of a loop over about `seconds`."""
    sync: Callable[[], None] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    sync()
    start = time.perf_counter()
    num_steps = 0
    while time.perf_counter() - start < seconds:
        for _ in range(STEPS_PER_CHECK):
            next(loop)
        num_steps += STEPS_PER_CHECK
        sync()
    return num_steps / (time.perf_counter() - start)


def measure_loops(
    names: list[str], images: Tensor, batch_size: int, *, device: torch.device, rounds: int, seconds: float
) -> dict[str, dict[str, float]]:
    """Run the loops in turns of `seconds`. Median iterations per second of each, and median ratios to the baselines."""
    loops = {name: LOOPS[name](images, batch_size, device) for name in names}
    for loop in loops.values():
        for _ in range(WARMUP):
            next(loop)
    turns = [{name: throughput(loop, seconds, device) for name, loop in loops.items()} for _ in range(rounds)]
    results = {}
    for name in names:
        results[name] = {"it/s": round(statistics.median(turn[name] for turn in turns), 1)}
        for baseline in (baseline for baseline in BASELINES if baseline in names):
            ratio = statistics.median(turn[name] / turn[baseline] for turn in turns)
            results[name][f"÷ {baseline}"] = round(ratio, 2)
    return results


def measure_systems(names: list[str], device: torch.device, rounds: int, seconds: float) -> None:
    """Print iterations per second of each preset with random 28×28 images."""
    images = torch.randint(0, 256, (1024, 1, 28, 28), dtype=torch.uint8)
    split = Split(images, torch.arange(len(images)) % len(DIGIT_CLASSES))
    dataset = ImageDataset(split, split, {"shape": [1, 28, 28], "classes": DIGIT_CLASSES})
    print("| preset | batch size | it/s |\n|---|---|---|")
    for name in names:
        model, config = preset_config(name)
        target = dataset if model.architecture == "cyclegan" else None
        loop = training_loop(*build_trainer(model, config, dataset, target, device))
        throughput(loop, seconds, device)  # warm up
        speed = statistics.median(throughput(loop, seconds, device) for _ in range(rounds))
        print(f"| {name} | {config.batch_size} | {speed:.1f} |", flush=True)


# Rows of the growth table: arguments of measure_growth_case.
WIDE = {"generator_widths": [256, 512, 1024, 2048], "discriminator_widths": [1024, 512]}
GROWTH_CASES: dict[str, dict[str, Any]] = {
    "default: batch 64, 28×28, 5,000 images": {},
    **{f"batch {size:,}": {"batch_size": size} for size in (16, 256, 1024)},
    **{f"{side}×{side}": {"side": side} for side in (64, 128)},
    **{f"{num:,} images": {"num_images": num} for num in (60_000, 1_000_000)},
    **{f"latent_dim {dim:,}": {"model": ModelConfig(latent_dim=dim)} for dim in (10, 1000)},
    "networks twice as wide": {"model": ModelConfig.parse("model", WIDE)},
}


def measure_growth(device: torch.device) -> None:
    """Print speed and memory of every case, each in a process of its own."""
    print("| | it/s | images/s | memory, MB |\n|---|---|---|---|")
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool,
    ):
        for name, case in GROWTH_CASES.items():
            speed, memory = pool.submit(measure_growth_case, Path(folder), device, **case).result()
            print(f"| {name} | {speed:.1f} | {speed * case.get('batch_size', 64):,.0f} | {memory} |", flush=True)


def measure_growth_case(
    folder: Path,
    device: torch.device,
    *,
    batch_size: int = 64,
    side: int = 28,
    num_images: int = 5_000,
    model: ModelConfig | None = None,
) -> tuple[float, int]:
    """Train on random images in a file in `folder`. Iterations per second, and MB of memory without mapped files."""
    path = folder / f"{side}-{num_images}.safetensors"
    if not path.exists():
        save_safetensors(path, {"images": torch.randint(0, 256, (num_images, 1, side, side), dtype=torch.uint8)}, {})
    images = load_safetensors(path)["images"].to(device)
    trainer = GANTrainer(model or ModelConfig(), TrainConfig(batch_size=batch_size), image_shape(images), device)
    loop = training_loop(trainer, BatchLoader(images, batch_size, seed=0))
    for _ in range(WARMUP):
        next(loop)
    speed = throughput(loop, GROWTH_SECONDS, device)
    memory = psutil.Process().memory_info()
    return speed, (memory.rss - getattr(memory, "shared", 0)) >> 20  # only Linux reports the size of mapped files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_mnist_option(parser)
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 256], help="batch sizes")
    parser.add_argument("--only", nargs="+", choices=list(LOOPS), default=list(LOOPS), help="loops to run")
    parser.add_argument("--rounds", type=int, default=20, help="turns per loop")
    parser.add_argument("--seconds", type=float, default=0.4, help="length of a turn")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--systems", nargs="*", choices=PRESETS, metavar="PRESET", help="measure presets; default: all")
    parser.add_argument("--growth", action="store_true", help="measure how the cost grows")
    args = parser.parse_args()
    device = select_device(args.device)
    if args.growth:
        measure_growth(device)
        return
    if args.systems is not None:
        measure_systems(args.systems or list(PRESETS), device, max(1, args.rounds // 4), args.seconds)
        return
    dataset = full_mnist(args.mnist) if args.mnist else ImageDataset.load(Path("data/prepared.safetensors"))
    names = [name for name in args.only if name != "jax" or find_spec("jax")]
    if len(names) < len(args.only):
        print("speed: jax is not installed; its loop is left out", file=sys.stderr)
    options = {"device": device, "rounds": args.rounds, "seconds": args.seconds}
    results = {size: measure_loops(names, dataset.train.images, size, **options) for size in args.batch}
    title = dataset.metadata["dataset"]["title"]
    machine = {"dataset": title, "device": str(device), "threads": torch.get_num_threads()}
    if args.json:
        print(json.dumps({**machine, "batch_sizes": results}, ensure_ascii=False))
        return
    print(", ".join(f"{key}: {value}" for key, value in machine.items()))
    for batch_size, loops in results.items():
        columns = list(loops[names[0]])
        print(f"\n| batch size {batch_size} | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
        for name, values in loops.items():
            cells = [f"{value:.1f}" if column == "it/s" else f"{value:.2f}" for column, value in values.items()]
            print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
