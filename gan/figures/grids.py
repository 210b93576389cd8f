"""Pictures in rows and columns: the one way in which this project draws many of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from gan.files import replacing

if TYPE_CHECKING:  # whoever draws from files need not wait for torch
    from torch import Tensor


def to_uint8(pictures: "Tensor") -> NDArray[np.uint8]:
    """Pictures in [-1, 1], [N, C, H, W], as uint8 on the CPU. The range is fixed, so pictures can be compared."""
    levels = pictures.detach().float().add(1).mul(127.5).round().clamp(0, 255)
    return levels.byte().cpu().numpy()


def grid(pictures: NDArray[np.uint8], columns: int, *, gap: int = 2, scale: int = 1, paper: int = 255) -> Image.Image:
    """Pictures, uint8 [N, C, H, W] with C 1 or 3, row by row in `columns`, each pixel `scale` pixels a side.

    gap: pixels (before scaling) between the pictures and around them, of the grey level `paper`.
    """
    count, channels, height, width = pictures.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), paper, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = gap + (i // columns) * (height + gap), gap + (i % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = picture.transpose(1, 2, 0)
    image = Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet)
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def save_png(image: Image.Image, path: Path, facts: Mapping[str, str] | None = None) -> None:
    """Write a PNG; `facts` become its text fields."""
    text = PngImagePlugin.PngInfo()
    for key, value in (facts or {}).items():
        text.add_text(key, value)
    with replacing(path) as temporary:
        image.save(temporary, pnginfo=text, optimize=True)
