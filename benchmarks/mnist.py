"""Full MNIST and its judge, for the benchmarks of quality. Both are made once, in .cache/benchmarks/."""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

from gan.data.decode import decode
from gan.data.download import download
from gan.data.prepare import prepare
from gan.data.prepared import Prepared, Split
from gan.data.settings import DataSettings, PrepareSettings
from gan.evaluation.classifier import load_classifier, look, save_classifier, train_classifier
from gan.evaluation.judge import Judge, classifier_judge
from gan.evaluation.settings import ClassifierSettings

CACHE = Path(".cache/benchmarks")


def add_source(parser: argparse.ArgumentParser) -> None:
    """The option that says where MNIST's four files are."""
    parser.add_argument("--mnist", help="a folder or URL with MNIST's own files; by default they are downloaded")


def full_mnist(source: str | None, *, stacked: bool = False) -> Prepared:
    """The 60,000 training and 10,000 test digits, or as many stacks of three."""
    name: Literal["mnist", "stacked-mnist"] = "stacked-mnist" if stacked else "mnist"
    path = CACHE / f"{name}.safetensors"
    if not path.exists():
        with tempfile.TemporaryDirectory() as folder:
            raw, images = Path(folder, "raw"), Path(folder, "images")
            settings = DataSettings(dataset=name, source=source)
            download(settings, raw, images=images, home=Path.cwd(), cache=Path(".cache"))
            prepare(decode(raw, images), PrepareSettings(), path)
    return Prepared.load(path)


def first(prepared: Prepared, count: int) -> Prepared:
    """The same with the first `count` training pictures alone."""
    return replace(prepared, train=Split(prepared.train.images[:count], prepared.train.labels[:count]))


def judge_of(prepared: Prepared, stacked: int = 1) -> Judge:
    """The judge that the classifier stage would train on these digits; if `stacked`, for stacks of so many of them."""
    path = CACHE / "classifier.safetensors"
    if not path.exists():
        print("training the judge (minutes, once)", flush=True)
        classifier = train_classifier(prepared.train, 10, ClassifierSettings())
        accuracy = (look(classifier, prepared.test.images).logits.argmax(1) == prepared.test.labels).float().mean()
        name = f"a convolutional network trained on the training split ({accuracy:.2%} right on the test split)"
        facts = {"shape": prepared.about["shape"], "classes": prepared.about["classes"], "task": "classes"}
        save_classifier(path, classifier, {**facts, "name": name})
    classifier, about = load_classifier(path)
    return classifier_judge(classifier, {**about, "stacked": stacked})
