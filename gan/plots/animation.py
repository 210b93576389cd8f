"""Animated GIFs. Separate from gan/images.py, so that an edit of this file does not rerun the training."""

from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan.io import atomic_write


def add_caption(frame: Image.Image, caption: str, scale: int, num_levels: int = 256) -> Image.Image:
    """Round a frame to `num_levels` levels per channel, enlarge it without smoothing, and write a caption below it."""
    rounded = [round(round(v / 255 * (num_levels - 1)) * 255 / (num_levels - 1)) for v in range(256)]
    frame = frame.point(rounded * len(frame.getbands()))
    frame = frame.resize((frame.width * scale, frame.height * scale), Image.Resampling.NEAREST)
    font_size = max(11, round(frame.width / 24))
    font = ImageFont.load_default(font_size)
    width = max(frame.width, round(font.getlength(caption)) + 8)
    canvas = Image.new(frame.mode, (width, frame.height + 2 * font_size), "white")
    canvas.paste(frame, ((width - frame.width) // 2, 0))
    ImageDraw.Draw(canvas).text((width / 2, frame.height + font_size), caption, "black", font, anchor="mm")
    return canvas


def save_gif(path: Path, frames: Sequence[Image.Image], frame_ms: int, last_frame_ms: int) -> None:
    """Write frames, centered on white, as a GIF that loops forever and is as large as the largest frame."""
    width = max(frame.width for frame in frames)
    height = max(frame.height for frame in frames)
    arrays = []
    for frame in frames:
        canvas = Image.new(frame.mode, (width, height), "white")
        canvas.paste(frame, ((width - frame.width) // 2, (height - frame.height) // 2))
        arrays.append(np.asarray(canvas))
    duration = [frame_ms] * (len(frames) - 1) + [last_frame_ms] if len(frames) > 1 else last_frame_ms
    with atomic_write(path) as temporary:
        iio.imwrite(temporary, arrays, plugin="pillow", extension=".gif", duration=duration, loop=0)
