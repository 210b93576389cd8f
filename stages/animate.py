"""Make the film of the training, reports/training.gif, from its frames."""

from pathlib import Path

from PIL import Image

from gan.images import evenly_spaced_indices, parse_frame_name, save_gif
from gan.plots.animation import add_caption
from gan.plots.config import AnimateConfig
from stages._common import load_section, run_stage

OUT = Path("reports/training.gif")


def main() -> None:
    config = load_section("animate", AnimateConfig)
    places = ((parse_frame_name(path), path) for path in Path("reports/frames").iterdir())
    found = sorted((place, path) for place, path in places if place is not None)
    frames = []
    for i in evenly_spaced_indices(len(found), config.max_frames):
        (epoch, step), path = found[i]
        with Image.open(path) as frame:
            frames.append(add_caption(frame, f"epoch {epoch + 1} · iteration {step:,}", config.scale, config.levels))
    save_gif(OUT, frames, config.frame_ms, config.hold_ms)
    print(f"animate: {OUT} with {len(frames)} of {len(found)} frames, {OUT.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run_stage(main)
