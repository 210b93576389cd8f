"""Pieces of the two photographs that scikit-learn ships, as a set of own pictures in colour.

    python -m benchmarks.photos data/images [--side 64] [--step 16]

writes one folder for each photograph, `china` and `flower` (CC BY 2.0; their authors stand in scikit-learn's
datasets/images/README.txt). docs/tour.md, section 6, says what to do with them.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def pieces(photo: NDArray[np.uint8], side: int, step: int) -> Iterator[Image.Image]:
    """Squares of `side` pixels, `step` pixels apart."""
    for top in range(0, photo.shape[0] - side + 1, step):
        for left in range(0, photo.shape[1] - side + 1, step):
            yield Image.fromarray(photo[top : top + side, left : left + side])


def main() -> None:
    from sklearn.datasets import load_sample_image

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--step", type=int, default=16, help="pixels from one square to the next")
    args = parser.parse_args()
    for name in ("china", "flower"):
        folder = args.out / name
        folder.mkdir(parents=True, exist_ok=True)
        for i, piece in enumerate(pieces(load_sample_image(f"{name}.jpg"), args.side, args.step)):
            piece.save(folder / f"{i:04d}.png")
        print(f"{folder}: {i + 1} pictures")


if __name__ == "__main__":
    main()
