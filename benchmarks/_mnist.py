"""Full MNIST and feature extractors for it. Each is created once and cached in .cache/benchmarks/."""

import tempfile
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softmax
from torch.optim.lr_scheduler import OneCycleLR

from gan.data.config import DataConfig, PrepareConfig
from gan.data.dataset import ImageDataset, Split, to_float
from gan.data.download import download
from gan.data.prepare import prepare
from gan.data.raw_dataset import decode
from gan.evaluation.classifier import load_classifier
from gan.evaluation.config import ClassifierConfig
from gan.evaluation.feature_extractor import FeatureExtractor, Features, classifier_extractor
from gan.io import load_safetensors, save_safetensors
from stages.classifier import train_one

CACHE = Path(".cache/benchmarks")
# Training of the network of PyTorch's MNIST example.
EXAMPLE_EPOCHS = 6
EXAMPLE_BATCH_SIZE = 128
EXAMPLE_PEAK_LR = 2e-3


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


def take_first(dataset: ImageDataset, num_images: int) -> ImageDataset:
    """The dataset with the first `num_images` training images only."""
    train = Split(dataset.train.images[:num_images], dataset.train.labels[:num_images])
    return replace(dataset, train=train)


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
    network = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU()),
        *(nn.Dropout(0.5), nn.Linear(128, 10)),
    )
    if not path.exists():
        print("training the network of PyTorch's MNIST example (minutes, once)", flush=True)
        _train_example(network, mnist.train)
        save_safetensors(path, network.state_dict(), {"role": "MNIST example"})
    network.load_state_dict(load_safetensors(path))
    network.eval()

    @torch.inference_mode()
    def extract(images: Tensor) -> Features:
        features = torch.cat([network[:-2](to_float(chunk)) for chunk in images.split(500)])
        logits = network[-2:](features)
        confidence, predictions = softmax(logits, 1).max(1)
        return Features(features, predictions, confidence, logits)

    predictions = extract(mnist.test.images).predictions
    accuracy = (predictions == mnist.test.labels).double().mean().item()  # type: ignore[union-attr]
    return FeatureExtractor(f"the network of PyTorch's MNIST example ({accuracy:.2%} test accuracy)", extract)


def _train_example(network: nn.Module, train: Split) -> None:
    steps_per_epoch = len(train.images) // EXAMPLE_BATCH_SIZE
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    schedule = OneCycleLR(optimizer, EXAMPLE_PEAK_LR, total_steps=EXAMPLE_EPOCHS * steps_per_epoch)
    for _ in range(EXAMPLE_EPOCHS):
        for indices in torch.randperm(len(train.images)).split(EXAMPLE_BATCH_SIZE)[:steps_per_epoch]:
            loss = cross_entropy(network(to_float(train.images[indices])), train.labels[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
