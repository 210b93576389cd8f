"""Animated GIFs."""

from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan.files import replacing


def captioned(frame: Image.Image, caption: str, scale: int, levels: int = 256) -> Image.Image:
    """A frame rounded to `levels` brightness levels, enlarged `scale` times without smoothing, above its `caption`.

    The band is wider than the frame where the words need it.
    """
    rounded = [round(round(v / 255 * (levels - 1)) * 255 / (levels - 1)) for v in range(256)]
    frame = frame.point(rounded * len(frame.getbands()))
    large = frame.resize((frame.width * scale, frame.height * scale), Image.Resampling.NEAREST)
    size = max(11, round(large.width / 24))
    font, band = ImageFont.load_default(size), 2 * size
    width = max(large.width, round(font.getlength(caption)) + 8)
    sheet = Image.new(large.mode, (width, large.height + band), "white")
    sheet.paste(large, ((width - large.width) // 2, 0))
    ImageDraw.Draw(sheet).text((width / 2, large.height + band / 2), caption, "black", font, anchor="mm")
    return sheet


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
    with replacing(path) as temporary:
        iio.imwrite(
            temporary,
            arrays,
            plugin="pillow",
            extension=".gif",
            duration=durations if len(frames) > 1 else hold_ms,
            loop=0,
        )
