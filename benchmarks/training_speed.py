"""How fast is training? The tutorial's loop, this project's engine and the floor under both, in turn.

    python -m benchmarks.training_speed [--json]

The floor is the step's matrix products at their shapes and one fused Adam pass over all parameters, and nothing else.
It uses the prepared pictures, so run `dvc repro prepare` first. Both train the networks of ModelSettings' defaults with
batches of 64. The machine should have nothing else to do: two busy thread pools slow each other many times over.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from gan.data.prepared import Batches, Prepared
from gan.networks.build import build_discriminator, build_generator
from gan.networks.settings import ModelSettings
from gan.runtime import select_device
from gan.training.adam import Adam
from gan.training.games import NoiseToImage
from gan.training.settings import TrainSettings

LATENT_DIM = 100


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

    generator, discriminator = build_generator(ModelSettings(), shape), build_discriminator(ModelSettings(), shape)
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
    game = NoiseToImage(ModelSettings(), TrainSettings(), shape, device)
    batches = Batches(images.to(device), batch, seed=0)
    epoch = step = 0
    while True:
        for pictures in batches.epoch(epoch):
            game.step(pictures)
            if step % 400 == 0:
                game.preview()
            step += 1
            yield
        epoch += 1


def floor(shape: tuple[int, int, int], batch: int, device: torch.device) -> Iterator[None]:
    """The arithmetic that no engine can do without, an iteration at a time: see the module's docstring."""
    generator, discriminator = build_generator(ModelSettings(), shape), build_discriminator(ModelSettings(), shape)
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


def rates(loops: dict[str, Iterator[None]], rounds: int, seconds: float, wait: Callable[[], None]) -> dict[str, float]:
    """Median iterations a second of each loop over `rounds` turns of `seconds` each, one after the other."""
    seen: dict[str, list[float]] = {name: [] for name in loops}
    for loop in loops.values():  # warm up
        for _ in range(20):
            next(loop)
    for _ in range(rounds):
        for name, loop in loops.items():
            wait()
            start, count = time.perf_counter(), 0
            while time.perf_counter() - start < seconds:
                for _ in range(10):
                    next(loop)
                count += 10
            wait()
            seen[name].append(count / (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in seen.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each turn")
    args = parser.parse_args()
    prepared, device = Prepared.load(Path("data/prepared.safetensors")), select_device()
    images = prepared.train.images
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    loops = {loop.__name__: loop(images, prepared.shape, args.batch, device) for loop in (tutorial, engine)}
    loops["floor"] = floor(prepared.shape, args.batch, device)
    found = rates(loops, args.rounds, args.seconds, wait)
    result = {f"{name}_it_s": round(rate, 1) for name, rate in found.items()}
    result["ratio"] = round(found["engine"] / found["tutorial"], 2)
    result["of_floor"] = round(found["engine"] / found["floor"], 3)
    if args.json:
        print(json.dumps(result))
        return
    print(f"{prepared.about['dataset']['name']}, batch {args.batch}, {device}, {torch.get_num_threads()} threads")
    for name, value in result.items():
        print(f"{name:<16}{value:>8}")


if __name__ == "__main__":
    main()
