"""Full MNIST and its judge, for the benchmarks of quality. Both are made once, in .cache/benchmarks/."""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

from gan.data.config import DataConfig, PrepareConfig
from gan.data.dataset import ImageDataset, Split
from gan.data.download import download
from gan.data.prepare import prepare
from gan.data.raw_dataset import decode
from gan.evaluation.classifier import load_classifier, predict, save_classifier, train_classifier
from gan.evaluation.config import ClassifierConfig
from gan.evaluation.feature_extractor import FeatureExtractor, classifier_extractor

CACHE = Path(".cache/benchmarks")


def add_source(parser: argparse.ArgumentParser) -> None:
    """The option that says where MNIST's four files are."""
    parser.add_argument("--mnist", help="a folder or URL with MNIST's own files; by default they are downloaded")


def full_mnist(source: str | None, *, stacked: bool = False) -> ImageDataset:
    """The 60,000 training and 10,000 test digits, or as many stacks of three."""
    name: Literal["mnist", "stacked-mnist"] = "stacked-mnist" if stacked else "mnist"
    path = CACHE / f"{name}.safetensors"
    if not path.exists():
        with tempfile.TemporaryDirectory() as folder:
            raw, images = Path(folder, "raw"), Path(folder, "images")
            config = DataConfig(dataset=name, source=source)
            download(config, raw, images=images, project_root=Path.cwd(), cache=Path(".cache"))
            prepare(decode(raw, images), PrepareConfig(), path)
    return ImageDataset.load(path)


def first(prepared: ImageDataset, count: int) -> ImageDataset:
    """The same with the first `count` training pictures alone."""
    return replace(prepared, train=Split(prepared.train.images[:count], prepared.train.labels[:count]))


def judge_of(prepared: ImageDataset, stacked: int = 1) -> FeatureExtractor:
    """The judge that the classifier stage would train on these digits; if `stacked`, for stacks of so many of them."""
    path = CACHE / "classifier.safetensors"
    if not path.exists():
        print("training the judge (minutes, once)", flush=True)
        classifier = train_classifier(prepared.train, 10, ClassifierConfig())
        accuracy = (predict(classifier, prepared.test.images).logits.argmax(1) == prepared.test.labels).float().mean()
        name = f"a convolutional network trained on the training split ({accuracy:.2%} right on the test split)"
        facts = {"shape": prepared.metadata["shape"], "classes": prepared.metadata["classes"], "task": "classes"}
        save_classifier(path, classifier, {**facts, "name": name})
    classifier, metadata = load_classifier(path)
    return classifier_extractor(classifier, {**metadata, "stacked": stacked})
