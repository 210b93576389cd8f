"""The film as the report shows it: frames as small pictures with the figures of their iteration."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from gan.images import evenly_spaced_indices, parse_frame_name
from gan.plots.curves import read_table

WEBP_QUALITY = 88  # of WebP, in colour
MAX_BYTES = 5_000_000  # of all frames, as text


class Frame(NamedTuple):
    """A picture (an address that holds it), its epoch and iteration, both counted from 1, and the figures there."""

    src: str
    epoch: int
    step: int
    figures: Mapping[str, float]


def load_frames(reports: Path, most: int) -> list[Frame]:
    """At most `most` of the frames in reports/frames/, and fewer where they are large, each with the nearest row of
    reports/history.tsv."""
    history = read_table(reports / "history.tsv")
    places = ((parse_frame_name(path), path) for path in (reports / "frames").iterdir())
    found = sorted((place, path) for place, path in places if place is not None)
    frames = [_frame(*found[i], history) for i in evenly_spaced_indices(len(found), most)]
    size = sum(len(frame.src) for frame in frames)
    if size > MAX_BYTES:
        frames = [frames[i] for i in evenly_spaced_indices(len(frames), max(2, len(frames) * MAX_BYTES // size))]
    return frames


def _frame(place: tuple[int, int], path: Path, history: Mapping[str, Sequence[float]]) -> Frame:
    epoch, step = place[0] + 1, place[1] + 1
    row = min(range(len(history["step"])), key=lambda i: abs(history["step"][i] - step))
    figures = {name: values[row] for name, values in history.items() if name not in ("step", "epoch")}
    with Image.open(path) as image:
        return Frame(to_data_url(image), epoch, step, figures)


def to_data_url(image: Image.Image) -> str:
    """An address that holds the picture."""
    out = io.BytesIO()
    if image.mode == "L":  # few levels of few pixels: exact ones take no more room
        image.convert("RGB").save(out, "WEBP", lossless=True, method=4)
    else:
        image.save(out, "WEBP", quality=WEBP_QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"


def to_records(frames: Sequence[Frame]) -> list[dict[str, Any]]:
    """The frames as plain data, figures to four digits."""
    return [
        {**frame._asdict(), "figures": {name: float(f"{value:.4g}") for name, value in frame.figures.items()}}
        for frame in frames
    ]
