"""Image grids, PNG files, and the names of training frames."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan.io import atomic_write

if TYPE_CHECKING:
    from torch import Tensor

FRAME_NAME_RE = re.compile(r"epoch(\d+)_step(\d+)\.png")


def to_uint8(images: "Tensor") -> NDArray[np.uint8]:
    """Convert images [N, C, H, W] from the fixed range [-1, 1] to uint8 on the CPU. Values outside are clamped."""
    levels = images.detach().float().add(1).mul(127.5).round().clamp(0, 255)
    return levels.byte().cpu().numpy()


def make_grid(images: NDArray[np.uint8], columns: int, *, padding: int = 2, scale: int = 1) -> Image.Image:
    """Arrange images, uint8 [N, C, H, W] with C 1 or 3, row by row in a white grid of `columns`.

    padding: pixels between and around the images, before scaling. scale: enlargement, without smoothing.
    """
    num_images, channels, height, width = images.shape
    rows = -(-num_images // columns)
    canvas_shape = (padding + rows * (height + padding), padding + columns * (width + padding), channels)
    canvas = np.full(canvas_shape, 255, np.uint8)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        top = padding + row * (height + padding)
        left = padding + column * (width + padding)
        canvas[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    grid = Image.fromarray(canvas[:, :, 0] if channels == 1 else canvas)
    return grid.resize((grid.width * scale, grid.height * scale), Image.Resampling.NEAREST)


def save_png(image: Image.Image, path: Path) -> None:
    """Write a PNG file."""
    with atomic_write(path) as temporary:
        image.save(temporary, optimize=True)


def evenly_spaced_indices(n: int, max_n: int) -> list[int]:
    """At most `max_n` (2 or more) of the indices 0 … n − 1, evenly spaced, including the first and the last."""
    if n <= max_n:
        return list(range(n))
    return sorted({round(i * (n - 1) / (max_n - 1)) for i in range(max_n)})


class FrameFile(NamedTuple):
    """A saved training frame. Epoch and step count from 0."""

    epoch: int
    step: int
    path: Path


def frame_name(epoch: int, step: int) -> str:
    """File name of the frame of iteration `step` in `epoch`, both counted from 0. Names sort by time."""
    return f"epoch{epoch:05d}_step{step:08d}.png"


def list_frames(folder: Path) -> list[FrameFile]:
    """Frame files of a folder in the order of training."""
    matches = ((FRAME_NAME_RE.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted(FrameFile(int(match[1]), int(match[2]), path) for match, path in matches if match)
