"""The figures that show what a trained generator draws."""

from collections.abc import Mapping
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from gan.data.dataset import evenly_spaced
from gan.images import make_grid, to_uint8
from gan.networks import stylegan
from gan.networks.cyclegan import CycleGenerators
from gan.plots.config import SampleConfig
from gan.sampling import generate_images, num_classes_of, round_robin_labels, sample_latents, slerp, translate_images

NUM_SAMPLES = 10  # the tutorial's figure: two rows of five
ROWS, COLUMNS = 4, 7
TRUNCATIONS = (0.0, 0.25, 0.5, 0.75, 1.0)


def sample_plots(
    network: torch.nn.Module, metadata: Mapping[str, Any], config: SampleConfig, device: str
) -> dict[str, Image.Image]:
    """`samples`: the first ten pictures of the seed, 2×5; `grid`: the first rows × columns; `interpolation`:
    each row the way between two of its latents on the sphere.

    A conditional generator is asked for one class after another in `samples`, for one a column in `grid`, and for one a
    row in `interpolation`. about: the generator's facts.
    """
    classes, steps = num_classes_of(metadata), config.interpolation_steps
    in_grid = config.grid_rows * config.grid_columns
    count = max(NUM_SAMPLES, in_grid, 2 * config.interpolations)
    latents = sample_latents(count, metadata["model"]["latent_dim"], config.seed)
    pairs = latents[: 2 * config.interpolations].split(2)
    ways = torch.cat([slerp(start, end, steps) for start, end in pairs])
    columns, rows = torch.arange(in_grid) % config.grid_columns, torch.arange(len(ways)) // steps
    return {
        "samples": make_grid(
            generate_images(network, latents[:NUM_SAMPLES], round_robin_labels(NUM_SAMPLES, classes), device=device),
            columns=5,
            gap=4,
            scale=4,
        ),
        "grid": make_grid(
            generate_images(network, latents[:in_grid], columns % classes if classes else None, device=device),
            config.grid_columns,
            scale=2,
        ),
        "interpolation": make_grid(
            generate_images(network, ways, rows % classes if classes else None, device=device), steps, scale=2
        ),
    }


def translation_plots(
    network: CycleGenerators, source: Tensor, target: Tensor, config: SampleConfig, device: str
) -> dict[str, Image.Image]:
    """What sample_figures draws, of translators. source, target: pictures of both sets, uint8 [N, C, H, W].

    `samples`: ten translations; `grid`: threes of a real picture, its translation, and that back again; `back`: the
    same the other way round; `interpolation`: each row the translations of what lies evenly between two real pictures.
    """
    groups = max(1, config.grid_columns // 3)
    shown, others = (evenly_spaced(images, config.grid_rows * groups) for images in (source, target))
    steps = config.interpolation_steps
    ends = evenly_spaced(source, 2 * config.interpolations).float().split(2)
    shares = torch.linspace(0, 1, steps).view(-1, 1, 1, 1)
    ways = torch.cat([torch.lerp(pair[:1], pair[1:], shares) for pair in ends]).round().byte()

    def through(*translators: torch.nn.Module, images: Tensor) -> list[Tensor]:
        found = [images]
        for translator in translators:
            found.append(translate_images(translator, found[-1], device))
        return found

    def threes(*translators: torch.nn.Module, images: Tensor) -> Image.Image:
        rows = torch.stack(through(*translators, images=images), 1).flatten(0, 1)
        return make_grid(rows.numpy(), 3 * groups, scale=2)

    ten = through(network.there, images=evenly_spaced(source, NUM_SAMPLES))[1]
    return {
        "samples": make_grid(ten.numpy(), columns=5, gap=4, scale=4),
        "grid": threes(network.there, network.back, images=shown),
        "back": threes(network.back, network.there, images=others),
        "interpolation": make_grid(through(network.there, images=ways)[1].numpy(), steps, scale=2),
    }


def stylegan_plots(network: stylegan.Generator, metadata: Mapping[str, Any], seed: int) -> dict[str, Image.Image]:
    """What only a StyleGAN can show. `style_mixing`: in the first row and column two sets of pictures; each other has
    the coarse styles of its row's and the fine ones of its column's. `truncation`: rows of the same latents, from the
    mean picture to 1, the style as it is (Karras et al. 2019, figures 3 and 8, https://arxiv.org/abs/1812.04948).
    """
    device = next(network.parameters()).device
    latents = sample_latents(ROWS + COLUMNS, metadata["model"]["latent_dim"], seed).to(device)
    labels = round_robin_labels(1, num_classes_of(metadata))
    labels = None if labels is None else labels.expand(len(latents)).to(device)
    with torch.inference_mode():
        styles = network.eval().truncated(latents, 1.0, labels)
        coarse, fine = styles[:ROWS], styles[ROWS:]
        half = network.layers // 2
        blank = torch.ones_like(network.paint(styles[:1]))
        rows = [torch.cat([blank, network.paint(fine)])]
        for style in coarse:
            mixed = torch.cat([style[:half].expand(COLUMNS, -1, -1), fine[:, half:]], 1)
            rows.append(network.paint(torch.cat([style[None], mixed])))
        truncated = [network.paint(network.truncated(latents, value, labels)) for value in TRUNCATIONS]
    return {
        "style_mixing": make_grid(to_uint8(torch.cat(rows)), COLUMNS + 1, scale=2),
        "truncation": make_grid(to_uint8(torch.cat(truncated)), ROWS + COLUMNS, scale=2),
    }
