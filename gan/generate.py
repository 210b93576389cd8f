"""Make pictures with a trained generator, without DVC or params.yaml.

    python -m gan.generate models/generator.safetensors --count 25 --seed 7 --out digits.png

In Python: `from gan.generate import generate; pictures = generate("models/generator.safetensors", count=25, seed=7)`.
"""

import argparse
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gan.config import UserError
from gan.images import make_grid, save_png
from gan.io import atomic_write
from gan.networks import stylegan
from gan.networks.factory import load_network
from gan.sampling import generate_images, num_classes_of, round_robin_labels, sample_latents, slerp

STEPS_PER_SEGMENT = 12  # pictures from one latent to the next in a .gif


def generate(
    model: str | Path,
    count: int = 25,
    seed: int = 0,
    *,
    label: int | str | None = None,
    truncation: float = 1.0,
    batch_size: int = 256,
    device: str = "auto",
) -> NDArray[np.uint8]:
    """Pictures drawn by the generator saved in the file `model`, as uint8 [count, C, H, W].

    Picture i of a seed is the same, to rounding, whatever the count, the batch size and the kind of device.
    label: the class to draw, by name or number, of a conditional generator; None: one class after another.
    truncation: of a StyleGAN, from 1 (all variety) to 0 (the mean picture). device: auto, cpu, cuda or mps.
    Raises UserError if the file is not a generator, cannot do what is asked for, or the device is not there.
    """
    network, metadata = load_generator(Path(model), truncation)
    latents = sample_latents(count, metadata["model"]["latent_dim"], seed)
    return generate_images(network, latents, make_labels(metadata, count, label), batch_size=batch_size, device=device)


def load_generator(model: Path, truncation: float) -> tuple[nn.Module, dict[str, Any]]:
    """The generator of a file, with its styles truncated, and its facts."""
    network, metadata = load_network(model, "generator")
    if metadata["model"]["architecture"] == "cyclegan":
        raise UserError(f"{model}: translates pictures: use `python -m gan.translate`")
    if truncation == 1:
        return network, metadata
    if not isinstance(network, stylegan.Generator):
        raise UserError(f"truncation {truncation}: {model} is no StyleGAN and has no styles to truncate; leave it at 1")
    return stylegan.TruncatedGenerator(network, truncation), metadata


def make_labels(metadata: Mapping[str, Any], count: int, label: int | str | None) -> Tensor | None:
    """Labels [count] to ask a generator for, given its facts: of one class, or of one after another."""
    classes = num_classes_of(metadata)
    if label is None:
        return round_robin_labels(count, classes)
    if not classes:
        raise UserError(
            f"label {label}: this generator was not trained with classes; train one with -S model.conditional=true"
        )
    names = metadata["classes"]
    number = names.index(label) if label in names else int(label) if str(label).isdecimal() else classes
    if number >= classes:
        raise UserError(f"label {label}: no such class; there are: {', '.join(names)}")
    return torch.full((count,), number)


def interpolate_path(latents: Tensor, steps: int) -> Tensor:
    """A spherical path through latents [N, D], `steps` points from each to the next: [(N − 1) · steps + 1, D]."""
    legs = [slerp(a, b, steps + 1)[:-1] for a, b in pairwise(latents)]
    return torch.cat([*legs, latents[-1:]])


def save_samples(out: Path, model: Path, count: int, seed: int, *, columns: int, scale: int, **more: Any) -> None:
    """Write `count` pictures as a grid (.png) or array `x` (.npz), or a closed walk through as many latents (.gif).

    more: label, truncation and device, as in `generate`.
    """
    if out.suffix == ".gif":
        from gan.images import save_gif
        from gan.plots.animation import add_caption

        network, metadata = load_generator(model, more["truncation"])
        latents = sample_latents(count, metadata["model"]["latent_dim"], seed)
        path = interpolate_path(torch.cat([latents, latents[:1]]), STEPS_PER_SEGMENT)[:-1]
        # On the way from one picture to another the class stays the same.
        labels = make_labels(
            metadata, len(path), 0 if more["label"] is None and num_classes_of(metadata) else more["label"]
        )
        pictures = generate_images(network, path, labels, device=more["device"])
        frames = [add_caption(make_grid(picture[None], 1), f"seed {seed}", scale) for picture in pictures]
        save_gif(out, frames, frame_ms=80, hold_ms=80)
        return
    pictures = generate(model, count, seed, **more)
    if out.suffix == ".npz":
        with atomic_write(out) as temporary:
            np.savez_compressed(temporary, x=pictures)
    else:
        save_png(make_grid(pictures, columns, scale=scale), out)


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
    parser.add_argument("--label", help="the class to draw, by name or number, if the generator knows classes")
    parser.add_argument("--truncation", type=float, default=1.0, help="of a StyleGAN: 1 all variety … 0 the mean")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    args = parser.parse_args(arguments)
    if args.out.suffix not in (".png", ".npz", ".gif"):
        parser.error(f"--out {args.out}: give a file that ends in .png, .npz or .gif")
    for name in ("count", "columns", "scale"):
        if (value := getattr(args, name)) is not None and value < 1:
            parser.error(f"--{name} {value}: should be 1 or more")
    if not 0 <= args.seed < 2**32:
        parser.error(f"--seed {args.seed}: should be from 0 to 2^32 − 1")
    if not 0 <= args.truncation <= 1:
        parser.error(f"--truncation {args.truncation}: should be from 0 to 1")
    columns = args.columns or round(args.count**0.5) or 1
    more = {"label": args.label, "truncation": args.truncation, "device": args.device}
    try:
        save_samples(args.out, args.model, args.count, args.seed, columns=columns, scale=args.scale, **more)
    except (UserError, OSError) as error:
        sys.exit(f"generate: {error}")
    print(f"generate: {args.out}")


if __name__ == "__main__":
    main()
