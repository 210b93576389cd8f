"""Build networks from a config, save them and load them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from gan.config import UserError
from gan.io import load_safetensors, read_metadata, save_safetensors
from gan.networks import cyclegan, dcgan, mlp, stylegan
from gan.networks.config import ModelConfig
from gan.networks.legacy import upgrade_metadata, upgrade_state_dict
from gan.networks.mlp import ImageShape


@dataclass(frozen=True)
class Architecture:
    """Constructors of networks, and a function that raises UserError if they do not support images of a shape.

    The constructors take the config, the shape of an image and the number of classes (0: unconditional).
    generator: z [B, latent_dim] (cyclegan: images) → images [B, C, H, W] in [-1, 1].
    discriminator: images [B, C, H, W] → logits [B / packing, 1] (cyclegan: [B, 1, h, w]).
    Networks are called as network(x, labels). Labels [B] are None if the network is unconditional.
    """

    generator: Callable[[ModelConfig, ImageShape, int], nn.Module]
    discriminator: Callable[[ModelConfig, ImageShape, int], nn.Module]
    check_image_shape: Callable[[ImageShape], None]


ARCHITECTURES = {
    "mlp": Architecture(mlp.generator, mlp.discriminator, mlp.check_image_shape),
    "dcgan": Architecture(dcgan.Generator, dcgan.Discriminator, dcgan.check_image_shape),
    "stylegan": Architecture(stylegan.Generator, stylegan.Discriminator, stylegan.check_image_shape),
    "cyclegan": Architecture(cyclegan.CycleGenerators, cyclegan.CycleDiscriminators, cyclegan.check_image_shape),
}


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
    legacy = "kind" in metadata
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
