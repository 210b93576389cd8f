"""Animated GIFs."""

from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydantic import Field

from gan.files import replacing
from gan.settings import Settings


class AnimateSettings(Settings):
    """The film of the training."""

    frame_ms: int = Field(100, ge=20, le=60_000, description="milliseconds a frame")
    hold_ms: int = Field(2000, ge=20, le=600_000, description="milliseconds that the last frame stays")
    scale: int = Field(3, ge=1, le=16, description="screen pixels a picture pixel")
    max_frames: int = Field(120, ge=2, description="most frames kept; longer films are thinned evenly")


def thinned(count: int, most: int) -> list[int]:
    """At most `most` of the indices 0 … count − 1, evenly spread, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def captioned(frame: Image.Image, caption: str, scale: int) -> Image.Image:
    """A frame enlarged `scale` times without smoothing, `caption` in a band below it."""
    large = frame.resize((frame.width * scale, frame.height * scale), Image.Resampling.NEAREST)
    size = max(11, round(large.width / 24))
    font = ImageFont.load_default(size)
    while size > 7 and font.getlength(caption) > large.width - 8:
        size -= 1
        font = ImageFont.load_default(size)
    sheet = Image.new(large.mode, (large.width, large.height + 2 * size), "white")
    sheet.paste(large)
    ImageDraw.Draw(sheet).text((large.width / 2, large.height + size), caption, "black", font, anchor="mm")
    return sheet


def save_gif(path: Path, frames: Sequence[Image.Image], frame_ms: int, hold_ms: int) -> None:
    """Write frames of one size as a GIF that loops for ever, the last frame held for `hold_ms`."""
    durations = [frame_ms] * (len(frames) - 1) + [hold_ms]
    arrays = [np.asarray(frame) for frame in frames]
    with replacing(path) as temporary:
        iio.imwrite(temporary, arrays, plugin="pillow", extension=".gif", duration=durations, loop=0)
