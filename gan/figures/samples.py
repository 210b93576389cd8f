"""The figures that show what a trained generator draws."""

from typing import Literal

import torch
from PIL import Image
from pydantic import Field

from gan.figures.grids import grid
from gan.sampling import draw, draw_latents, slerp
from gan.settings import Settings

SHOWN = 10  # the tutorial's figure: two rows of five


class SampleSettings(Settings):
    """What is drawn with the trained generator."""

    weights: Literal["ema", "raw"] = Field("ema", description="the averaged weights, or those of the last iteration")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of the latents")
    grid_rows: int = Field(10, ge=1, le=100, description="rows of the large grid")
    grid_columns: int = Field(10, ge=1, le=100, description="columns of the large grid")
    interpolations: int = Field(5, ge=1, le=100, description="rows of the interpolation figure")
    interpolation_steps: int = Field(11, ge=2, le=100, description="pictures from one end of a row to the other")


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
