"""How fast is training? The tutorial's loop, this project's engine and the floor under both, in turn.

    python -m benchmarks.training_speed [--json] [--mnist FOLDER]

The floor is the step's matrix products at their shapes, by torch.mm, and one fused Adam pass over all parameters,
and nothing else. Both train the networks of ModelSettings' defaults, with batches of 64, then of 256. Pictures: full
MNIST if its four files are in FOLDER, or data/raw/; otherwise the prepared ones (`dvc repro prepare`). The machine
should have nothing else to do: two busy thread pools slow each other many times over. As a shared machine's speed
changes from second to second, the loops take short turns, and `ratio` and `of_floor` are medians over the turns' own.
"""

import argparse
import gzip
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from gan.data.dataset import BatchLoader, ImageDataset
from gan.networks.config import ModelConfig
from gan.networks.factory import build_discriminator, build_generator
from gan.runtime import select_device
from gan.training.adam import Adam
from gan.training.config import TrainConfig
from gan.training.metrics_log import MetricsLog
from gan.training.trainer import GANTrainer

LATENT_DIM = 100
WARM, STEPS = 100, 5  # iterations before anything is measured, and between two looks at the clock
Wait = Callable[[], None]


class Loop:
    """A loop that is run in turns with others: an iteration at a time, with threads and cores as it sets them."""

    def __init__(self, iterations: Iterator[None]) -> None:
        self._iterations, self._threads, self._cores = iterations, torch.get_num_threads(), cores()

    def run(self, count: int) -> None:
        """So many iterations."""
        threads, there = torch.get_num_threads(), cores()
        place(self._threads, self._cores)
        for _ in range(count):
            next(self._iterations)
        self._threads, self._cores = torch.get_num_threads(), cores()
        place(threads, there)


def cores() -> set[int]:
    """Those that this thread may use, as far as the system tells."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def place(threads: int, there: set[int]) -> None:
    """Go on with so many threads, this one on these cores."""
    torch.set_num_threads(threads)
    if there != cores():
        os.sched_setaffinity(0, there)


class Pictures(Dataset[Tensor]):
    """Pictures as the tutorial reads them: each made a PIL image, resized, turned into a tensor and normalised."""

    def __init__(self, images: Tensor) -> None:
        from torchvision import transforms

        self.images = images
        side = images.shape[-2:]
        self.transform = transforms.Compose(
            [transforms.ToPILImage(), transforms.Resize(side), transforms.ToTensor(), transforms.Normalize(0.5, 0.5)]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        picture: Tensor = self.transform(self.images[index])
        return picture


def tutorial(images: Tensor, shape: tuple[int, int, int], batch: int, device: torch.device) -> Iterator[None]:
    """The tutorial's loop, an iteration at a time, as it is written: D is called anew wherever its answer is named."""
    from torchvision.utils import save_image

    generator, discriminator = build_generator(ModelConfig(), shape), build_discriminator(ModelConfig(), shape)
    for network in (generator, discriminator):
        network.to(device)
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in (generator, discriminator)
    ]
    bce = nn.BCEWithLogitsLoss()
    loader = DataLoader(Pictures(images), batch_size=batch, shuffle=True)
    sums, step = [0.0, 0.0], 0
    with tempfile.TemporaryDirectory() as folder:
        while True:
            for pictures in loader:
                real = pictures.to(device)
                z = torch.randn(len(real), LATENT_DIM, device=device)
                optimizers[0].zero_grad()
                fake = generator(z)
                generator_loss = bce(discriminator(fake), torch.ones_like(discriminator(fake)))
                generator_loss.backward()
                optimizers[0].step()
                optimizers[1].zero_grad()
                on_real = bce(discriminator(real), torch.ones_like(discriminator(real)))
                old = fake.detach()
                on_fake = bce(discriminator(old), torch.zeros_like(discriminator(old)))
                discriminator_loss = (on_real + on_fake) / 2
                discriminator_loss.backward()
                optimizers[1].step()
                sums = [sums[0] + generator_loss.item(), sums[1] + discriminator_loss.item()]  # its progress bar
                if step % 400 == 0:
                    save_image(fake.detach()[:25], Path(folder) / f"{step}.png", nrow=5, normalize=True)
                step += 1
                yield


def engine(images: Tensor, shape: tuple[int, int, int], batch: int, device: torch.device) -> Iterator[None]:
    """This project's engine, an iteration at a time."""
    game = GANTrainer(ModelConfig(), TrainConfig(batch_size=batch), shape, device)
    batches = BatchLoader(images.to(device), batch, seed=0)
    history = MetricsLog(game.scalars, TrainConfig().log_every, len(batches))
    epoch = step = 0
    with game.running():
        while True:
            for pictures in batches.epoch(epoch):
                history.add(game.step(pictures))
                if step % 400 == 0:
                    game.preview()
                step += 1
                yield
            epoch += 1


