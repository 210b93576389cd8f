"""Crop squares from the two photographs in scikit-learn, as a small dataset of color images.

    python -m docs.crop_photos data/images [--size 64] [--stride 16]

writes a folder per photograph, `china` and `flower` (CC BY 2.0; datasets/images/README.txt in scikit-learn names their
authors). docs/tour.md uses them as an example of your own images.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def crops(photo: NDArray[np.uint8], size: int, stride: int) -> Iterator[Image.Image]:
    """Squares of `size` pixels, `stride` pixels apart, of a photograph [H, W, 3]."""
    for top in range(0, photo.shape[0] - size + 1, stride):
        for left in range(0, photo.shape[1] - size + 1, stride):
            yield Image.fromarray(photo[top : top + size, left : left + size])


def main() -> None:
    from sklearn.datasets import load_sample_image

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=64, help="side of the squares in pixels")
    parser.add_argument("--stride", type=int, default=16, help="pixels from one square to the next")
    args = parser.parse_args()
    for name in ("china", "flower"):
        folder = args.out / name
        folder.mkdir(parents=True, exist_ok=True)
        num_crops = 0
        for num_crops, crop in enumerate(crops(load_sample_image(f"{name}.jpg"), args.size, args.stride), start=1):
            crop.save(folder / f"{num_crops - 1:04d}.png")
        print(f"{folder}: {num_crops} images")


if __name__ == "__main__":
    main()
