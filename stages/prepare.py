"""Decode, resize and split the pictures into data/prepared.safetensors, and show some of them."""

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

OUT, TARGET = Path("data/prepared.safetensors"), Path("data/target")
SHOWN = 100


def main() -> None:
    config, raw = load_section("prepare", PrepareConfig), Path("data/raw")
    prepared = prepare_one(decode(raw, Path("data/images")), config, OUT)
    shown = evenly_spaced(prepared.train.images, min(SHOWN, len(prepared.train.images)))
    save_png(make_grid(shown.numpy(), columns=10, scale=2), Path("reports/reals.png"))
    recreate_dir(TARGET, "The pictures of data.target, if there is one.")
    if (raw / "target").exists():  # translations keep the shape of a picture
        target = decode(raw / "target", Path("data/target_images"))
        if prepared.shape[0] == 1 and target.stacked > 1:
            raise UserError("data.target: stacks of digits have three channels; set prepare.channels to 3")
        alike = config.model_copy(update={"channels": prepared.shape[0]})
        prepare_one(target, alike, TARGET / OUT.name, config.target_border)


def prepare_one(decoded: RawDataset, config: PrepareConfig, out: Path, border: float = 0) -> ImageDataset:
    for line in prepare(decoded, config, out, border):
        print(f"prepare: left out, cannot be read: {line}", file=sys.stderr)
    prepared = ImageDataset.load(out)
    metadata = prepared.metadata
    left_out = f", {len(metadata['unreadable'])} left out" if metadata["unreadable"] else ""
    print(
        f"prepare: {metadata['dataset']['title']}: {metadata['counts']['train']:,} training and {metadata['counts']['test']:,} "
        f"test pictures of {'×'.join(map(str, metadata['shape']))}{left_out}"
    )
    return prepared


if __name__ == "__main__":
    run_stage(main)
