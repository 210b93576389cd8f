"""Decode, resize and split the pictures into data/prepared.safetensors, and show some of them."""

import sys
from pathlib import Path

from gan.data.decode import Decoded, decode
from gan.data.prepare import prepare
from gan.data.prepared import Prepared, spread
from gan.data.settings import PrepareSettings
from gan.figures.grids import grid, save_png
from gan.files import new_folder
from gan.settings import UserError
from stages import run
from stages.params import section

OUT, TARGET = Path("data/prepared.safetensors"), Path("data/target")
SHOWN = 100


def main() -> None:
    settings, raw = section("prepare", PrepareSettings), Path("data/raw")
    prepared = prepare_one(decode(raw, Path("data/images")), settings, OUT)
    shown = spread(prepared.train.images, min(SHOWN, len(prepared.train.images)))
    save_png(grid(shown.numpy(), columns=10, scale=2), Path("reports/reals.png"))
    new_folder(TARGET, "The pictures of data.target, if there is one.")
    if (raw / "target").exists():  # translations keep the shape of a picture
        target = decode(raw / "target", Path("data/target_images"))
        if prepared.shape[0] == 1 and target.stacked > 1:
            raise UserError("data.target: stacks of digits have three channels; set prepare.channels to 3")
        alike = settings.model_copy(update={"channels": prepared.shape[0]})
        prepare_one(target, alike, TARGET / OUT.name, settings.target_border)


def prepare_one(decoded: Decoded, settings: PrepareSettings, out: Path, border: float = 0) -> Prepared:
    for line in prepare(decoded, settings, out, border):
        print(f"prepare: left out, cannot be read: {line}", file=sys.stderr)
    prepared = Prepared.load(out)
    about = prepared.about
    left_out = f", {len(about['unreadable'])} left out" if about["unreadable"] else ""
    print(
        f"prepare: {about['dataset']['title']}: {about['counts']['train']:,} training and {about['counts']['test']:,} "
        f"test pictures of {'×'.join(map(str, about['shape']))}{left_out}"
    )
    return prepared


if __name__ == "__main__":
    run(main)
