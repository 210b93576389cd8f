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

Images are MNIST's training split if FOLDER or data/raw/ has its files, otherwise the prepared ones (`dvc repro prepare`).
Run nothing else on the machine: two busy thread pools slow each other several times. A machine's speed also changes from
second to second, so the loops take short turns. Every ratio is the median of the ratios of single turns.
"""

import argparse
import gzip
import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from unittest.mock import patch

import numpy as np
import psutil
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.cached_training import preset_config
from gan.data.dataset import BatchLoader, ImageDataset, Split, to_float
from gan.data.registry import DIGIT_CLASSES
from gan.io import load_safetensors, save_safetensors
from gan.networks.config import ModelConfig
from gan.networks.factory import build_discriminator, build_generator
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
FRAME_INTERVAL = TrainConfig().frame_every
SyncFn = Callable[[], None]


class PILImages(Dataset[Tensor]):
    """Images as the tutorial reads them: each is converted to PIL, resized, converted to a tensor and normalized."""

    def __init__(self, images: Tensor) -> None:
        from torchvision import transforms

        self.images = images
        self.transform = transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.Resize(images.shape[-2:]),
                transforms.ToTensor(),
                transforms.Normalize(0.5, 0.5),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        image: Tensor = self.transform(self.images[index])
        return image


def make_networks(shape: ImageShape, device: torch.device) -> tuple[nn.Module, nn.Module]:
    """The default generator and discriminator."""
    return build_generator(ModelConfig(), shape).to(device), build_discriminator(ModelConfig(), shape).to(device)


def tutorial_loop(images: Tensor, batch_size: int, device: torch.device) -> Iterator[None]:
    """Run the tutorial's loop as it is written, one iteration per `next`."""
    from torchvision.utils import save_image

    generator, discriminator = make_networks(image_shape(images), device)
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=LR, betas=BETAS)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=LR, betas=BETAS)
    bce = nn.BCEWithLogitsLoss()
    loader = DataLoader(PILImages(images), batch_size=batch_size, shuffle=True)
    g_loss_sum = 0.0
    d_loss_sum = 0.0
    step = 0
    with tempfile.TemporaryDirectory() as folder:
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
                g_loss_sum += g_loss.item()  # for its progress bar
                d_loss_sum += d_loss.item()
                if step % FRAME_INTERVAL == 0:
                    save_image(fake.detach()[:25], Path(folder) / f"{step}.png", nrow=5, normalize=True)
                step += 1
                yield


def plain_loop(images: Tensor, batch_size: int, device: torch.device) -> Iterator[None]:
    """Run the same training in plain PyTorch, with the images in memory."""
    generator, discriminator = make_networks(image_shape(images), device)
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
    """Run this project's training. onednn: whether the oneDNN layer may replace nn.Linear."""
    config = TrainConfig(batch_size=batch_size)
    trainer = GANTrainer(ModelConfig(), config, image_shape(images), device)
    loader = BatchLoader(images.to(device), batch_size, seed=0)
    return training_loop(trainer, loader)


def training_loop(trainer: BaseTrainer, loader: BatchLoader) -> Iterator[None]:
    """Run a trainer as gan.training.loop does, without its files."""
    log = MetricsLog(trainer.metric_names, TrainConfig().log_every, len(loader))
    for epoch in count():
        for batch in loader.epoch(epoch):
            log.update(trainer.step(batch))
            if log.step % FRAME_INTERVAL == 0:
                trainer.preview_images()
            yield


def matmul_adam_baseline(images: Tensor, batch_size: int, device: torch.device) -> Iterator[None]:
    """Run the matrix products of one step and one Adam update, without everything else."""
    generator, discriminator = make_networks(image_shape(images), device)
    products: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(left: Tensor, right: Tensor) -> None:
        products.append((left, right, left @ right))

    for network, num_rows in ((generator, batch_size), (discriminator, 2 * batch_size)):
        linear_layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
        for i, layer in enumerate(linear_layers):
            weight = layer.weight.detach()
            inputs = torch.randn(num_rows, layer.in_features, device=device)
            grad_outputs = torch.randn(num_rows, layer.out_features, device=device)
            add(inputs, weight.t())  # forward
            add(grad_outputs.t(), inputs)  # gradient of the weight
            if i > 0:
                add(grad_outputs, weight)  # gradient of the input
            elif network is discriminator:
                add(grad_outputs[batch_size:], weight)  # only fake images need a gradient
    num_params = sum(param.numel() for network in (generator, discriminator) for param in network.parameters())
    params = torch.zeros(num_params, device=device, requires_grad=True)
    params.grad = torch.randn(num_params, device=device)
    optimizer = torch.optim.Adam([params], lr=LR, betas=BETAS, fused=True)
    while True:
        for left, right, out in products:
            torch.mm(left, right, out=out)
        optimizer.step()
        yield


