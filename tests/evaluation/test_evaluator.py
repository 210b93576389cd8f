"""Evaluation of whole sample sets: real images, a mode collapse, copies."""

import json

import numpy as np
import pytest
import torch
from torch import Tensor

from gan.config import UserError
from gan.data.dataset import ImageDataset, Split
from gan.evaluation.classifier import train_classifier
from gan.evaluation.config import ClassifierConfig
from gan.evaluation.evaluator import Evaluation, Evaluator, evaluate
from gan.evaluation.feature_extractor import FeatureExtractor, classifier_extractor
from tests.evaluation.conftest import classifier_metadata, digit_splits


@pytest.fixture(scope="module")
def dataset() -> ImageDataset:
    train, test = digit_splits()
    metadata = {"classes": list("0123456789"), "counts": {"train": 900, "test": 397}, "shape": [1, 8, 8]}
    return ImageDataset(Split(train.images[:900], train.labels[:900]), test, metadata)


@pytest.fixture(scope="module")
def extractor(dataset: ImageDataset) -> FeatureExtractor:
    classifier = train_classifier(dataset.train, 10, ClassifierConfig(epochs=8))
    return classifier_extractor(classifier, classifier_metadata())


@pytest.fixture(scope="module")
def evaluator(extractor: FeatureExtractor, dataset: ImageDataset) -> Evaluator:
    return Evaluator(extractor, dataset, 400)


@pytest.fixture(scope="module")
def unseen() -> Tensor:
    """Real images of neither split."""
    return digit_splits()[0].images[900:1300]


def test_unseen_real_images_reach_the_real_baseline(evaluator: Evaluator, unseen: Tensor) -> None:
    metrics = evaluator.compute_metrics(unseen)
    assert metrics["classes_covered"] == 10
    assert metrics["frechet"] < 3 * evaluator.real_baseline["frechet"]
    assert metrics["coverage"] > 0.8 * evaluator.real_baseline["coverage"]
    assert metrics["parzen"] == pytest.approx(evaluator.real_baseline["parzen"], rel=0.2)


def test_metrics_of_a_mode_collapse(evaluator: Evaluator, dataset: ImageDataset, unseen: Tensor) -> None:
    ones = dataset.train.images[dataset.train.labels == 1]
    collapsed = ones[torch.arange(400) % len(ones)]
    healthy = evaluator.compute_metrics(unseen)
    metrics = evaluator.compute_metrics(collapsed)
    assert metrics["classes_covered"] <= 2
    assert metrics["coverage"] < healthy["coverage"] / 3
    assert metrics["recall"] < healthy["recall"] / 3
    assert metrics["class_kl"] > 1.5
    assert metrics["inception_score"] < 2 < healthy["inception_score"]
    assert metrics["frechet"] > 10 * healthy["frechet"]
    assert evaluator.quick_metrics(collapsed)["coverage"] == pytest.approx(metrics["coverage"])


def test_quick_metrics_equal_the_full_metrics(evaluator: Evaluator, unseen: Tensor) -> None:
    quick = evaluator.quick_metrics(unseen)
    metrics = evaluator.compute_metrics(unseen)
    assert quick["frechet_ratio"] == pytest.approx(evaluator.relative_frechet(metrics["frechet"]))
    assert quick["coverage"] == pytest.approx(metrics["coverage"])
    assert quick["classes_covered"] == metrics["classes_covered"]


@pytest.fixture(scope="module")
def evaluation(evaluator: Evaluator, unseen: Tensor) -> Evaluation:
    rng = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (400, 1, 8, 8), dtype=torch.uint8, generator=rng)
    metadata = {"weights": "ema", "seeds": [0, 1]}
    return evaluate(evaluator, [unseen, unseen.flip(0)], [(1, noise), (2, unseen)], metadata)


def test_details(evaluation: Evaluation) -> None:
    details = json.loads(json.dumps(evaluation.details, allow_nan=False))
    assert details["findings"] == evaluation.findings
    assert details["feature_extractor"] == "digit classifier"
    assert details["samples"] == {"weights": "ema", "seeds": [0, 1], "images_per_set": 400}
    assert details["reference"] == {"split": "test", "images": 397}
    assert details["real"] == {"split": "train", "images": 400}
    assert set(details["metrics"]["frechet"]) == {"samples", "std", "real"}
    assert sum(details["classes"]["samples"]) == pytest.approx(1)
    assert evaluation.metrics["frechet_ratio"] == details["frechet_ratio"]
    assert evaluation.metrics["memorization"] == details["memorization"]["score"]


def test_snapshots(evaluation: Evaluation) -> None:
    assert evaluation.details["best_epoch"] == 2
    rows = [line.split("\t") for line in evaluation.snapshot_table().splitlines()]
    assert rows[0] == ["epoch", "frechet_ratio", "coverage", "classes_covered"]
    assert [row[0] for row in rows[1:]] == ["1", "2"]
    assert "still improving" in evaluation.findings[-1]


def test_nearest_pairs_are_images(evaluation: Evaluation) -> None:
    assert evaluation.nearest_pairs.shape == (20, 1, 8, 8)
    assert evaluation.nearest_pairs.dtype == np.uint8


def test_few_images_lower_k_and_too_few_are_refused(extractor: FeatureExtractor, dataset: ImageDataset) -> None:
    def truncated(num_train: int, num_test: int) -> ImageDataset:
        train = Split(dataset.train.images[:num_train], dataset.train.labels[:num_train])
        test = Split(dataset.test.images[:num_test], dataset.test.labels[:num_test])
        return ImageDataset(train, test, dataset.metadata)

    evaluator = Evaluator(extractor, truncated(8, 4), 100)
    assert evaluator.num_neighbors == 3
    assert evaluator.compute_metrics(dataset.train.images[:100])["coverage"] <= 1
    with pytest.raises(UserError, match="8 training and 1 test images are too few for the evaluation"):
        Evaluator(extractor, truncated(8, 1), 100)


def test_copies_are_reported_as_memorization(evaluator: Evaluator, dataset: ImageDataset) -> None:
    copies = dataset.train.images[:400]
    evaluation = evaluate(evaluator, [copies, copies], [], {})
    assert evaluation.metrics["memorization"] > 0.9
    assert any("Memorization: strong" in line and "100% of the samples" in line for line in evaluation.findings)
