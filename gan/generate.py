"""Make pictures with a trained generator, without DVC or params.yaml.

    python -m gan.generate models/generator.safetensors --count 25 --seed 7 --out digits.png

In Python: `from gan.generate import generate; pictures = generate("models/generator.safetensors", count=25, seed=7)`.
"""

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.figures.grids import grid, save_png
from gan.files import replacing
from gan.networks.build import load_network
from gan.sampling import draw, draw_latents, slerp
from gan.settings import UserError

KEYFRAMES_STEPS = 12  # pictures from one latent to the next in a .gif


def generate(
    model: str | Path, count: int = 25, seed: int = 0, *, batch_size: int = 256, device: str = "auto"
) -> NDArray[np.uint8]:
    """Pictures drawn by the generator saved in the file `model`, as uint8 [count, C, H, W].

    Picture i of a seed is the same, to rounding, whatever the count, the batch size and the kind of device.
    device: auto, cpu, cuda or mps. Raises UserError if the file is not a generator or the device is not there.
    """
    network, about = load_network(Path(model), "generator")
    return draw(network, draw_latents(count, about["model"]["latent_dim"], seed), batch_size=batch_size, device=device)


def walk(latents: Tensor, steps: int) -> Tensor:
    """A spherical path through latents [N, D], `steps` points from each to the next: [(N − 1) · steps + 1, D]."""
    legs = [slerp(a, b, steps + 1)[:-1] for a, b in pairwise(latents)]
    return torch.cat([*legs, latents[-1:]])


def save(out: Path, model: Path, count: int, seed: int, *, columns: int, scale: int, device: str) -> None:
    """Write `count` pictures as a grid (.png) or array `x` (.npz), or a closed walk through as many latents (.gif)."""
    if out.suffix == ".gif":
        from gan.figures.animation import captioned, save_gif

        network, about = load_network(model, "generator")
        latents = draw_latents(count, about["model"]["latent_dim"], seed)
        path = walk(torch.cat([latents, latents[:1]]), KEYFRAMES_STEPS)[:-1]
        pictures = draw(network, path, device=device)
        frames = [captioned(grid(picture[None], 1), f"seed {seed}", scale) for picture in pictures]
        save_gif(out, frames, frame_ms=80, hold_ms=80)
        return
    pictures = generate(model, count, seed, device=device)
    if out.suffix == ".npz":
        with replacing(out) as temporary:
            np.savez_compressed(temporary, x=pictures)
    else:
        save_png(grid(pictures, columns, scale=scale), out)


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m gan.generate", description="Make pictures with a trained generator."
    )
    parser.add_argument("model", type=Path, help="a generator, such as models/generator.safetensors")
    parser.add_argument("--count", type=int, default=25, help="how many pictures (.gif: places on the walk)")
    parser.add_argument("--seed", type=int, default=0, help="picture i of a seed is always the same")
    parser.add_argument("--out", type=Path, default=Path("samples.png"), help="a .png, .npz or .gif file")
    parser.add_argument("--columns", type=int, help="pictures in a row of the .png; about square by default")
    parser.add_argument("--scale", type=int, default=3, help="screen pixels a picture pixel")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    args = parser.parse_args(arguments)
    if args.out.suffix not in (".png", ".npz", ".gif"):
        parser.error(f"--out {args.out}: give a file that ends in .png, .npz or .gif")
    for name in ("count", "columns", "scale"):
        if (value := getattr(args, name)) is not None and value < 1:
            parser.error(f"--{name} {value}: should be 1 or more")
    if not 0 <= args.seed < 2**32:
        parser.error(f"--seed {args.seed}: should be from 0 to 2^32 − 1")
    columns = args.columns or round(args.count**0.5) or 1
    try:
        save(args.out, args.model, args.count, args.seed, columns=columns, scale=args.scale, device=args.device)
    except (UserError, OSError) as error:
        sys.exit(f"generate: {error}")
    print(f"generate: {args.out}")


if __name__ == "__main__":
    main()
