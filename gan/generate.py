"""Generate images with a trained generator, without DVC or params.yaml.

    python -m gan.generate models/generator.safetensors --count 25 --seed 7 --out digits.png

In Python: `from gan.generate import generate; images = generate("models/generator.safetensors", count=25, seed=7)`.
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
from gan.sampling import generate_images, num_classes, round_robin_labels, sample_latents, slerp

STEPS_PER_SEGMENT = 12  # frames from one latent to the next in a .gif


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
    """Generate images with the generator in the file `model`, uint8 [count, C, H, W].

    Image i of a seed is the same, up to rounding, for any count, batch size and device.
    label: name or number of the class, for a conditional generator; None: the classes in turn.
    truncation: for a StyleGAN, from 1 (full variety) to 0 (the mean image). device: auto, cpu, cuda or mps.
    Raises UserError if the file is not a generator or does not support an option, or if the device is not available.
    """
    network, metadata = load_generator(Path(model), truncation)
    latents = sample_latents(count, metadata["model"]["latent_dim"], seed)
    return generate_images(network, latents, make_labels(metadata, count, label), batch_size=batch_size, device=device)


def load_generator(model: Path, truncation: float) -> tuple[nn.Module, dict[str, Any]]:
    """Load a generator (noise → image) and its metadata; a truncation other than 1 needs a StyleGAN.

    Raises UserError if the file is not such a generator, or if the truncation is not supported.
    """
    network, metadata = load_network(model, "generator")
    if metadata["model"]["architecture"] == "cyclegan":
        raise UserError(f"{model}: translates images; use `python -m gan.translate`")
    if truncation == 1:
        return network, metadata
    if not isinstance(network, stylegan.Generator):
        raise UserError(f"truncation {truncation}: {model} is not a StyleGAN and has no styles to truncate; use 1")
    return stylegan.TruncatedGenerator(network, truncation), metadata


def make_labels(metadata: Mapping[str, Any], num_samples: int, label: int | str | None) -> Tensor | None:
    """Return labels [num_samples] for a generator, from its metadata; None if it is not conditional.

    label: name or number of one class, the name first; None: the classes in turn. Raises UserError for no such class.
    """
    if label is None:
        return round_robin_labels(num_samples, num_classes(metadata))
    if not num_classes(metadata):
        raise UserError(
            f"label {label}: this generator was not trained with classes; train one with -S model.conditional=true"
        )
    names = metadata["classes"]
    if label in names:
        index = names.index(label)
    elif str(label).isdecimal() and int(label) < len(names):
        index = int(label)
    else:
        raise UserError(f"label {label}: no such class; choose from: {', '.join(names)}")
    return torch.full((num_samples,), index)


def interpolate_path(latents: Tensor, steps: int) -> Tensor:
    """Interpolate spherically through latents [N, D], `steps` points per segment: [(N − 1) · steps + 1, D]."""
    segments = [slerp(start, end, steps + 1)[:-1] for start, end in pairwise(latents)]
    return torch.cat([*segments, latents[-1:]])


def save_samples(out: Path, images: NDArray[np.uint8], *, columns: int, scale: int) -> None:
    """Write images as a grid (.png) or as the array `x` (.npz)."""
    if out.suffix == ".npz":
        with atomic_write(out) as temporary:
            np.savez_compressed(temporary, x=images)
    else:
        save_png(make_grid(images, columns, scale=scale), out)


def save_interpolation(
    out: Path, model: Path, count: int, seed: int, *, scale: int, label: str | None, truncation: float, device: str
) -> None:
    """Write a closed interpolation through `count` latents as a GIF; a conditional generator keeps one class."""
    from gan.plots.animation import add_caption, save_gif

    network, metadata = load_generator(model, truncation)
    latents = sample_latents(count, metadata["model"]["latent_dim"], seed)
    path = interpolate_path(torch.cat([latents, latents[:1]]), STEPS_PER_SEGMENT)[:-1]
    if label is None and num_classes(metadata):
        label = metadata["classes"][0]
    images = generate_images(network, path, make_labels(metadata, len(path), label), device=device)
    frames = [add_caption(make_grid(image[None], 1), f"seed {seed}", scale) for image in images]
    save_gif(out, frames, frame_ms=80, last_frame_ms=80)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line interface."""
    parser = argparse.ArgumentParser(
        prog="python -m gan.generate", description="Generate images with a trained generator."
    )
    parser.add_argument("model", type=Path, help="a generator, such as models/generator.safetensors")
    parser.add_argument("--count", type=int, default=25, help="number of images (.gif: latents to interpolate)")
    parser.add_argument("--seed", type=int, default=0, help="image i of a seed is always the same")
    parser.add_argument("--out", type=Path, default=Path("samples.png"), help="a .png, .npz or .gif file")
    parser.add_argument("--columns", type=int, help="images per row of the .png; by default the grid is about square")
    parser.add_argument("--scale", type=int, default=3, help="screen pixels per image pixel")
    parser.add_argument("--label", help="name or number of the class, for a conditional generator")
    parser.add_argument("--truncation", type=float, default=1.0, help="StyleGAN: from 1 (full variety) to 0 (the mean)")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    args = parser.parse_args(arguments)
    if args.out.suffix not in (".png", ".npz", ".gif"):
        parser.error(f"--out {args.out}: should end in .png, .npz or .gif")
    for name in ("count", "columns", "scale"):
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f"--{name} {value}: should be 1 or more")
    if not 0 <= args.seed < 2**32:
        parser.error(f"--seed {args.seed}: should be from 0 to 2^32 − 1")
    if not 0 <= args.truncation <= 1:
        parser.error(f"--truncation {args.truncation}: should be from 0 to 1")
    options = {"label": args.label, "truncation": args.truncation, "device": args.device}
    try:
        if args.out.suffix == ".gif":
            save_interpolation(args.out, args.model, args.count, args.seed, scale=args.scale, **options)
        else:
            images = generate(args.model, args.count, args.seed, **options)
            save_samples(args.out, images, columns=args.columns or round(args.count**0.5), scale=args.scale)
    except (UserError, OSError) as error:
        sys.exit(f"generate: {error}")
    print(f"generate: {args.out}")


if __name__ == "__main__":
    main()
