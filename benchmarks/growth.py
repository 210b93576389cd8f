"""How does the cost of training grow with the batch, the pictures, the data set, the noise and the networks?

    python -m benchmarks.growth

One process a row, on random pictures. Memory is what the process has for itself in the end; the pictures,
memory-mapped, are the operating system's to keep or to drop, and stand in a column of their own, with PyTorch's
libraries.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import torch

from benchmarks.training_speed import WARM, Loop, rate
from gan.data.dataset import BatchLoader
from gan.io import load_safetensors, save_safetensors
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig
from gan.training.trainer import GANTrainer

WIDE = {"generator_widths": [256, 512, 1024, 2048], "discriminator_widths": [1024, 512]}
ROWS: dict[str, dict[str, Any]] = {
    "the default: batch 64, 28×28, 5,000 pictures": {},
    **{f"batch {batch:,}": {"batch": batch} for batch in (16, 256, 1024)},
    **{f"{side}×{side}": {"side": side} for side in (64, 128)},
    **{f"{count:,} pictures": {"count": count} for count in (60_000, 1_000_000)},
    **{f"latent_dim {d:,}": {"model": {"latent_dim": d}} for d in (10, 1000)},
    "networks twice as wide": {"model": WIDE},
}


def measure(folder: Path, seconds: float, batch: int = 64, side: int = 28, count: int = 5_000, **more: Any) -> None:
    """Train on `count` pictures in a file for some seconds and print what it took, as JSON."""
    model, path = ModelConfig(**more.get("model", {})), folder / f"{side}-{count}.safetensors"
    images = load_safetensors(path)["images"]
    game, batches = GANTrainer(model, TrainConfig(batch_size=batch), (1, side, side)), BatchLoader(images, batch, 0)

    def iterations() -> Iterator[None]:
        for epoch in range(10**9):
            for real in batches.epoch(epoch):
                game.step(real)
                yield

    with game.running():
        loop = Loop(iterations())
        loop.run(WARM)
        it_s, now = rate(loop, seconds, lambda: None), memory()
    print(json.dumps({"it_s": it_s, "own": now["Pss_Anon"] + now["Pss_Shmem"], "file": now["Pss_File"]}))


def memory() -> Counter[str]:
    """MB of this process and its children, what they share counted once: their own, and of files that are mapped."""
    this, found = psutil.Process(), Counter[str]()
    for process in (this, *this.children()):
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss_"):
                name, kilobytes, _ = line.split()
                found[name.rstrip(":")] += int(kilobytes)
    return Counter({name: kilobytes // 1024 for name, kilobytes in found.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each row")
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)  # a row's own process: folder, settings
    args = parser.parse_args()
    if args.row:
        measure(Path(args.row[0]), args.seconds, **json.loads(args.row[1]))
        return
    print(f"{'':<46}{'it/s':>8}{'pictures/s':>12}{'own MB':>8}{'of files':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name, row in ROWS.items():
            side, count = row.get("side", 28), row.get("count", 5_000)
            path = Path(folder) / f"{side}-{count}.safetensors"
            if not path.exists():
                random = torch.randint(0, 256, (count, 1, side, side), dtype=torch.uint8)
                save_safetensors(path, {"images": random}, {})
            command = [sys.executable, "-m", "benchmarks.growth", "--row", folder, json.dumps(row)]
            command += ["--seconds", str(args.seconds)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            pictures = found["it_s"] * row.get("batch", 64)
            print(f"{name:<46}{found['it_s']:>8.1f}{pictures:>12,.0f}{found['own']:>8}{found['file']:>10}", flush=True)


if __name__ == "__main__":
    main()
