"""Translate pictures with trained translators (model.architecture cyclegan), without DVC or params.yaml.

python -m gan.translate models/generator.safetensors PICTURES [--back] --out translated/
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from gan.config import UserError
from gan.data.download import IMAGE_SUFFIXES
from gan.data.raw_dataset import load_image, resize_and_crop
from gan.images import make_grid, save_png
from gan.networks.cyclegan import CycleGenerators
from gan.networks.factory import load_network
from gan.sampling import translate_images


def translate(model: Path, pictures: Path, out: Path, *, back: bool = False, device: str = "auto") -> int:
    """Write a translation, a PNG of the same name, of every picture in the folder (or file) `pictures`; how many.

    back: from the target to the source. Pictures are brought to the model's size as those that it was trained on.
    Raises UserError where there is nothing to translate, or with.
    """
    network, metadata = load_network(model, "generator")
    if not isinstance(network, CycleGenerators):
        raise UserError(f"{model}: makes pictures of noise: use `python -m gan.generate`")
    found = sorted(pictures.iterdir()) if pictures.is_dir() else [pictures]
    paths = [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    if not paths:
        raise UserError(f"{pictures}: no pictures there; give a picture or a folder of pictures")
    channels, height, width = metadata["shape"]
    rows = []
    for path in paths:
        try:
            picture = load_image(path, "RGB" if channels == 3 else "L")
        except Exception as error:  # whatever a damaged file makes Pillow's decoders raise
            raise UserError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
        inside = np.asarray(resize_and_crop(picture, height, width, metadata.get("target_border", 0) if back else 0))
        rows.append(inside.reshape(height, width, channels).transpose(2, 0, 1))
    made = translate_images(network.back if back else network.there, torch.from_numpy(np.stack(rows)), device).numpy()
    stems = Counter(path.stem for path in paths)
    for path, translation in zip(paths, made, strict=True):
        name = path.stem if stems[path.stem] == 1 else path.name
        save_png(make_grid(translation[None], 1, gap=0), out / f"{name}.png")
    return len(paths)


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m gan.translate", description="Translate pictures.")
    parser.add_argument("model", type=Path, help="translators, such as models/generator.safetensors")
    parser.add_argument("pictures", type=Path, help="a picture or a folder of pictures")
    parser.add_argument("--back", action="store_true", help="from the target to the source")
    parser.add_argument("--out", type=Path, default=Path("translated"), help="the folder to write to")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    args = parser.parse_args(arguments)
    try:
        count = translate(args.model, args.pictures, args.out, back=args.back, device=args.device)
    except (UserError, OSError) as error:
        sys.exit(f"translate: {error}")
    print(f"translate: {count} pictures in {args.out}/")


if __name__ == "__main__":
    main()
