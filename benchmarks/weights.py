"""Which weights to sample with: the last iteration's or their average, with which BatchNorm statistics?

    python -m benchmarks.weights

judges the models that `dvc repro` made by the Parzen window on the test split (nats, higher is better) and by coverage:
the share of test pictures that have a sample nearer than their fifth-nearest test picture (Naeem et al. 2020; pixels).
"""

import argparse
import copy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from gan.data.dataset import ImageDataset
from gan.evaluation.parzen import best_sigma, log_likelihood
from gan.networks.factory import load_network
from gan.sampling import generate_images, sample_latents

VALIDATION = 1000


def variants(raw: nn.Module, averaged: nn.Module, latents: Tensor) -> dict[str, nn.Module]:
    """The four combinations of weights and BatchNorm statistics."""
    recomputed, borrowed = copy.deepcopy(raw), copy.deepcopy(averaged)
    update_bn(latents.split(512), recomputed)
    borrowed.load_state_dict({**averaged.state_dict(), **dict(raw.named_buffers())})
    return {
        "raw, running statistics": raw,
        "raw, statistics recomputed": recomputed,
        "ema, running statistics of the raw": borrowed,
        "ema, statistics recomputed": averaged,
    }


def coverage(test: Tensor, samples: Tensor, k: int = 5) -> float:
    """Share of rows of `test` with a row of `samples` nearer than their k-th nearest other row of `test`."""
    radii = torch.cdist(test, test).kthvalue(k + 1, dim=1).values
    return (torch.cdist(test, samples).min(1).values < radii).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=3, help="sample seeds; the spread over them is printed")
    args = parser.parse_args()
    prepared = ImageDataset.load(Path("data/prepared.safetensors"))
    train, test = (split.images.flatten(1).float() / 255 for split in (prepared.train, prepared.test))
    raw, metadata = load_network(Path("models/generator_raw.safetensors"), "generator")
    averaged, _ = load_network(Path("models/generator.safetensors"), "generator")
    latent_dim = metadata["model"]["latent_dim"]

    print(f"{metadata['dataset']['name']}, {metadata['train']['epochs']} epochs, {args.samples:,} samples")
    print(f"{'weights':<38}{'Parzen, nats':>16}{'coverage':>16}")
    for name, network in variants(raw, averaged, sample_latents(2048, latent_dim, 1)).items():
        scores = []
        for seed in range(args.seeds):
            pictures = generate_images(network, sample_latents(args.samples, latent_dim, 1000 + seed))
            samples = torch.from_numpy(pictures).flatten(1).float() / 255
            sigma = best_sigma(train[:VALIDATION], samples)
            nats = log_likelihood(test, samples, sigma).mean().item()
            scores.append((nats, coverage(test[:2000], samples[:2000])))
        (nats, covered), spread = torch.tensor(scores).mean(0).tolist(), torch.tensor(scores).std(0).tolist()
        print(f"{name:<38}{nats:>10.1f} ±{spread[0]:4.1f}{covered:>10.3f} ±{spread[1]:.3f}")


if __name__ == "__main__":
    main()
