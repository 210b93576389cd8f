"""Reproducible latents, labels and images: image i of a seed is always the same."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gan.data.dataset import to_float
from gan.images import to_uint8
from gan.runtime import select_device

LATENT_BLOCK = 64  # of a fixed size, because the order in which PyTorch fills a tensor depends on its size


def sample_latents(num_samples: int, latent_dim: int, seed: int) -> Tensor:
    """Sample standard normal latents, [num_samples, latent_dim]; latent i of a seed is the same for any num_samples."""
    generator = torch.Generator().manual_seed(seed)
    num_blocks = max(1, -(-num_samples // LATENT_BLOCK))
    blocks = [torch.randn(LATENT_BLOCK, latent_dim, generator=generator) for _ in range(num_blocks)]
    return torch.cat(blocks)[:num_samples]


def num_classes(metadata: Mapping[str, Any]) -> int:
    """Return the number of classes of a saved generator, from its metadata; 0 if it is not conditional."""
    return len(metadata["classes"]) if metadata["model"]["conditional"] else 0


def round_robin_labels(num_samples: int, num_classes: int) -> Tensor | None:
    """Return the labels 0, 1, …, num_classes − 1, 0, 1, …, int64 [num_samples]; None if there are no classes."""
    return torch.arange(num_samples) % num_classes if num_classes else None


def slerp(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Interpolate spherically from `start` to `end`, both included: [D], [D] → [steps, D].

    Stays near the sphere where normal latents lie (White 2016, https://arxiv.org/abs/1609.04468); the norm is linear.
    """
    t = torch.linspace(0, 1, steps, dtype=start.dtype)[:, None]
    start_norm = start.norm()
    end_norm = end.norm()
    start_direction = start / start_norm
    end_direction = end / end_norm
    angle = torch.arccos(torch.dot(start_direction, end_direction).clamp(-1, 1))
    if angle.sin() < 1e-6:  # parallel or opposite directions: there is no unique shortest arc
        return torch.lerp(start[None], end[None], t)
    directions = torch.sin((1 - t) * angle) * start_direction + torch.sin(t * angle) * end_direction
    return torch.as_tensor(directions / angle.sin() * torch.lerp(start_norm, end_norm, t))


def translate_images(generator: nn.Module, images: Tensor, device: str = "auto") -> Tensor:
    """Translate images with one generator of a CycleGAN; both uint8 [N, C, H, W], the result on the CPU."""
    return torch.from_numpy(generate_images(generator, to_float(images), device=device))


@torch.inference_mode()
def generate_images(
    network: nn.Module, latents: Tensor, labels: Tensor | None = None, *, batch_size: int = 256, device: str = "auto"
) -> NDArray[np.uint8]:
    """Generate images in batches, uint8 [N, C, H, W], in eval mode.

    latents: [N, latent_dim]. labels: [N], needed by a conditional generator. The network stays on `device`.
    """
    torch_device = select_device(device)
    network = network.to(torch_device).eval()
    batches = []
    for start in range(0, len(latents), batch_size):
        batch = slice(start, start + batch_size)
        batch_labels = None if labels is None else labels[batch].to(torch_device)
        batches.append(to_uint8(network(latents[batch].to(torch_device), batch_labels)))
    return np.concatenate(batches)
