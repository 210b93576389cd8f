"""Pictures in rows and columns: the one way in which this project draws many of them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from gan.io import atomic_write

if TYPE_CHECKING:  # whoever draws from files need not wait for torch
    from torch import Tensor


def to_uint8(pictures: "Tensor") -> NDArray[np.uint8]:
    """Pictures in [-1, 1], [N, C, H, W], as uint8 on the CPU. The range is fixed, so pictures can be compared."""
    levels = pictures.detach().float().add(1).mul(127.5).round().clamp(0, 255)
    return levels.byte().cpu().numpy()


def make_grid(
    pictures: NDArray[np.uint8], columns: int, *, gap: int = 2, scale: int = 1, paper: int = 255
) -> Image.Image:
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
    with atomic_write(path) as temporary:
        image.save(temporary, pnginfo=text, optimize=True)


def evenly_spaced_indices(count: int, most: int) -> list[int]:
    """At most `most` of the indices 0 … count − 1, evenly spread, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


_NAME = re.compile(r"epoch(\d+)_step(\d+)\.png")


def frame_name(epoch: int, step: int) -> str:
    """File name of the frame drawn in `epoch` after iteration `step`, both counted from 0; names sort in time."""
    return f"epoch{epoch:05d}_step{step:08d}.png"


def parse_frame_name(path: Path) -> tuple[int, int] | None:
    """Epoch and step of a frame's file, or None for any other file."""
    match = _NAME.fullmatch(path.name)
    return (int(match[1]), int(match[2])) if match else None


def save_gif(path: Path, frames: Sequence[Image.Image], frame_ms: int, hold_ms: int) -> None:
    """Write frames as a GIF that loops for ever, the last frame held for `hold_ms`.

    Frames narrower or lower than the largest (their captions differ in length) are centred on white.
    """
    durations = [frame_ms] * (len(frames) - 1) + [hold_ms]
    width, height = max(frame.width for frame in frames), max(frame.height for frame in frames)
    arrays = []
    for frame in frames:
        sheet = Image.new(frame.mode, (width, height), "white")
        sheet.paste(frame, ((width - frame.width) // 2, (height - frame.height) // 2))
        arrays.append(np.asarray(sheet))
    with atomic_write(path) as temporary:
        iio.imwrite(
            temporary,
            arrays,
            plugin="pillow",
            extension=".gif",
            duration=durations if len(frames) > 1 else hold_ms,
            loop=0,
        )
