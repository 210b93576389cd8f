"""Models saved by earlier versions: conversion of their metadata and state dicts to the current names."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from gan.networks.config import ModelConfig

# Old to new names of modules, parameters and buffers, by architecture. A name in a state dict is a path of these.
RENAMED: dict[str, dict[str, str]] = {
    "mlp": {},
    "dcgan": {
        "first": "input_layer",
        "ups": "upsample",
        "trunk": "features",
        "minibatch": "minibatch_discrimination",
        "last": "output_layer",
    },
    "stylegan": {
        "mean_style": "w_avg",
        "constant": "const",
        "pixels": "to_rgb",
        "style": "affine",
        "strength": "noise_strength",
        "noise": "noise_const",
        "trunk": "features",
        "first": "conv1",
        "second": "conv2",
        "minibatch": "minibatch_discrimination",
        "last": "output_layer",
    },
    "cyclegan": {"there": "g_ab", "back": "g_ba", "source": "d_a", "target": "d_b", "change": "body"},
}


def upgrade_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the keys of a legacy file's metadata, which names the role "kind"."""
    upgraded = {"role" if key == "kind" else key: value for key, value in metadata.items()}
    if "model" in metadata:
        upgraded["model"] = {ModelConfig.renamed.get(key, key): value for key, value in metadata["model"].items()}
    return upgraded


def upgrade_state_dict(state_dict: Mapping[str, Tensor], architecture: str) -> dict[str, Tensor]:
    """Rename the keys of a legacy file's state dict."""
    renamed = RENAMED[architecture]
    return {".".join(renamed.get(name, name) for name in key.split(".")): value for key, value in state_dict.items()}
