"""Training frames of the report's frame viewer: small images with the metrics of their iteration."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from gan.images import FrameFile, evenly_spaced_indices, list_frames
from gan.plots.curves import Table, read_table

WEBP_QUALITY = 88  # of color images; gray ones are lossless
MAX_BYTES = 5_000_000  # of all data URLs together


class FrameRecord(NamedTuple):
    """One frame and the metrics of its iteration. Epoch and step count from 1."""

    data_url: str
    epoch: int
    step: int
    metrics: Mapping[str, float]


def load_frames(reports: Path, max_frames: int) -> list[FrameRecord]:
    """Load at most `max_frames` evenly spaced frames, fewer if they exceed MAX_BYTES, with the nearest metrics."""
    history = read_table(reports / "history.tsv")
    files = list_frames(reports / "frames")
    frames = [_load_frame(files[i], history) for i in evenly_spaced_indices(len(files), max_frames)]
    num_bytes = sum(len(frame.data_url) for frame in frames)
    if num_bytes > MAX_BYTES:
        max_frames = max(2, len(frames) * MAX_BYTES // num_bytes)
        frames = [frames[i] for i in evenly_spaced_indices(len(frames), max_frames)]
    return frames


def _load_frame(file: FrameFile, history: Table) -> FrameRecord:
    step = file.step + 1
    row = min(range(len(history["step"])), key=lambda i: abs(history["step"][i] - step))
    metrics = {name: values[row] for name, values in history.items() if name not in ("step", "epoch")}
    with Image.open(file.path) as image:
        return FrameRecord(to_data_url(image), file.epoch + 1, step, metrics)


def to_data_url(image: Image.Image) -> str:
    """Encode an image as a WebP data URL."""
    out = io.BytesIO()
    if image.mode == "L":  # lossless WebP of a gray image is no larger
        image.convert("RGB").save(out, "WEBP", lossless=True, method=4)
    else:
        image.save(out, "WEBP", quality=WEBP_QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"
