"""Translate images with a trained CycleGAN (model.architecture cyclegan), without DVC or params.yaml.

python -m gan.translate models/generator.safetensors IMAGES [--reverse] --out translated/
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gan.config import UserError
from gan.data.download import IMAGE_SUFFIXES
from gan.data.raw_dataset import load_image, resize_and_crop
from gan.images import make_grid, save_png
from gan.networks.cyclegan import CycleGenerators
from gan.networks.factory import load_network
from gan.sampling import translate_images


def translate(model: Path, images: Path, out: Path, *, reverse: bool = False, device: str = "auto") -> int:
    """Translate an image file, or all images of a directory, to PNGs of the same names in `out`; return their number.

    reverse: from the target to the source. Images are resized and cropped as the model's training images were.
    Raises UserError if the model is not a CycleGAN, or if there is no image or it cannot be read.
    """
    network, metadata = load_network(model, "generator")
    if not isinstance(network, CycleGenerators):
        raise UserError(f"{model}: generates images from noise; use `python -m gan.generate`")
    files = sorted(images.iterdir()) if images.is_dir() else [images]
    paths = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    if not paths:
        raise UserError(f"{images}: no images found; give an image or a directory of images")
    padding = metadata.get("target_border", 0) if reverse else 0
    batch = np.stack([_read_image(path, metadata["shape"], padding) for path in paths])
    generator = network.g_ba if reverse else network.g_ab
    translations = translate_images(generator, torch.from_numpy(batch), device).numpy()
    stem_counts = Counter(path.stem for path in paths)
    for path, translation in zip(paths, translations, strict=True):
        name = path.stem if stem_counts[path.stem] == 1 else path.name
        save_png(make_grid(translation[None], 1, padding=0), out / f"{name}.png")
    return len(paths)


def _read_image(path: Path, shape: tuple[int, int, int], padding: float) -> NDArray[np.uint8]:
    """Read an image as uint8 [C, H, W] of that shape."""
    channels, height, width = shape
    try:
        image = load_image(path, "RGB" if channels == 3 else "L")
    except Exception as error:  # Pillow's decoders raise errors of many types for a damaged file
        raise UserError(f"{path}: cannot be read: {' '.join(str(error).split())}; replace it or leave it out") from None
    resized = np.asarray(resize_and_crop(image, height, width, padding))
    return resized.reshape(height, width, channels).transpose(2, 0, 1)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line interface."""
    parser = argparse.ArgumentParser(prog="python -m gan.translate", description="Translate images.")
    parser.add_argument("model", type=Path, help="a CycleGAN, such as models/generator.safetensors")
    parser.add_argument("images", type=Path, help="an image or a directory of images")
    parser.add_argument("--reverse", action="store_true", help="from the target to the source")
    parser.add_argument("--back", action="store_true", help=argparse.SUPPRESS)  # the name in earlier versions
    parser.add_argument("--out", type=Path, default=Path("translated"), help="the directory to write to")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    args = parser.parse_args(arguments)
    if args.back:
        parser.error("--back is now called --reverse")
    try:
        num_images = translate(args.model, args.images, args.out, reverse=args.reverse, device=args.device)
    except (UserError, OSError) as error:
        sys.exit(f"translate: {error}")
    print(f"translate: {num_images} images in {args.out}/")


if __name__ == "__main__":
    main()
