"""Measure training speed: loops over the same networks, timed in turn in one run.

    python -m benchmarks.speed [--batch 64 256] [--mnist FOLDER] [--only NAME…] [--rounds N] [--device cuda]
    python -m benchmarks.speed --systems [PRESET…]    iterations per second of every preset, on random images
    python -m benchmarks.speed --growth               cost against batch, image, dataset, latent and network size

The loops, which docs/performance.md describes, train the default networks (ModelConfig) with Adam. Images are the
prepared ones (`dvc repro prepare`), or full MNIST with --mnist. Run nothing else on the machine: two busy thread pools
slow each other several times. A machine's speed also changes from second to second, so the loops take short turns.
Every ratio is the median of the ratios of single turns.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.common import add_mnist_option, full_mnist, preset_config
from gan.data.dataset import BatchLoader, ImageDataset, Split, to_float
from gan.data.registry import DIGIT_CLASSES
from gan.io import load_safetensors, save_safetensors
from gan.networks.config import ModelConfig
from gan.networks.factory import build_discriminator, build_generator
from gan.networks.linear import Linear
from gan.runtime import select_device
from gan.training.config import TrainConfig
from gan.training.factory import build_trainer
from gan.training.metrics_log import MetricsLog
from gan.training.trainer import BaseTrainer, GANTrainer
from tools.presets import PRESETS

LATENT_DIM = ModelConfig().latent_dim
WARMUP = 100  # iterations of each loop before anything is measured
STEPS_PER_CHECK = 5  # iterations between two readings of the clock
TRAINING_SECONDS = 6.0  # per row of --systems and --growth
make_adam = partial(torch.optim.Adam, lr=2e-4, betas=(0.5, 0.999))


def make_networks(dataset: ImageDataset, device: torch.device) -> tuple[nn.Module, nn.Module]:
    """The default generator and discriminator, with nn.Linear layers."""
    generator = build_generator(ModelConfig(), dataset.shape).to(device)
    discriminator = build_discriminator(ModelConfig(), dataset.shape).to(device)
    return use_plain_linear(generator), use_plain_linear(discriminator)


def use_plain_linear(network: nn.Module) -> nn.Module:
    """Replace the oneDNN layers of a network by nn.Linear, in place; the parameters stay the same."""
    for module in network.modules():
        if isinstance(module, Linear):
            module.__class__ = nn.Linear  # type: ignore[assignment]
    return network


def tutorial_loop(dataset: ImageDataset, batch_size: int, device: torch.device) -> Iterator[None]:
    """Run the tutorial's loop as it is written: images pass through PIL in a DataLoader, one iteration per `next`."""
    from torchvision import transforms

    generator, discriminator = make_networks(dataset, device)
    g_optimizer = make_adam(generator.parameters())
    d_optimizer = make_adam(discriminator.parameters())
    bce = nn.BCEWithLogitsLoss()
    to_tensor = [transforms.Resize(dataset.shape[1:]), transforms.ToTensor(), transforms.Normalize(0.5, 0.5)]
    transform = transforms.Compose([transforms.ToPILImage(), *to_tensor])

    def collate(batch: list[tuple[Tensor]]) -> Tensor:
        return torch.stack([transform(image) for (image,) in batch])

    loader = DataLoader(TensorDataset(dataset.train.images), batch_size, shuffle=True, collate_fn=collate)
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


def plain_loop(dataset: ImageDataset, batch_size: int, device: torch.device) -> Iterator[None]:
    """Run the same training in plain PyTorch, with the images in memory."""
    generator, discriminator = make_networks(dataset, device)
    g_params = list(generator.parameters())
    d_params = list(discriminator.parameters())
    g_optimizer = make_adam(g_params)
    d_optimizer = make_adam(d_params)
    bce = nn.BCEWithLogitsLoss()
    data = to_float(dataset.train.images).to(device)
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


def project_loop(dataset: ImageDataset, batch_size: int, device: torch.device, onednn: bool = True) -> Iterator[None]:
    """Run this project's training. onednn: whether to keep the oneDNN layers."""
    trainer = GANTrainer(ModelConfig(), TrainConfig(batch_size=batch_size), dataset.shape, device)
    if not onednn:
        use_plain_linear(trainer.generator)
        use_plain_linear(trainer.discriminator)
    return training_loop(trainer, BatchLoader(dataset.train.images.to(device), batch_size, seed=0))


def training_loop(trainer: BaseTrainer, loader: BatchLoader) -> Iterator[None]:
    """Run a trainer as gan.training.loop does, without frames and checkpoints."""
    log = MetricsLog(trainer.metric_names, TrainConfig().log_every, len(loader))
    for epoch in count():
        for batch in loader.epoch(epoch):
            log.update(trainer.step(batch))
            yield


def matmul_adam_baseline(dataset: ImageDataset, batch_size: int, device: torch.device) -> Iterator[None]:
    """Run the matrix products of one step and one Adam update, and nothing else."""
    networks = make_networks(dataset, device)
    products: list[tuple[Tensor, Tensor]] = []
    for network, num_rows in zip(networks, (batch_size, 2 * batch_size), strict=True):
        linear_layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
        for i, layer in enumerate(linear_layers):
            weight = layer.weight.detach()
            inputs = torch.randn(num_rows, layer.in_features, device=device)
            grad_outputs = torch.randn(num_rows, layer.out_features, device=device)
            products.append((inputs, weight.t()))  # forward
            products.append((grad_outputs.t(), inputs))  # gradient of the weight
            if i > 0:
                products.append((grad_outputs, weight))  # gradient of the input
            elif network is networks[1]:
                products.append((grad_outputs[batch_size:], weight))  # the discriminator's input: fake images only
    outputs = [left @ right for left, right in products]
    params = torch.zeros(sum(p.numel() for network in networks for p in network.parameters()), device=device)
    params.requires_grad_().grad = torch.randn_like(params)
    optimizer = make_adam([params], fused=True)
    while True:
        for (left, right), out in zip(products, outputs, strict=True):
            torch.mm(left, right, out=out)
        optimizer.step()
        yield


