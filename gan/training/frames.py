"""Frames of the animation: images of the same latents during the training."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from gan.images import frame_name, list_frames, make_grid, save_png, to_uint8
from gan.io import atomic_write

if TYPE_CHECKING:
    from torch import Tensor

NUM_COLUMNS = 5


class FrameWriter:
    """Write frames to `out_dir`, with copies in `cache_dir` from which a resumed run restores earlier ones."""

    def __init__(self, out_dir: Path, cache_dir: Path, interval: int) -> None:
        """interval: iterations between two frames."""
        self.out_dir = out_dir
        self.cache_dir = cache_dir
        self.interval = interval

    def restore(self, step: int) -> None:
        """Make `out_dir` hold exactly the frames of the first `step` iterations."""
        shutil.rmtree(self.out_dir, ignore_errors=True)
        self.out_dir.mkdir(parents=True)
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        for frame in list_frames(self.cache_dir):
            if frame.step < step and self.should_save(frame.step):
                shutil.copyfile(frame.path, self.out_dir / frame.path.name)

    def should_save(self, step: int) -> bool:
        """Whether iteration `step`, counted from 0, has a frame."""
        return step % self.interval == 0

    def save(self, epoch: int, step: int, images: "Tensor") -> None:
        """Save images [N, C, H, W] in [-1, 1] as the frame of iteration `step`."""
        path = self.out_dir / frame_name(epoch, step)
        save_png(make_grid(to_uint8(images), NUM_COLUMNS), path)
        if self.should_save(step):  # a longer run does not have the last frame of a shorter one
            with atomic_write(self.cache_dir / path.name) as temporary:
                shutil.copyfile(path, temporary)
