"""Which networks there are, and how they are made from settings, saved and loaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from gan.config import UserError
from gan.io import load_safetensors, read_metadata, save_safetensors
from gan.networks import cyclegan, dcgan, mlp, stylegan
from gan.networks.config import ModelConfig
from gan.networks.mlp import ImageShape


class Architecture(Protocol):
    """What a module of networks offers. `classes`: 0 for networks that are told no class."""

    def check_image_shape(self, shape: ImageShape) -> None:
        """Raise UserError if these networks cannot make pictures of this shape."""

    def generator(self, config: ModelConfig, shape: ImageShape, classes: int) -> nn.Module:
        """New weights: latents [B, latent_dim] (and labels [B]) → pictures [B, C, H, W] in [-1, 1]."""

    def discriminator(self, config: ModelConfig, shape: ImageShape, classes: int) -> nn.Module:
        """New weights: pictures [B, C, H, W] (and labels [B]) → logits [B / packing, 1]."""


ARCHITECTURES: dict[str, Architecture] = {"mlp": mlp, "dcgan": dcgan, "stylegan": stylegan, "cyclegan": cyclegan}


def build_generator(config: ModelConfig, shape: ImageShape, classes: int = 0) -> nn.Module:
    """A generator with new weights: [B, latent_dim] → [B, C, H, W] in [-1, 1]; if conditional, of `classes`."""
    architecture = ARCHITECTURES[config.architecture]
    architecture.check_image_shape(shape)
    return architecture.generator(config, shape, classes if config.conditional else 0)


def build_discriminator(config: ModelConfig, shape: ImageShape, classes: int = 0) -> nn.Module:
    """A discriminator with new weights: [B, C, H, W] → logits [B / packing, 1]; if conditional, of `classes`."""
    architecture = ARCHITECTURES[config.architecture]
    architecture.check_image_shape(shape)
    return architecture.discriminator(config, shape, classes if config.conditional else 0)


BUILDERS = {"generator": build_generator, "discriminator": build_discriminator}


def save_network(path: Path, network: nn.Module, role: str, config: ModelConfig, metadata: Mapping[str, Any]) -> None:
    """Write a network that can be loaded without any other file.

    kind: generator or discriminator. facts: `shape` (channels, height, width), and whatever else a reader should know
    (JSON), such as how it was trained.
    """
    save_safetensors(path, network.state_dict(), {**metadata, "role": role, "model": config.model_dump()})


def save_networks(
    folder: Path, networks: Mapping[str, nn.Module], config: ModelConfig, metadata: Mapping[str, Any]
) -> None:
    """Write networks into `folder`, each to the file of its name, which begins with its kind; see save_network."""
    for name, network in networks.items():
        save_network(folder / f"{name}.safetensors", network, name.split("_")[0], config, metadata)


def load_network(path: Path, role: str) -> tuple[nn.Module, dict[str, Any]]:
    """A network in eval mode on the CPU, and the facts it was saved with; raises UserError if the file is not one."""
    metadata = read_metadata(path)
    metadata.setdefault("role", metadata.pop("kind", "dataset"))  # "kind" in files of earlier versions
    if metadata["role"] != role:
        raise UserError(f"{path}: holds a {metadata['role']}, not a {role}")
    channels, height, width = metadata["shape"]
    config = ModelConfig.parse(f"{path}: model", metadata["model"])
    network = BUILDERS[role](config, (channels, height, width), len(metadata.get("classes", ())))
    try:
        network.load_state_dict(load_safetensors(path))
    except RuntimeError as error:
        raise UserError(f"{path}: its weights do not fit its description: {' '.join(str(error).split())}") from None
    # A file of an earlier version lacks the settings that came later: it has their defaults.
    return network.eval(), {**metadata, "model": config.model_dump()}