def jax_loop(dataset: ImageDataset, batch_size: int, device: torch.device) -> Iterator[None]:
    """Run the step under jax.jit."""
    from benchmarks import jax_step

    networks = make_networks(dataset, torch.device("cpu"))
    return jax_step.training_loop(*networks, dataset.train.images, batch_size, device.type)


LOOPS: dict[str, Callable[[ImageDataset, int, torch.device], Iterator[None]]] = {
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


def print_loops(
    names: list[str], dataset: ImageDataset, batch_size: int, device: torch.device, *, rounds: int, seconds: float
) -> None:
    """Run the loops in turns of `seconds`; print median iterations per second and median ratios to the baselines."""
    loops = {name: LOOPS[name](dataset, batch_size, device) for name in names}
    for loop in loops.values():
        for _ in range(WARMUP):
            next(loop)
    turns = [{name: throughput(loop, seconds, device) for name, loop in loops.items()} for _ in range(rounds)]
    baselines = [name for name in BASELINES if name in names]
    columns = ["it/s", *(f"÷ {baseline}" for baseline in baselines)]
    print(f"\n| batch size {batch_size} | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    for name in names:
        speed = statistics.median(turn[name] for turn in turns)
        ratios = [statistics.median(turn[name] / turn[baseline] for turn in turns) for baseline in baselines]
        print(f"| {name} | {' | '.join([f'{speed:.1f}', *(f'{ratio:.2f}' for ratio in ratios)])} |", flush=True)


# Rows of the growth table: arguments of measure_training.
WIDER_NETWORKS = ("model.generator_widths=[256, 512, 1024, 2048]", "model.discriminator_widths=[1024, 512]")
GROWTH_CASES: dict[str, dict[str, Any]] = {
    "default: batch 64, 28×28, 5,000 images": {},
    **{f"batch {size:,}": {"changes": [f"train.batch_size={size}"]} for size in (16, 256, 1024)},
    **{f"{side}×{side}": {"side": side} for side in (64, 128)},
    **{f"{num:,} images": {"num_images": num} for num in (60_000, 1_000_000)},
    **{f"latent_dim {dim:,}": {"changes": [f"model.latent_dim={dim}"]} for dim in (10, 1000)},
    "networks twice as wide": {"changes": WIDER_NETWORKS},
}


def print_trainings(cases: Mapping[str, Mapping[str, Any]], device: torch.device) -> None:
    """Print speed and memory of trainings, each in a process of its own. cases: arguments of measure_training."""
    print("| | batch size | it/s | images/s | memory, MB |\n|---|---|---|---|---|")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name, case in cases.items():
            batch_size, speed, memory = pool.apply(measure_training, (device,), case)
            print(f"| {name} | {batch_size} | {speed:.1f} | {speed * batch_size:,.0f} | {memory} |", flush=True)


def measure_training(
    device: torch.device, preset: str = "tutorial", changes: Sequence[str] = (), side: int = 28, num_images: int = 5_000
) -> tuple[int, float, int]:
    """Train on random images in a file. Batch size, iterations per second, and MB of memory without mapped files."""
    model, config = preset_config(preset, changes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "images.safetensors")
        save_safetensors(path, {"images": torch.randint(0, 256, (num_images, 1, side, side), dtype=torch.uint8)}, {})
        split = Split(load_safetensors(path)["images"], torch.arange(num_images) % len(DIGIT_CLASSES))
        dataset = ImageDataset(split, split, {"shape": [1, side, side], "classes": DIGIT_CLASSES})
        target = dataset if model.architecture == "cyclegan" else None
        loop = training_loop(*build_trainer(model, config, dataset, target, device))
        throughput(loop, 1, device)  # warm up
        speed = throughput(loop, TRAINING_SECONDS, device)
    memory = psutil.Process().memory_info()
    private = memory.rss - getattr(memory, "shared", 0)  # only Linux reports the size of mapped files
    return config.batch_size, speed, private >> 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_mnist_option(parser)
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 256], help="batch sizes")
    parser.add_argument("--only", nargs="+", choices=list(LOOPS), default=list(LOOPS), help="loops to run")
    parser.add_argument("--rounds", type=int, default=20, help="turns per loop")
    parser.add_argument("--seconds", type=float, default=0.4, help="length of a turn")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    parser.add_argument("--systems", nargs="*", choices=PRESETS, metavar="PRESET", help="measure presets; default: all")
    parser.add_argument("--growth", action="store_true", help="measure how the cost grows")
    args = parser.parse_args()
    device = select_device(args.device)
    if args.growth or args.systems is not None:
        systems = {name: {"preset": name} for name in args.systems or PRESETS}
        print_trainings(GROWTH_CASES if args.growth else systems, device)
        return
    dataset = full_mnist(args.mnist) if args.mnist else ImageDataset.load(Path("data/prepared.safetensors"))
    names = [name for name in args.only if name != "jax" or find_spec("jax")]  # without jax its loop is left out
    print(f"{dataset.metadata['dataset']['title']}, device: {device}, threads: {torch.get_num_threads()}")
    for batch_size in args.batch:
        print_loops(names, dataset, batch_size, device, rounds=args.rounds, seconds=args.seconds)


if __name__ == "__main__":
    main()
