"""Build networks from a config, save them and load them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from gan.config import UserError
from gan.io import load_safetensors, read_metadata, save_safetensors
from gan.networks import cyclegan, dcgan, mlp, stylegan
from gan.networks.config import ModelConfig
from gan.networks.legacy import is_legacy, upgrade_metadata, upgrade_state_dict
from gan.networks.mlp import ImageShape


class Architecture(Protocol):
    """Functions of a module that defines networks.

    All networks are called as network(x, labels). Labels [B] are None if the network is unconditional (num_classes 0).
    """

    def check_image_shape(self, shape: ImageShape) -> None:
        """Raise UserError if the networks cannot generate images of this shape."""

    def generator(self, config: ModelConfig, shape: ImageShape, num_classes: int) -> nn.Module:
        """Create a generator: z [B, latent_dim] (cyclegan: images) → images [B, C, H, W] in [-1, 1]."""

    def discriminator(self, config: ModelConfig, shape: ImageShape, num_classes: int) -> nn.Module:
        """Create a discriminator: images [B, C, H, W] → logits [B / packing, 1] (cyclegan: [B, 1, h, w])."""


ARCHITECTURES: dict[str, Architecture] = {"mlp": mlp, "dcgan": dcgan, "stylegan": stylegan, "cyclegan": cyclegan}


def build_generator(config: ModelConfig, shape: ImageShape, num_classes: int = 0) -> nn.Module:
    """Create a generator with random weights; see Architecture.

    num_classes: classes of the data; ignored unless config.conditional. Raises UserError if `shape` is not supported.
    """
    architecture = ARCHITECTURES[config.architecture]
    architecture.check_image_shape(shape)
    return architecture.generator(config, shape, num_classes if config.conditional else 0)


def build_discriminator(config: ModelConfig, shape: ImageShape, num_classes: int = 0) -> nn.Module:
    """Create a discriminator with random weights; arguments and errors as for build_generator."""
    architecture = ARCHITECTURES[config.architecture]
    architecture.check_image_shape(shape)
    return architecture.discriminator(config, shape, num_classes if config.conditional else 0)


BUILDERS = {"generator": build_generator, "discriminator": build_discriminator}


def save_network(path: Path, network: nn.Module, role: str, config: ModelConfig, metadata: Mapping[str, Any]) -> None:
    """Write a network, its config and metadata to one file; load_network needs no other.

    role: generator or discriminator. metadata: anything that JSON can hold; must have `shape` (channels, height,
    width) and, if the network is conditional, `classes` (their names).
    """
    save_safetensors(path, network.state_dict(), {**metadata, "role": role, "model": config.model_dump()})


def save_networks(
    folder: Path, networks: Mapping[str, nn.Module], config: ModelConfig, metadata: Mapping[str, Any]
) -> None:
    """Write each network to folder/NAME.safetensors, where NAME begins with its role, such as generator_raw."""
    for name, network in networks.items():
        save_network(folder / f"{name}.safetensors", network, name.split("_")[0], config, metadata)


def load_network(path: Path, role: str) -> tuple[nn.Module, dict[str, Any]]:
    """Return the network in a file, on the CPU and in eval mode, and its metadata.

    Files of earlier versions are converted. Raises UserError if the file does not hold a network of this role.
    """
    metadata = read_metadata(path)
    legacy = is_legacy(metadata)
    if legacy:
        metadata = upgrade_metadata(metadata)
    if metadata.get("role") != role:
        raise UserError(f"{path}: holds a {metadata.get('role', 'dataset')}, not a {role}")
    channels, height, width = metadata["shape"]
    config = ModelConfig.parse(f"{path}: model", metadata["model"])
    network = BUILDERS[role](config, (channels, height, width), len(metadata.get("classes", ())))
    state_dict = load_safetensors(path)
    if legacy:
        state_dict = upgrade_state_dict(state_dict, config.architecture)
    try:
        network.load_state_dict(state_dict)
    except RuntimeError as error:
        raise UserError(f"{path}: the weights do not match the metadata: {' '.join(str(error).split())}") from None
    # A file of an earlier version may lack parameters that were added later. They have their defaults.
    return network.eval(), {**metadata, "model": config.model_dump()}
