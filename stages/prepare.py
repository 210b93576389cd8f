"""Decode, resize and split the pictures into data/prepared.safetensors, and show some of them."""

import sys
from pathlib import Path

import torch

from gan.data.decode import decode
from gan.data.prepare import prepare
from gan.data.prepared import Prepared
from gan.data.settings import PrepareSettings
from gan.figures.grids import grid, save_png
from stages import run
from stages.params import section

OUT = Path("data/prepared.safetensors")
SHOWN = 100


def main() -> None:
    settings = section("prepare", PrepareSettings)
    for line in prepare(decode(Path("data/raw"), Path("data/images")), settings, OUT):
        print(f"prepare: left out, cannot be read: {line}", file=sys.stderr)
    prepared = Prepared.load(OUT)
    images = prepared.train.images  # some sources are sorted by class, so pictures from all over it are shown
    shown = images[torch.linspace(0, len(images) - 1, min(SHOWN, len(images))).long()]
    save_png(grid(shown.numpy(), columns=10, scale=2), Path("reports/reals.png"))
    about = prepared.about
    left_out = f", {len(about['unreadable'])} left out" if about["unreadable"] else ""
    print(
        f"prepare: {about['dataset']['title']}: {about['counts']['train']:,} training and {about['counts']['test']:,} "
        f"test pictures of {'×'.join(map(str, about['shape']))}{left_out}"
    )


if __name__ == "__main__":
    run(main)
