"""Samples for the evaluation: images generated from noise, or translations of test images."""

from pathlib import Path

import torch
from torch import Tensor

from gan.data.dataset import ImageDataset, Split
from gan.networks.cyclegan import CycleGenerators
from gan.networks.factory import load_network
from gan.sampling import generate_images, num_classes, sample_latents, translate_images


def generate_samples(path: Path, dataset: ImageDataset, num_samples: int, seed: int, device: str) -> tuple[int, Split]:
    """Return the epoch of a saved generator (0 if it is not a snapshot) and its samples for a seed.

    The labels are the requested ones: for a conditional generator, labels of random training images; for a translator,
    those of its inputs; otherwise −1. A translator translates random test images, drawn with replacement; their number
    is that of the test split, and `num_samples` is ignored.
    """
    network, metadata = load_network(path, "generator")
    epoch = metadata.get("epoch", 0)
    if isinstance(network, CycleGenerators):
        num_test = len(dataset.test.images)
        indices = random_indices(num_test, num_test, seed)
        translated = translate_images(network.g_ab, dataset.test.images[indices], device)
        return epoch, Split(translated, dataset.test.labels[indices])
    latents = sample_latents(num_samples, metadata["model"]["latent_dim"], seed)
    if num_classes(metadata):
        train_labels = dataset.train.labels
        labels = train_labels[random_indices(len(train_labels), num_samples, seed)]
        images = generate_images(network, latents, labels, device=device)
    else:
        labels = torch.full((num_samples,), -1)
        images = generate_images(network, latents, device=device)
    return epoch, Split(torch.from_numpy(images), labels)


def random_indices(high: int, size: int, seed: int) -> Tensor:
    """`size` random integers from 0 to `high` − 1, int64 [size]."""
    return torch.randint(high, (size,), generator=torch.Generator().manual_seed(seed))
