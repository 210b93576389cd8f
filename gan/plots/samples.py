"""Image grids of a trained generator."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from gan.data.dataset import evenly_spaced
from gan.images import make_grid, to_uint8
from gan.networks import stylegan
from gan.networks.cyclegan import CycleGenerators
from gan.plots.config import SampleConfig
from gan.sampling import generate_images, num_classes, round_robin_labels, sample_latents, slerp, translate_images

NUM_SAMPLES = 10  # two rows of five, as in the tutorial
MIXING_ROWS = 4  # coarse styles
MIXING_COLUMNS = 7  # fine styles
TRUNCATIONS = (0.0, 0.25, 0.5, 0.75, 1.0)


def sample_plots(
    network: nn.Module, metadata: Mapping[str, Any], config: SampleConfig, device: str
) -> dict[str, Image.Image]:
    """Plots of a generator by name. metadata: of its file.

    `samples`: ten images, 2×5; the classes in turn. `grid`: one class per column, if the generator is conditional.
    `interpolation`: each row interpolates between two latents on the sphere; one class per row.
    """
    classes = num_classes(metadata)
    steps = config.interpolation_steps
    grid_size = config.grid_rows * config.grid_columns
    num_latents = max(NUM_SAMPLES, grid_size, 2 * config.interpolations)
    latents = sample_latents(num_latents, metadata["model"]["latent_dim"], config.seed)
    pairs = latents[: 2 * config.interpolations].split(2)
    interpolations = torch.cat([slerp(start, end, steps) for start, end in pairs])
    columns = torch.arange(grid_size) % config.grid_columns
    rows = torch.arange(len(interpolations)) // steps
    sample_labels = round_robin_labels(NUM_SAMPLES, classes)
    grid_labels = columns % classes if classes else None
    row_labels = rows % classes if classes else None
    samples = generate_images(network, latents[:NUM_SAMPLES], sample_labels, device=device)
    grid = generate_images(network, latents[:grid_size], grid_labels, device=device)
    interpolated = generate_images(network, interpolations, row_labels, device=device)
    return {
        "samples": make_grid(samples, columns=5, padding=4, scale=4),
        "grid": make_grid(grid, config.grid_columns, scale=2),
        "interpolation": make_grid(interpolated, steps, scale=2),
    }


def translation_plots(
    network: CycleGenerators, source: Tensor, target: Tensor, config: SampleConfig, device: str
) -> dict[str, Image.Image]:
    """Plots of a CycleGAN by name. source, target: images of both datasets, uint8 [N, C, H, W].

    `samples`: ten translations. `grid`: triplets of a source image, its translation, and the translation back.
    `reverse`: the same for target images. `interpolation`: each row translates linear blends of two source images.
    """
    triplets_per_row = max(1, config.grid_columns // 3)
    num_triplets = config.grid_rows * triplets_per_row
    source_triplets = make_triplets(evenly_spaced(source, num_triplets), network.g_ab, network.g_ba, device)
    target_triplets = make_triplets(evenly_spaced(target, num_triplets), network.g_ba, network.g_ab, device)
    steps = config.interpolation_steps
    alpha = torch.linspace(0, 1, steps).view(-1, 1, 1, 1)
    pairs = evenly_spaced(source, 2 * config.interpolations).float().split(2)
    blends = torch.cat([torch.lerp(pair[:1], pair[1:], alpha) for pair in pairs]).round().byte()
    samples = translate_images(network.g_ab, evenly_spaced(source, NUM_SAMPLES), device)
    interpolated = translate_images(network.g_ab, blends, device)
    return {
        "samples": make_grid(samples.numpy(), columns=5, padding=4, scale=4),
        "grid": make_grid(source_triplets, 3 * triplets_per_row, scale=2),
        "reverse": make_grid(target_triplets, 3 * triplets_per_row, scale=2),
        "interpolation": make_grid(interpolated.numpy(), steps, scale=2),
    }


def make_triplets(images: Tensor, forward: nn.Module, backward: nn.Module, device: str) -> NDArray[np.uint8]:
    """Each image, its translation, and the translation back: uint8 [N, C, H, W] → [3 N, C, H, W]."""
    translated = translate_images(forward, images, device)
    restored = translate_images(backward, translated, device)
    return torch.stack([images, translated, restored], dim=1).flatten(0, 1).numpy()


@torch.inference_mode()
def stylegan_plots(network: stylegan.Generator, metadata: Mapping[str, Any], seed: int) -> dict[str, Image.Image]:
    """Plots of a StyleGAN by name (Karras et al. 2019, figures 3 and 8, https://arxiv.org/abs/1812.04948).

    `style_mixing`: each image combines the coarse styles of its row's first image with the fine styles of its column's.
    `truncation`: one row per truncation, from 0 (the mean image) to 1 (no truncation), with the same latents.
    """
    network.eval()
    device = next(network.parameters()).device
    num_latents = MIXING_ROWS + MIXING_COLUMNS
    latents = sample_latents(num_latents, metadata["model"]["latent_dim"], seed).to(device)
    labels = torch.zeros(num_latents, dtype=torch.long, device=device) if num_classes(metadata) else None
    ws = network.truncate(latents, 1.0, labels)
    fine = ws[MIXING_ROWS:]
    num_coarse = network.num_ws // 2
    blank = torch.ones_like(network.synthesis(ws[:1]))
    rows = [torch.cat([blank, network.synthesis(fine)])]
    for w in ws[:MIXING_ROWS]:
        mixed = torch.cat([w[:num_coarse].expand(MIXING_COLUMNS, -1, -1), fine[:, num_coarse:]], dim=1)
        rows.append(network.synthesis(torch.cat([w[None], mixed])))
    truncated = [network.synthesis(network.truncate(latents, truncation, labels)) for truncation in TRUNCATIONS]
    return {
        "style_mixing": make_grid(to_uint8(torch.cat(rows)), MIXING_COLUMNS + 1, scale=2),
        "truncation": make_grid(to_uint8(torch.cat(truncated)), num_latents, scale=2),
    }
