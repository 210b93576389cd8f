"""The frames of the film: what the generator draws from the same latents as it learns."""

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from gan.figures.grids import grid, save_png, to_uint8
from gan.files import replacing

if TYPE_CHECKING:
    from torch import Tensor

COLUMNS = 5
_NAME = re.compile(r"epoch(\d+)_step(\d+)\.png")


def frame_name(epoch: int, step: int) -> str:
    """File name of the frame drawn in `epoch` after iteration `step`, both counted from 0; names sort in time."""
    return f"epoch{epoch:05d}_step{step:08d}.png"


def frame_place(path: Path) -> tuple[int, int] | None:
    """Epoch and step of a frame's file, or None for any other file."""
    match = _NAME.fullmatch(path.name)
    return (int(match[1]), int(match[2])) if match else None


class Film:
    """Frames in the folder `out`, with copies in `kept`, from which a run that goes on takes those made before."""

    def __init__(self, out: Path, kept: Path, every: int) -> None:
        self.out, self.kept, self.every = out, kept, every

    def rewind(self, step: int) -> None:
        """Make `out` hold exactly the frames of the first `step` iterations."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        self.kept.mkdir(parents=True, exist_ok=True)
        for path in self.kept.iterdir():
            place = frame_place(path)
            if place and place[1] < step and self.wants(place[1]):
                shutil.copyfile(path, self.out / path.name)

    def wants(self, step: int) -> bool:
        """Whether iteration `step`, counted from 0, has a frame of its own."""
        return step % self.every == 0

    def add(self, epoch: int, step: int, pictures: "Tensor") -> None:
        """Save pictures in [-1, 1], [N, C, H, W], as the frame of iteration `step`."""
        path = self.out / frame_name(epoch, step)
        save_png(grid(to_uint8(pictures), COLUMNS), path)
        if self.wants(step):  # the last frame of a run that may be extended later is not one of the longer run's
            with replacing(self.kept / path.name) as temporary:
                shutil.copyfile(path, temporary)
