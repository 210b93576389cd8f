"""The figures that show what a trained generator draws."""

import torch
from PIL import Image

from gan.figures.grids import grid
from gan.figures.settings import SampleSettings
from gan.sampling import draw, draw_latents, slerp

SHOWN = 10  # the tutorial's figure: two rows of five


def sample_figures(
    network: torch.nn.Module, latent_dim: int, settings: SampleSettings, device: str
) -> dict[str, Image.Image]:
    """`samples`: the first ten pictures of the seed, 2×5; `grid`: the first rows × columns; `interpolation`:
    each row the way between two of its latents on the sphere."""
    in_grid = settings.grid_rows * settings.grid_columns
    latents = draw_latents(max(SHOWN, in_grid, 2 * settings.interpolations), latent_dim, settings.seed)
    pictures = draw(network, latents, device=device)
    pairs = latents[: 2 * settings.interpolations].split(2)
    ways = torch.cat([slerp(start, end, settings.interpolation_steps) for start, end in pairs])
    return {
        "samples": grid(pictures[:SHOWN], columns=5, gap=4, scale=4),
        "grid": grid(pictures[:in_grid], settings.grid_columns, scale=2),
        "interpolation": grid(draw(network, ways, device=device), settings.interpolation_steps, scale=2),
    }