def jax_loop(images: Tensor, batch_size: int, device: torch.device) -> Iterator[None]:
    """Run the step under jax.jit."""
    from benchmarks.jax_step import training_loop

    return training_loop(*make_networks(image_shape(images), torch.device("cpu")), images, batch_size, device.type)


LOOPS: dict[str, Callable[[Tensor, int, torch.device], Iterator[None]]] = {
    "tutorial": tutorial_loop,
    "plain": plain_loop,
    "project": project_loop,
    "project-plain-linear": partial(project_loop, onednn=False),
    "matmul+adam": matmul_adam_baseline,
    "jax": jax_loop,
}
BASELINES = {"tutorial": "÷ tutorial", "matmul+adam": "÷ matmul+adam"}


def throughput(loop: Iterator[None], seconds: float, sync: SyncFn) -> float:
    """Iterations per second of a loop over about `seconds`. sync: waits for the device."""
    sync()
    start = time.perf_counter()
    num_steps = 0
    while time.perf_counter() - start < seconds:
        for _ in range(STEPS_PER_CHECK):
            next(loop)
        num_steps += STEPS_PER_CHECK
        sync()
    return num_steps / (time.perf_counter() - start)


def measure_turns(
    loops: Mapping[str, Iterator[None]], rounds: int, seconds: float, sync: SyncFn
) -> list[dict[str, float]]:
    """Warm all loops up, then run each for `seconds` in each of `rounds`: iterations per second by name."""
    for loop in loops.values():
        for _ in range(WARMUP):
            next(loop)
    return [{name: throughput(loop, seconds, sync) for name, loop in loops.items()} for _ in range(rounds)]


def measure_loops(
    names: list[str], images: Tensor, batch_size: int, device: torch.device, rounds: int, seconds: float
) -> dict[str, dict[str, float]]:
    """Median iterations per second of each loop, and median ratios to the baselines among them."""
    loops = {name: LOOPS[name](images, batch_size, device) for name in names}
    turns = measure_turns(loops, rounds, seconds, make_sync(device))
    results = {}
    for name in names:
        results[name] = {"iterations_per_second": round(statistics.median(turn[name] for turn in turns), 1)}
        for baseline in BASELINES.keys() & names:
            ratio = statistics.median(turn[name] / turn[baseline] for turn in turns)
            results[name][f"vs_{baseline}"] = round(ratio, 3)
    return results


