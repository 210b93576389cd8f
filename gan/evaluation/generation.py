"""Pictures to be judged: what a saved generator makes of noise, or of test pictures if it is a translator."""

from pathlib import Path

import torch
from torch import Tensor

from gan.data.dataset import ImageDataset, Split
from gan.networks.cyclegan import CycleGenerators
from gan.networks.factory import load_network
from gan.sampling import generate_images, num_classes, sample_latents, translate_images


def generate_samples(path: Path, prepared: ImageDataset, count: int, seed: int, device: str) -> tuple[int, Split]:
    """The epoch of a snapshot (else 0), and samples of `seed` with the labels that they were asked to have (else −1).

    A translator is given test pictures of `prepared`, drawn with replacement as often as there are; their labels are
    the ones that it is to keep. A conditional generator is asked for classes as often as they occur.
    """
    network, metadata = load_network(path, "generator")
    if isinstance(network, CycleGenerators):
        rows = random_indices(len(prepared.test.images), len(prepared.test.images), seed)
        given = Split(prepared.test.images[rows], prepared.test.labels[rows])
        return metadata.get("epoch", 0), Split(translate_images(network.g_ab, given.images, device), given.labels)
    latents, labels = sample_latents(count, metadata["model"]["latent_dim"], seed), torch.full((count,), -1)
    if num_classes(metadata):
        labels = prepared.train.labels[random_indices(len(prepared.train.labels), count, seed)]
    pictures = generate_images(network, latents, labels if num_classes(metadata) else None, device=device)
    return metadata.get("epoch", 0), Split(torch.from_numpy(pictures), labels)


def random_indices(among: int, count: int, seed: int) -> Tensor:
    """`count` numbers from 0 to `among` − 1, at random."""
    return torch.randint(among, (count,), generator=torch.Generator().manual_seed(seed))
