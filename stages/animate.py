"""Make the film of the training, reports/training.gif, from its frames."""

from pathlib import Path

from PIL import Image

from gan.figures.animation import captioned, save_gif
from gan.figures.settings import AnimateSettings
from gan.figures.thinning import thinned
from gan.training.film import frame_place
from stages import run
from stages.params import section

OUT = Path("reports/training.gif")


def main() -> None:
    settings = section("animate", AnimateSettings)
    places = ((frame_place(path), path) for path in Path("reports/frames").iterdir())
    found = sorted((place, path) for place, path in places if place is not None)
    frames = []
    for i in thinned(len(found), settings.max_frames):
        (epoch, step), path = found[i]
        with Image.open(path) as frame:
            frames.append(captioned(frame, f"epoch {epoch + 1} · iteration {step:,}", settings.scale, settings.levels))
    save_gif(OUT, frames, settings.frame_ms, settings.hold_ms)
    print(f"animate: {OUT} with {len(frames)} of {len(found)} frames, {OUT.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
