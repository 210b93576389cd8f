"""Pictures to be judged: what a saved generator makes of noise, or of test pictures if it is a translator."""

from pathlib import Path

import torch
from torch import Tensor

from gan.data.prepared import Prepared, Split
from gan.networks.build import load_network
from gan.networks.cyclegan import Translators
from gan.sampling import class_count, draw, draw_latents, translated


def samples_of(path: Path, prepared: Prepared, count: int, seed: int, device: str) -> tuple[int, Split]:
    """The epoch of a snapshot (else 0), and samples of `seed` with the labels that they were asked to have (else −1).

    A translator is given test pictures of `prepared`, drawn with replacement as often as there are; their labels are
    the ones that it is to keep. A conditional generator is asked for classes as often as they occur.
    """
    network, about = load_network(path, "generator")
    if isinstance(network, Translators):
        rows = _drawn(len(prepared.test.images), len(prepared.test.images), seed)
        given = Split(prepared.test.images[rows], prepared.test.labels[rows])
        return about.get("epoch", 0), Split(translated(network.there, given.images, device), given.labels)
    latents, labels = draw_latents(count, about["model"]["latent_dim"], seed), torch.full((count,), -1)
    if class_count(about):
        labels = prepared.train.labels[_drawn(len(prepared.train.labels), count, seed)]
    pictures = draw(network, latents, labels if class_count(about) else None, device=device)
    return about.get("epoch", 0), Split(torch.from_numpy(pictures), labels)


def _drawn(among: int, count: int, seed: int) -> Tensor:
    """`count` numbers from 0 to `among` − 1, at random."""
    return torch.randint(among, (count,), generator=torch.Generator().manual_seed(seed))
