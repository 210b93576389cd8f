"""Full MNIST, feature extractors for it and trained presets. Each is created once and cached in .cache/benchmarks/."""

import tempfile
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import OneCycleLR

from gan.config import UserError
from gan.data.config import DataConfig, PrepareConfig
from gan.data.dataset import ImageDataset, Split, to_float
from gan.data.download import download
from gan.data.prepare import prepare
from gan.data.raw_dataset import decode
from gan.evaluation.classifier import Classifier, load_classifier, predict
from gan.evaluation.config import ClassifierConfig
from gan.evaluation.feature_extractor import FeatureExtractor, classifier_extractor
from gan.io import load_safetensors, save_safetensors
from gan.networks.config import ModelConfig
from gan.networks.factory import save_networks
from gan.training.checkpoint import CheckpointManager, fingerprint
from gan.training.config import TrainConfig
from gan.training.factory import build_trainer
from gan.training.frames import FrameWriter
from gan.training.loop import train
from gan.training.snapshots import SnapshotWriter
from stages.classifier import train_one
from tools.presets import load_preset

CACHE = Path(".cache/benchmarks")
CONSTANT_LR = ("train.lr_decay=0",)  # changes the preset `better`, whose learning rate falls
CODE = ("gan", "gan/data", "gan/networks", "gan/training")  # folders whose files a training depends on


def add_mnist_option(parser: ArgumentParser) -> None:
    """Add the option --mnist, which says where MNIST's four files are."""
    parser.add_argument("--mnist", help="folder or URL with MNIST's own files; by default they are downloaded")


def full_mnist(source: str | None, *, stacked: bool = False) -> ImageDataset:
    """MNIST's 60,000 training and 10,000 test digits, or the same numbers of stacks of three digits."""
    config = DataConfig(dataset="stacked-mnist" if stacked else "mnist", source=source)
    path = CACHE / f"{config.dataset}.safetensors"
    if not path.exists():
        with tempfile.TemporaryDirectory() as folder:
            raw = Path(folder, "raw")
            images = Path(folder, "images")
            download(config, raw, images=images, project_root=Path.cwd(), cache=Path(".cache"))
            prepare(decode(raw, images), PrepareConfig(), path)
    return ImageDataset.load(path)


def mnist_extractor(num_stacked: int = 1) -> FeatureExtractor:
    """The extractor that the classifier stage trains on full MNIST. num_stacked: digits per image to be evaluated."""
    path = CACHE / "classifier.safetensors"
    if not path.exists():
        print("training the classifier (minutes, once)", flush=True)
        train_one(CACHE / "mnist.safetensors", path, ClassifierConfig(), torch.device("cpu"), cross_domain=False)
    classifier, metadata = load_classifier(path)
    return classifier_extractor(classifier, {**metadata, "stacked": num_stacked})


def mnist_example_extractor(mnist: ImageDataset) -> FeatureExtractor:
    """The network of PyTorch's MNIST example, trained without augmentation, to compare feature extractors.

    https://github.com/pytorch/examples/blob/main/mnist/main.py: two convolutions, 128 features, dropout, no BatchNorm.
    """
    path = CACHE / "mnist_example.safetensors"
    torch.manual_seed(0)
    classifier = Classifier(mnist.shape, len(mnist.metadata["classes"]))
    classifier.backbone = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5)),
    )
    if not path.exists():
        print("training the network of PyTorch's MNIST example (minutes, once)", flush=True)
        train_example(classifier, mnist.train)
        save_safetensors(path, classifier.state_dict(), {"role": "MNIST example"})
    classifier.load_state_dict(load_safetensors(path))
    predictions = predict(classifier.eval(), mnist.test.images).logits.argmax(1)
    accuracy = (predictions == mnist.test.labels).double().mean().item()
    name = f"the network of PyTorch's MNIST example ({accuracy:.2%} test accuracy)"
    return classifier_extractor(classifier, {**mnist.metadata, "task": "classes", "name": name})


def train_example(classifier: Classifier, train: Split, *, epochs: int = 6, batch_size: int = 128) -> None:
    """Train with Adam and a one-cycle learning rate, without augmentation."""
    steps_per_epoch = len(train.images) // batch_size
    optimizer = torch.optim.Adam(classifier.parameters(), fused=True)
    schedule = OneCycleLR(optimizer, 2e-3, epochs=epochs, steps_per_epoch=steps_per_epoch)
    for _ in range(epochs):
        for indices in torch.randperm(len(train.images)).split(batch_size)[:steps_per_epoch]:
            loss = cross_entropy(classifier(to_float(train.images[indices])).logits, train.labels[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def preset_config(name: str, changes: Iterable[str] = ()) -> tuple[ModelConfig, TrainConfig]:
    """The configuration of a preset, with changes such as `train.lr=1e-3`. Raises UserError if they are not allowed."""
    parameters: dict[str, dict[str, Any]] = {"model": {}, "train": {}, **load_preset(name)}
    for change in changes:
        parameter, _, value = change.partition("=")
        section, _, key = parameter.partition(".")
        if section not in ("model", "train"):
            raise UserError(f"-S {change}: no such parameter; it should be model.NAME=VALUE or train.NAME=VALUE")
        parameters[section][key] = yaml.safe_load(value)
    return ModelConfig.parse("model", parameters["model"]), TrainConfig.parse("train", parameters["train"])


def train_or_load(dataset: ImageDataset, model: ModelConfig, config: TrainConfig) -> Path:
    """Train on the CPU, unless the same code has trained on the same data. Return the folder of the saved networks."""
    metadata = {"images": len(dataset.train.images), "shape": dataset.shape, "classes": dataset.metadata["classes"]}
    run = {**metadata, "model": model.model_dump(), "train": config.resume_key()}
    files = [CACHE / f"{dataset.metadata['dataset']['name']}.safetensors"]
    files += [path for code in CODE for path in Path(code).glob("*.py")]
    folder = CACHE / "runs" / fingerprint(run, files)
    trainer, loader = build_trainer(model, config, dataset, None, torch.device("cpu"))
    frames = FrameWriter(folder / "frames", folder / "frame_cache", config.frame_every)
    snapshots = SnapshotWriter(folder / "snapshots", folder / "snapshot_cache", trainer.model_config, config, metadata)
    train(trainer, loader, config, CheckpointManager(folder), frames, snapshots=snapshots)
    save_networks(folder / "networks", trainer.networks(), trainer.model_config, dataset.metadata)
    return folder / "networks"