def measure_systems(names: list[str], device: torch.device, rounds: int, seconds: float) -> None:
    """Print iterations per second of each preset with random 28×28 images."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (1024, 1, 28, 28), dtype=torch.uint8, generator=generator)
    split = Split(images, torch.arange(len(images)) % len(DIGIT_CLASSES))
    dataset = ImageDataset(split, split, {"shape": [1, 28, 28], "classes": DIGIT_CLASSES})
    sync = make_sync(device)
    print("| preset | batch size | it/s |\n|---|---|---|")
    for name in names:
        model, config = preset_config(name)
        target = dataset if model.architecture == "cyclegan" else None
        loop = training_loop(*build_trainer(model, config, dataset, target, device))
        throughput(loop, seconds, sync)  # warm up
        speed = statistics.median(throughput(loop, seconds, sync) for _ in range(rounds))
        print(f"| {name} | {config.batch_size} | {speed:.1f} |", flush=True)


@dataclass(frozen=True)
class GrowthCase:
    """One row of the growth table: what differs from the default."""

    name: str
    batch_size: int = 64
    side: int = 28
    num_images: int = 5_000
    model: ModelConfig = ModelConfig()


GROWTH_CASES = (
    GrowthCase("default: batch 64, 28×28, 5,000 images"),
    *(GrowthCase(f"batch {size:,}", batch_size=size) for size in (16, 256, 1024)),
    *(GrowthCase(f"{side}×{side}", side=side) for side in (64, 128)),
    *(GrowthCase(f"{num:,} images", num_images=num) for num in (60_000, 1_000_000)),
    *(GrowthCase(f"latent_dim {dim:,}", model=ModelConfig(latent_dim=dim)) for dim in (10, 1000)),
    GrowthCase(
        "networks twice as wide",
        model=ModelConfig(generator_widths=[256, 512, 1024, 2048], discriminator_widths=[1024, 512]),
    ),
)


def measure_growth(device: torch.device, seconds: float) -> None:
    """Print speed and memory of every case, each in a process of its own, with random images in a file."""
    print("| | it/s | images/s | own memory, MB | mapped files, MB |\n|---|---|---|---|---|")
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool,
    ):
        for case in GROWTH_CASES:
            path = Path(folder) / f"{case.side}-{case.num_images}.safetensors"
            if not path.exists():
                size = (case.num_images, 1, case.side, case.side)
                save_safetensors(path, {"images": torch.randint(0, 256, size, dtype=torch.uint8)}, {})
            speed, own, mapped = pool.submit(measure_growth_case, case, path, device, seconds).result()
            print(f"| {case.name} | {speed:.1f} | {speed * case.batch_size:,.0f} | {own} | {mapped} |", flush=True)


def measure_growth_case(case: GrowthCase, path: Path, device: torch.device, seconds: float) -> tuple[float, int, int]:
    """Iterations per second; MB of memory of this process; MB of mapped files, which the system may drop."""
    images = load_safetensors(path)["images"].to(device)
    trainer = GANTrainer(case.model, TrainConfig(batch_size=case.batch_size), image_shape(images), device)
    loop = training_loop(trainer, BatchLoader(images, case.batch_size, seed=0))
    for _ in range(WARMUP):
        next(loop)
    speed = throughput(loop, seconds, make_sync(device))
    memory = psutil.Process().memory_info()
    mapped = getattr(memory, "shared", 0)  # Linux only
    return speed, (memory.rss - mapped) >> 20, mapped >> 20


def image_shape(images: Tensor) -> ImageShape:
    """Channels, height and width of images [N, C, H, W]."""
    channels, height, width = images.shape[1:]
    return channels, height, width


def make_sync(device: torch.device) -> SyncFn:
    """A function that waits until the device has finished its work."""
    return torch.cuda.synchronize if device.type == "cuda" else lambda: None


def load_images(mnist: Path | None) -> tuple[str, Tensor]:
    """Name and images, uint8 [N, C, H, W]: MNIST's training split where its files are, else the prepared images."""
    for folder in (mnist, Path("data/raw")):
        paths = sorted(folder.rglob("train-images*idx3-ubyte*")) if folder else []
        if paths:
            content = paths[0].read_bytes()
            if paths[0].suffix == ".gz":
                content = gzip.decompress(content)
            return "mnist", torch.from_numpy(np.frombuffer(content, np.uint8, offset=16).copy()).view(-1, 1, 28, 28)
    dataset = ImageDataset.load(Path("data/prepared.safetensors"))
    return dataset.metadata["dataset"]["name"], dataset.train.images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, help="folder with MNIST's own files")
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 256], help="batch sizes")
    parser.add_argument("--only", nargs="+", choices=list(LOOPS), default=list(LOOPS), help="loops to run")
    parser.add_argument("--rounds", type=int, default=20, help="turns per loop")
    parser.add_argument("--seconds", type=float, default=0.4, help="length of a turn; with --growth, of a row times 15")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--systems", nargs="*", choices=list(PRESETS), help="measure these presets; default: all")
    parser.add_argument("--growth", action="store_true", help="measure how the cost grows")
    args = parser.parse_args()
    device = select_device(args.device)
    if args.growth:
        measure_growth(device, 15 * args.seconds)
        return
    if args.systems is not None:
        measure_systems(args.systems or list(PRESETS), device, max(1, args.rounds // 4), args.seconds)
        return
    dataset_name, images = load_images(args.mnist)
    names = [name for name in args.only if name != "jax" or find_spec("jax")]
    if "jax" in args.only and "jax" not in names:
        print("speed: jax is not installed: its loop is left out", file=sys.stderr)
    results = {size: measure_loops(names, images, size, device, args.rounds, args.seconds) for size in args.batch}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    machine = {"dataset": dataset_name, "device": str(device), "threads": torch.get_num_threads()}
    if args.json:
        print(json.dumps({**machine, "peak_memory_mb": memory, "batch_sizes": results}))
        return
    print(f"{dataset_name}, {device}, {torch.get_num_threads()} threads; peak memory of all loops {memory} MB")
    for size, loops in results.items():
        titles = [title for name, title in BASELINES.items() if name in names]
        print("\n| " + " | ".join([f"batch size {size}", "it/s", *titles]) + " |\n" + "|---" * (2 + len(titles)) + "|")
        for name, values in loops.items():
            ratios = [f"{values[f'vs_{baseline}']:.2f}" for baseline in BASELINES if baseline in names]
            print("| " + " | ".join([name, f"{values['iterations_per_second']:.1f}", *ratios]) + " |")


if __name__ == "__main__":
    main()
