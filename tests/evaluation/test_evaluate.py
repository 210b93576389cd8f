"""Judging whole sets of pictures: real ones, a collapse, copies; and the words for it."""

import json

import numpy as np
import pytest
import torch
from torch import Tensor

from gan.config import UserError
from gan.data.dataset import ImageDataset, Split
from gan.evaluation.classifier import train_classifier
from gan.evaluation.config import ClassifierConfig
from gan.evaluation.evaluate import Evaluation, evaluate
from gan.evaluation.evaluator import Evaluator
from gan.evaluation.feature_extractor import FeatureExtractor, classifier_extractor
from gan.evaluation.findings import summarize
from gan.evaluation.memorization import Memorization
from gan.evaluation.summary import Summary
from tests.evaluation.test_classifier import digits, metadata


@pytest.fixture(scope="module")
def prepared() -> ImageDataset:
    (train, test) = digits()
    facts = {"classes": list("0123456789"), "counts": {"train": 900, "test": 397}, "shape": [1, 8, 8]}
    return ImageDataset(Split(train.images[:900], train.labels[:900]), test, facts)


@pytest.fixture(scope="module")
def judge(prepared: ImageDataset) -> FeatureExtractor:
    return classifier_extractor(train_classifier(prepared.train, 10, ClassifierConfig(epochs=8)), metadata())


@pytest.fixture(scope="module")
def yardstick(judge: FeatureExtractor, prepared: ImageDataset) -> Evaluator:
    return Evaluator(judge, prepared, 400)


@pytest.fixture(scope="module")
def unseen() -> Tensor:
    return digits()[0].images[900:1300]  # neither in the training nor in the test split


def test_real_pictures_that_nobody_saw_are_as_good_as_the_control(yardstick: Evaluator, unseen: Tensor) -> None:
    found = yardstick.measure(unseen)
    assert found["classes_covered"] == 10
    assert found["frechet"] < 3 * yardstick.control["frechet"]
    assert found["coverage"] > 0.8 * yardstick.control["coverage"]
    assert found["parzen"] == pytest.approx(yardstick.control["parzen"], rel=0.2)


def test_a_collapse_shows(yardstick: Evaluator, prepared: ImageDataset, unseen: Tensor) -> None:
    ones = prepared.train.images[prepared.train.labels == 1]
    collapsed = ones[torch.arange(400) % len(ones)]
    healthy, found = yardstick.measure(unseen), yardstick.measure(collapsed)
    assert found["classes_covered"] <= 2
    assert found["coverage"] < healthy["coverage"] / 3
    assert found["recall"] < healthy["recall"] / 3
    assert found["class_kl"] > 1.5
    assert found["score"] < 2 < healthy["score"]
    assert found["frechet"] > 10 * healthy["frechet"]
    assert yardstick.glance(collapsed)["coverage"] == pytest.approx(found["coverage"])


def test_glance_agrees_with_measure(yardstick: Evaluator, unseen: Tensor) -> None:
    glance, whole = yardstick.glance(unseen), yardstick.measure(unseen)
    assert glance["frechet_ratio"] == pytest.approx(yardstick.ratio(whole["frechet"]))
    assert glance["coverage"] == pytest.approx(whole["coverage"])
    assert glance["classes_covered"] == whole["classes_covered"]


@pytest.fixture(scope="module")
def evaluation(yardstick: Evaluator, unseen: Tensor) -> Evaluation:
    noise = torch.randint(0, 256, (400, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return evaluate(yardstick, [unseen, unseen.flip(0)], [(1, noise), (2, unseen)], {"weights": "ema", "seeds": [0, 1]})


def test_the_evaluation_names_what_its_figures_are_of(evaluation: Evaluation) -> None:
    details = json.loads(json.dumps(evaluation.details, allow_nan=False))
    assert details["extractor"] == "it"
    assert details["samples"] == {"weights": "ema", "seeds": [0, 1], "pictures_a_seed": 400}
    assert details["against"] == {"split": "test", "pictures": 397}
    assert details["real"] == {"split": "train", "pictures": 400}
    assert set(details["figures"]["frechet"]) == {"samples", "spread", "real"}
    assert sum(details["classes"]["samples"]) == pytest.approx(1)
    assert evaluation.metrics["frechet_ratio"] == details["frechet_ratio"]


def test_the_track_names_the_best(evaluation: Evaluation) -> None:
    assert evaluation.details["best_epoch"] == 2
    rows = [line.split("\t") for line in evaluation.table().splitlines()]
    assert rows[0] == ["epoch", "frechet_ratio", "coverage", "classes_covered"]
    assert [row[0] for row in rows[1:]] == ["1", "2"]
    assert "Still improving" in evaluation.verdict[-1]


def test_pairs_are_pictures(evaluation: Evaluation) -> None:
    assert evaluation.pairs.shape == (20, 1, 8, 8) and evaluation.pairs.dtype == np.uint8


def test_very_few_pictures_lower_k_and_fewer_are_refused(judge: FeatureExtractor, prepared: ImageDataset) -> None:
    def few(train: int, test: int) -> ImageDataset:
        first, second = prepared.train, prepared.test
        return ImageDataset(
            Split(first.images[:train], first.labels[:train]),
            Split(second.images[:test], second.labels[:test]),
            prepared.metadata,
        )

    small = Evaluator(judge, few(8, 4), 100)
    assert small.k == 3
    assert small.measure(prepared.train.images[:100])["coverage"] <= 1
    with pytest.raises(UserError, match="8 training and 1 test pictures are too few to judge by"):
        Evaluator(judge, few(8, 1), 100)


def test_copies_are_called_so(yardstick: Evaluator, prepared: ImageDataset) -> None:
    copies = prepared.train.images[:400]
    result = evaluate(yardstick, [copies, copies], [], {})
    assert result.metrics["memorisation"] > 0.9
    assert any(line.startswith("Memorising: 100%") for line in result.verdict)


def words(ratios: list[float], coverage: float = 0.9) -> list[str]:
    summary = Summary({"coverage": coverage, "classes_covered": 9.0}, {}, {"coverage": 0.95})
    track = [{"epoch": 10.0 * (i + 1), "frechet_ratio": ratio} for i, ratio in enumerate(ratios)]
    return summarize(summary, ratios[-1], Memorization(0.81, 0.8, 0.02, 1.0, 1.0, []), track, 10)


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ([30, 20, 12], "Still improving at the end"),
        ([30, 12, 12.2], "has levelled off"),
        ([30, 12, 25], "best at epoch 20 (12.0×) and has become worse since"),
    ],
)
def test_the_course_in_words(ratios: list[float], said: str) -> None:
    assert said in words(ratios)[-1]


def test_the_verdict_in_words() -> None:
    lines = words([8.0, 3.0])
    assert lines[0] == "Covers 9 of 10 classes."
    assert "3.0×" in lines[1] and "good" in lines[1]
    assert "No sign of memorising" in lines[3]
    assert "collapsed" not in lines[2] and "collapsed" in words([8.0, 3.0], coverage=0.1)[2]
