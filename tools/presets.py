"""Presets: named sets of parameters. Each is a file presets/NAME.yaml with some keys of params.yaml."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gan.config import UserError

FOLDER = Path(__file__).resolve().parents[1] / "presets"
ORDER = (
    "tutorial",
    "better",
    "saturating",
    "lsgan",
    "hinge",
    "ttur",
    "wgan-gp",
    "relativistic",
    "r1",
    "minibatch-discrimination",
    "packing",
    "conditional",
    "dcgan",
    "dcgan-conditional",
    "dcgan-relativistic",
    "dcgan-r1",
    "dcgan-r1-conditional",
    "stylegan",
    "cyclegan-digits",
)
PRESETS = (*ORDER, *sorted({path.stem for path in FOLDER.glob("*.yaml")} - set(ORDER)))  # your own follow
Parameters = Mapping[str, Mapping[str, Any]]  # values by section and key


def load_preset(name: str) -> dict[str, dict[str, Any]]:
    """Load the parameters of a preset, by section and key as in params.yaml.

    Raises UserError if there is no preset of this name, or if its file cannot be read.
    """
    if name not in PRESETS:
        similar = difflib.get_close_matches(name, PRESETS, n=3)
        hint = f"did you mean {' or '.join(similar)}?" if similar else f"the presets are {', '.join(PRESETS)}"
        raise UserError(f"{name}: no such preset; {hint}")
    try:
        parameters = yaml.safe_load(_read(name)) or {}
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"presets/{name}.yaml: cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(parameters, dict) or not all(isinstance(values, dict) for values in parameters.values()):
        raise UserError(f"presets/{name}.yaml: needs sections with keys, as in params.yaml")
    return parameters


def describe_preset(name: str) -> list[str]:
    """The comment lines at the top of a preset: its purpose, then the metrics that it reached."""
    return [line.removeprefix("# ") for line in _read(name).splitlines() if line.startswith("#")]


def flatten(parameters: Parameters) -> dict[str, Any]:
    """Parameters by their full names, `section.key`."""
    return {f"{section}.{key}": value for section, values in parameters.items() for key, value in values.items()}


def dvc_set_args(parameters: Parameters) -> list[str]:
    """Arguments for `dvc exp run` that set these parameters: `-S`, `train.lr=0.0005`, …"""
    return [arg for name, value in flatten(parameters).items() for arg in ("-S", f"{name}={to_yaml(value)}")]


def to_yaml(value: Any) -> str:
    """Format a parameter's value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=float("inf"))
    return text.removesuffix("\n").removesuffix("\n...")


def _read(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
