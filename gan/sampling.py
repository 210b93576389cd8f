"""From seeds to noise to pictures, such that picture i of a seed is always the same picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gan.data.dataset import to_float
from gan.images import to_uint8
from gan.networks.factory import answer
from gan.runtime import select_device

# PyTorch fills a tensor in an order that depends on its size. Blocks of a fixed size keep the first rows
# the same however many are asked for.
LATENT_BLOCK = 64


def sample_latents(count: int, latent_dim: int, seed: int) -> Tensor:
    """Rows 0 … count − 1 of the normal noise of `seed`, [count, latent_dim]: row i of a seed never changes."""
    generator = torch.Generator().manual_seed(seed)
    blocks = [torch.randn(LATENT_BLOCK, latent_dim, generator=generator) for _ in range(0, max(count, 1), LATENT_BLOCK)]
    return torch.cat(blocks)[:count]


def num_classes_of(metadata: Mapping[str, Any]) -> int:
    """How many classes a saved generator can be asked for, given its facts; 0 if it is not a conditional one."""
    return len(metadata["classes"]) if metadata["model"]["conditional"] else 0


def round_robin_labels(count: int, classes: int) -> Tensor | None:
    """Labels 0, 1, …, after the last class from 0 again, [count]; None if there are no classes."""
    return torch.arange(count) % classes if classes else None


def slerp(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """`steps` points on the great arc from `start` to `end`, both included: [D], [D] → [steps, D].

    Normal noise of many dimensions lies close to a sphere, where straight lines would leave it (White 2016,
    https://arxiv.org/abs/1609.04468). The length goes evenly from that of `start` to that of `end`.
    """
    share = torch.linspace(0, 1, steps, dtype=start.dtype)[:, None]
    start_length, end_length = start.norm(), end.norm()
    cosine = torch.dot(start / start_length, end / end_length).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if angle.sin() < 1e-6:  # (nearly) the same direction, or opposite ones, between which no arc is shortest
        return torch.lerp(start[None], end[None], share)
    directions = (
        torch.sin((1 - share) * angle) * (start / start_length) + torch.sin(share * angle) * (end / end_length)
    ) / angle.sin()
    return torch.as_tensor(directions * torch.lerp(start_length, end_length, share))


def translate_images(translator: nn.Module, images: Tensor, device: str = "auto") -> Tensor:
    """Translations of pictures, both uint8 [N, C, H, W]."""
    return torch.from_numpy(generate_images(translator, to_float(images), device=device))


@torch.inference_mode()
def generate_images(
    network: nn.Module,
    latents: Tensor,
    labels: Tensor | None = None,
    *,
    batch_size: int = 256,
    device: str = "auto",
) -> NDArray[np.uint8]:
    """Pictures that a generator makes of latents [N, latent_dim], and of labels [N] if it is a conditional one, as
    uint8 [N, C, H, W]."""
    where = select_device(device)
    network, pictures = network.to(where).eval(), []
    for i in range(0, len(latents), batch_size):
        some = None if labels is None else labels[i : i + batch_size].to(where)
        pictures.append(to_uint8(answer(network, latents[i : i + batch_size].to(where), some)))
    return np.concatenate(pictures)
