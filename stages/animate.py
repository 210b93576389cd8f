"""Make the animation of the training, reports/training.gif, from its frames."""

from pathlib import Path

from PIL import Image

from gan.images import evenly_spaced_indices, list_frames
from gan.plots.animation import add_caption, save_gif
from gan.plots.config import AnimateConfig
from stages._common import load_section, run_stage

FRAMES = Path("reports/frames")
OUT = Path("reports/training.gif")


def main() -> None:
    config = load_section("animate", AnimateConfig)
    files = list_frames(FRAMES)
    frames = []
    for i in evenly_spaced_indices(len(files), config.max_frames):
        epoch, step, path = files[i]
        with Image.open(path) as image:
            frames.append(add_caption(image, f"epoch {epoch + 1} · iteration {step:,}", config.scale, config.levels))
    save_gif(OUT, frames, config.frame_ms, config.hold_ms)
    print(f"animate: wrote {OUT} with {len(frames)} of {len(files)} frames, {OUT.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run_stage(main)
