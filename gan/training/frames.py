"""The frames of the film: what the generator draws from the same latents as it learns."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from gan.images import frame_name, make_grid, parse_frame_name, save_png, to_uint8
from gan.io import atomic_write

if TYPE_CHECKING:
    from torch import Tensor

COLUMNS = 5


class FrameWriter:
    """Frames in the folder `out`, with copies in `kept`, from which a run that goes on takes those made before."""

    def __init__(self, out: Path, kept: Path, every: int) -> None:
        self.out, self.kept, self.every = out, kept, every

    def rewind(self, step: int) -> None:
        """Make `out` hold exactly the frames of the first `step` iterations."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        self.kept.mkdir(parents=True, exist_ok=True)
        for path in self.kept.iterdir():
            place = parse_frame_name(path)
            if place and place[1] < step and self.wants(place[1]):
                shutil.copyfile(path, self.out / path.name)

    def wants(self, step: int) -> bool:
        """Whether iteration `step`, counted from 0, has a frame of its own."""
        return step % self.every == 0

    def add(self, epoch: int, step: int, pictures: "Tensor") -> None:
        """Save pictures in [-1, 1], [N, C, H, W], as the frame of iteration `step`."""
        path = self.out / frame_name(epoch, step)
        save_png(make_grid(to_uint8(pictures), COLUMNS), path)
        if self.wants(step):  # the last frame of a run that may be extended later is not one of the longer run's
            with atomic_write(self.kept / path.name) as temporary:
                shutil.copyfile(path, temporary)
