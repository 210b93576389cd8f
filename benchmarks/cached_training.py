"""Training runs of presets for the quality benchmarks, cached in .cache/benchmarks/ and resumed from it."""

from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmarks._mnist import CACHE
from gan.config import UserError
from gan.data.dataset import ImageDataset
from gan.networks.config import ModelConfig
from gan.training.checkpoint import CheckpointManager, fingerprint
from gan.training.config import TrainConfig
from gan.training.factory import build_trainer
from gan.training.frames import FrameWriter
from gan.training.loop import train
from gan.training.snapshots import SnapshotWriter
from gan.training.trainer import GANTrainer
from tools.presets import load_preset

CONSTANT_LR = ("train.lr_decay=0",)  # changes the preset `better`, whose learning rate falls
CODE = ("gan", "gan/data", "gan/networks", "gan/training")  # folders whose files a training depends on


def add_changes_option(parser: ArgumentParser) -> None:
    """Add the option -S, which changes parameters of presets."""
    parser.add_argument(
        "-S", dest="changes", action="append", default=[], metavar="NAME=VALUE", help="change model.NAME or train.NAME"
    )


def preset_config(name: str, changes: Iterable[str] = ()) -> tuple[ModelConfig, TrainConfig]:
    """The configuration of a preset, with changes such as `train.lr=1e-3`. Raises UserError if they are not allowed."""
    sections: dict[str, dict[str, Any]] = {"model": {}, "train": {}}
    preset = load_preset(name)
    for section, values in sections.items():
        values.update(preset.get(section, {}))
    for change in changes:
        parameter, _, value = change.partition("=")
        section, _, key = parameter.partition(".")
        if section not in sections:
            raise UserError(f"-S {change}: no such parameter; it should be model.NAME=VALUE or train.NAME=VALUE")
        sections[section][key] = yaml.safe_load(value)
    return ModelConfig.parse("model", sections["model"]), TrainConfig.parse("train", sections["train"])


def train_or_load(dataset: ImageDataset, model: ModelConfig, config: TrainConfig) -> GANTrainer:
    """The trainer at the end of a training run on the CPU. A finished run of the same code and data is loaded."""
    metadata = {"images": len(dataset.train.images), "shape": dataset.shape, "classes": dataset.metadata["classes"]}
    run = {**metadata, "model": model.model_dump(), "train": config.resume_key()}
    files = [CACHE / f"{dataset.metadata['dataset']['name']}.safetensors"]
    files += [path for code in CODE for path in Path(code).glob("*.py")]
    folder = CACHE / "runs" / fingerprint(run, files)
    trainer, loader = build_trainer(model, config, dataset, None, torch.device("cpu"))
    assert isinstance(trainer, GANTrainer)
    frames = FrameWriter(folder / "frames", folder / "frame_cache", config.frame_every)
    snapshots = SnapshotWriter(folder / "snapshots", folder / "snapshot_cache", trainer.model_config, config, metadata)
    train(trainer, loader, config, CheckpointManager(folder), frames, snapshots=snapshots)
    return trainer
