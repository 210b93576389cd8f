"""Which networks there are, and how they are made from settings, saved and loaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from gan.files import load_tensors, read_about, save_tensors
from gan.networks import mlp
from gan.networks.mlp import PictureShape
from gan.networks.settings import ModelSettings
from gan.settings import UserError

LARGEST_MLP_SIDE = 128  # beyond it the last layer alone has more than 50 million weights for an RGB picture


def _check_mlp(shape: PictureShape) -> None:
    """Raise UserError if these networks cannot make pictures of this shape."""
    if max(shape[1:]) > LARGEST_MLP_SIDE:
        raise UserError(
            f"prepare.image_size: model.architecture mlp draws pictures of up to {LARGEST_MLP_SIDE} pixels a side, "
            f"these have {shape[1]}×{shape[2]}; set prepare.image_size to {LARGEST_MLP_SIDE} or less"
        )


def build_generator(settings: ModelSettings, shape: PictureShape) -> nn.Module:
    """A generator with new weights: [B, latent_dim] → [B, C, H, W] in [-1, 1]."""
    _check_mlp(shape)
    return mlp.Generator(
        shape, settings.latent_dim, settings.generator_widths, settings.leaky_slope, settings.batchnorm_momentum
    )


def build_discriminator(settings: ModelSettings, shape: PictureShape) -> mlp.Discriminator:
    """A discriminator with new weights: [B, C, H, W] → logits [B, 1]."""
    _check_mlp(shape)
    return mlp.Discriminator(shape, settings.discriminator_widths, settings.leaky_slope)


_BUILDERS = {"generator": build_generator, "discriminator": build_discriminator}


def save_network(path: Path, network: nn.Module, kind: str, settings: ModelSettings, facts: Mapping[str, Any]) -> None:
    """Write a network that can be loaded without any other file.

    kind: generator or discriminator. facts: `shape` (channels, height, width), and whatever else a reader should know
    (JSON), such as how it was trained.
    """
    save_tensors(path, network.state_dict(), {**facts, "kind": kind, "model": settings.model_dump()})


def save_networks(
    folder: Path, networks: Mapping[str, nn.Module], settings: ModelSettings, facts: Mapping[str, Any]
) -> None:
    """Write networks into `folder`, each to the file of its name, which begins with its kind; see save_network."""
    for name, network in networks.items():
        save_network(folder / f"{name}.safetensors", network, name.split("_")[0], settings, facts)


def load_network(path: Path, kind: str) -> tuple[nn.Module, dict[str, Any]]:
    """A network in eval mode on the CPU, and the facts it was saved with; raises UserError if the file is not one."""
    about = read_about(path)
    if about.get("kind") != kind:
        raise UserError(f"{path}: holds a {about.get('kind', 'data set')}, not a {kind}")
    channels, height, width = about["shape"]
    network = _BUILDERS[kind](ModelSettings.parse(f"{path}: model", about["model"]), (channels, height, width))
    try:
        network.load_state_dict(load_tensors(path))
    except RuntimeError as error:
        raise UserError(f"{path}: its weights do not fit its description: {' '.join(str(error).split())}") from None
    return network.eval(), about
