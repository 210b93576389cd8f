"""Decode, resize and split the images into data/prepared.safetensors, and save a grid of training images."""

import sys
from pathlib import Path

from gan.config import UserError
from gan.data.config import PrepareConfig
from gan.data.dataset import ImageDataset, evenly_spaced
from gan.data.prepare import prepare
from gan.data.raw_dataset import RawDataset, decode
from gan.images import make_grid, save_png
from gan.io import recreate_dir
from stages._common import load_section, run_stage

RAW = Path("data/raw")
OUT = Path("data/prepared.safetensors")
TARGET = Path("data/target")


def main() -> None:
    config = load_section("prepare", PrepareConfig)
    dataset = prepare_dataset(decode(RAW, Path("data/images")), config, OUT)
    grid_images = evenly_spaced(dataset.train.images, min(100, len(dataset.train.images)))
    save_png(make_grid(grid_images.numpy(), columns=10, scale=2), Path("reports/reals.png"))

    recreate_dir(TARGET, "The prepared images of data.target, if it is set.")
    if (RAW / "target").exists():
        raw_target = decode(RAW / "target", Path("data/target_images"))
        channels = dataset.shape[0]  # a translator keeps the shape of an image
        if raw_target.num_stacked > channels:
            raise UserError("data.target: stacks of digits have three channels; set prepare.channels to 3")
        config = config.model_copy(update={"channels": channels})
        prepare_dataset(raw_target, config, TARGET / OUT.name, config.target_border)


def prepare_dataset(raw_dataset: RawDataset, config: PrepareConfig, out: Path, padding: float = 0) -> ImageDataset:
    """Write the prepared file and print a summary."""
    for line in prepare(raw_dataset, config, out, padding):
        print(f"prepare: image skipped, cannot be read: {line}", file=sys.stderr)
    dataset = ImageDataset.load(out)
    metadata = dataset.metadata
    counts = "{train:,} training and {test:,} test images".format(**metadata["counts"])
    skipped = f", {len(metadata['unreadable'])} skipped" if metadata["unreadable"] else ""
    print(f"prepare: {metadata['dataset']['title']}: {counts} of {'×'.join(map(str, dataset.shape))}{skipped}")
    return dataset


if __name__ == "__main__":
    run_stage(main)