def floor(shape: tuple[int, int, int], batch: int, device: torch.device) -> Iterator[None]:
    """The step's products and one pass of Adam, an iteration at a time: see the module's docstring."""
    generator, discriminator = build_generator(ModelConfig(), shape), build_discriminator(ModelConfig(), shape)
    products: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(left: Tensor, right: Tensor) -> None:
        products.append((left, right, left @ right))

    for network, rows in ((generator, batch), (discriminator, 2 * batch)):
        for i, layer in enumerate(layer for layer in network.children() if isinstance(layer, nn.Linear)):
            weight = layer.weight.detach().to(device)
            inputs = torch.randn(rows, layer.in_features, device=device)
            outputs = torch.randn(rows, layer.out_features, device=device)
            add(inputs, weight.t())  # forward
            add(outputs.t(), inputs)  # the weight's gradient
            # and what goes on to the layer below: nothing below G's first layer, the fakes' half below D's
            if i > 0:
                add(outputs, weight)
            elif network is discriminator:
                add(outputs[batch:], weight)
    count = sum(p.numel() for network in (generator, discriminator) for p in network.parameters())
    adam = Adam([torch.randn(count, device=device)], 2e-4, (0.5, 0.999))
    gradient = torch.randn(count, device=device)
    while True:
        for left, right, out in products:
            torch.mm(left, right, out=out)
        adam.step([gradient])
        yield


def rates(loops: dict[str, Loop], rounds: int, seconds: float, wait: Wait) -> list[dict[str, float]]:
    """Iterations a second of each loop in each of `rounds` turns of `seconds`, one after the other."""
    for loop in loops.values():
        loop.run(WARM)
    return [{name: rate(loop, seconds, wait) for name, loop in loops.items()} for _ in range(rounds)]


def rate(loop: Loop, seconds: float, wait: Wait) -> float:
    """Iterations a second of a loop over about `seconds`."""
    wait()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        loop.run(STEPS)
        count += STEPS
        wait()
    return count / (time.perf_counter() - start)


def measure(images: Tensor, batch: int, rounds: int, seconds: float, device: torch.device) -> dict[str, float]:
    """The five figures for batches of that many pictures."""
    channels, height, width = images.shape[1:]
    shape = (channels, height, width)
    loops = {
        "tutorial": Loop(tutorial(images, shape, batch, device)),
        "engine": Loop(engine(images, shape, batch, device)),
        "floor": Loop(floor(shape, batch, device)),
    }
    turns = rates(loops, rounds, seconds, torch.cuda.synchronize if device.type == "cuda" else lambda: None)
    result = {f"{name}_it_s": round(statistics.median(turn[name] for turn in turns), 1) for name in loops}
    result["ratio"] = round(statistics.median(turn["engine"] / turn["tutorial"] for turn in turns), 2)
    result["of_floor"] = round(statistics.median(turn["engine"] / turn["floor"] for turn in turns), 3)
    return result


def pictures(mnist: Path | None) -> tuple[str, Tensor]:
    """Full MNIST's training pictures if they are at hand, otherwise the prepared ones: name and uint8 [N, C, H, W]."""
    for folder in (mnist, Path("data/raw")):
        if folder and (found := sorted(folder.glob("train-images*idx3-ubyte*"))):
            content = found[0].read_bytes()
            content = gzip.decompress(content) if found[0].suffix == ".gz" else content
            return "mnist", torch.from_numpy(np.frombuffer(content, np.uint8, offset=16).copy()).view(-1, 1, 28, 28)
    prepared = ImageDataset.load(Path("data/prepared.safetensors"))
    return prepared.metadata["dataset"]["name"], prepared.train.images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--mnist", type=Path, help="a folder with MNIST's own files")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.4, help="of each turn")
    args = parser.parse_args()
    device, (name, images) = select_device(), pictures(args.mnist)
    result: dict[str, Any] = measure(images, args.batch, args.rounds, args.seconds, device)
    result["large_batch"] = {"batch": 4 * args.batch} | measure(images, 4 * args.batch, 10, args.seconds, device)
    result["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    if args.json:
        print(json.dumps(result))
        return
    print(f"{name}, {device}, {torch.get_num_threads()} threads; peak memory {result['peak_memory_mb']} MB")
    print(f"{'batch':<16}{args.batch:>8}{4 * args.batch:>8}")
    for key in ("tutorial_it_s", "engine_it_s", "floor_it_s", "ratio", "of_floor"):
        print(f"{key:<16}{result[key]:>8}{result['large_batch'][key]:>8}")


if __name__ == "__main__":
    main()
