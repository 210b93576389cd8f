"""Data of the evaluation's tests: scikit-learn's digits, 8×8."""

from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits

from gan.data.dataset import Split
from gan.evaluation.classifier import Classifier, train_classifier
from gan.evaluation.config import ClassifierConfig


def digit_splits() -> tuple[Split, Split]:
    """1,400 training and 397 test images."""
    pixels, targets = load_digits(return_X_y=True)
    images = torch.from_numpy(pixels).view(-1, 1, 8, 8).mul(255 / 16).round().byte()
    labels = torch.from_numpy(targets)
    return Split(images[:1400], labels[:1400]), Split(images[1400:], labels[1400:])


def classifier_metadata(task: str = "classes", num_stacked: int = 1) -> dict[str, Any]:
    return {"task": task, "classes": list("0123456789"), "name": "digit classifier", "stacked": num_stacked}


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """Trained on all training images."""
    return train_classifier(digit_splits()[0], 10, ClassifierConfig(epochs=8))
