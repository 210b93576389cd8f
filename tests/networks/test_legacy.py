"""Models of an earlier version load and give the same outputs; see tests/fixtures/old_models/README.md."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gan.io import load_safetensors, read_metadata
from gan.networks.config import ModelConfig
from gan.networks.cyclegan import CycleDiscriminators, CycleGenerators
from gan.networks.factory import load_network, save_network
from gan.sampling import generate_images, num_classes, round_robin_labels, sample_latents, translate_images

OLD_MODELS = Path(__file__).parents[1] / "fixtures/old_models"
NAMES = ["mlp", "mlp-conditional", "dcgan", "dcgan-conditional", "stylegan", "stylegan-conditional", "cyclegan"]


@cache
def expected() -> dict[str, NDArray[np.generic]]:
    with np.load(OLD_MODELS / "expected.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", NAMES)
def test_old_generators_generate_the_same_images(name: str) -> None:
    network, metadata = load_network(OLD_MODELS / f"{name}.safetensors", "generator")
    if isinstance(network, CycleGenerators):
        images = torch.from_numpy(expected()["cyclegan_inputs"])
        for generator, key in ((network.g_ab, "cyclegan_there"), (network.g_ba, "cyclegan_back")):
            assert np.array_equal(translate_images(generator, images, "cpu").numpy(), expected()[key])
        return
    latents = sample_latents(3, metadata["model"]["latent_dim"], 0)
    labels = round_robin_labels(3, num_classes(metadata))
    assert np.array_equal(generate_images(network, latents, labels, device="cpu"), expected()[name])


@pytest.mark.parametrize("name", NAMES)
def test_old_discriminators_give_the_same_logits(name: str) -> None:
    network, metadata = load_network(OLD_MODELS / f"{name}_discriminator.safetensors", "discriminator")
    channels, height, width = metadata["shape"]
    images = torch.linspace(-1, 1, 12 * channels * height * width).view(12, channels, height, width)
    labels = round_robin_labels(12, num_classes(metadata))
    with torch.inference_mode():
        if isinstance(network, CycleDiscriminators):
            logits = torch.stack([network.d_a(images), network.d_b(images)])
        else:
            logits = network(images, labels)[None]
    torch.testing.assert_close(logits, torch.from_numpy(expected()[f"{name}_logits"]))


def test_old_metadata_is_renamed_and_saved_under_the_new_names(tmp_path: Path) -> None:
    old_path = OLD_MODELS / "cyclegan.safetensors"
    assert read_metadata(old_path)["kind"] == "generator" and read_metadata(old_path)["model"]["blocks"] == 1
    network, metadata = load_network(old_path, "generator")
    assert metadata["role"] == "generator" and "kind" not in metadata
    assert metadata["model"]["residual_blocks"] == 1 and "blocks" not in metadata["model"]
    path = tmp_path / "generator.safetensors"
    save_network(path, network, "generator", ModelConfig(**metadata["model"]), metadata)
    reloaded, reloaded_metadata = load_network(path, "generator")
    assert reloaded_metadata == metadata
    assert load_safetensors(path).keys() == reloaded.state_dict().keys()
