"""Whether a generator does as it is told: draws the class that it is asked for, or keeps that of what it translates."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from gan.data.dataset import ImageDataset, Split
from gan.evaluation.classifier import predict, train_classifier
from gan.evaluation.config import ClassifierConfig
from gan.evaluation.feature_extractor import FeatureExtractor
from gan.evaluation.summary import Metrics
from gan.networks.cyclegan import CycleGenerators
from gan.networks.factory import load_network
from gan.sampling import translate_images


def gan_train_test_scores(
    judge: FeatureExtractor, sets: Sequence[Split], prepared: ImageDataset, device: torch.device | str = "cpu"
) -> Metrics:
    """Of samples with the labels that they were asked to have, as shares (Shmelkov et al. 2018,
    https://arxiv.org/abs/1807.09499):

    gan_test: of the samples that the judge takes for their class: whether they are right. gan_train: of the test
    pictures that a classifier of the same kind takes for theirs which has seen nothing but samples: whether they are
    right and diverse. Either alone can mislead. Empty where the judge knows no classes.
    """
    right = _mean(judge, sets)
    if right is None:
        return {}
    figures = {"gan_test": right}
    if prepared.metadata["stacked"] == 1:
        student = train_classifier(sets[0], len(prepared.metadata["classes"]), ClassifierConfig(), device)
        said = predict(student, prepared.test.images).logits.argmax(1)
        figures["gan_train"] = (said == prepared.test.labels).double().mean().item()
    return figures


def translation_metrics(
    path: Path,
    judges: tuple[FeatureExtractor, FeatureExtractor],
    sets: Sequence[Split],
    data: tuple[ImageDataset, ImageDataset],
    device: str,
) -> Metrics:
    """Of the translators in a file, judged by classifiers of the source and of the target:

    kept_there, kept_back: shares of translated test pictures that a classifier of the other set takes for the class
    that they had, where both sets have the same classes; untranslated_there, untranslated_back: the control, the
    shares of the test pictures that it takes for their class as they are. cycle_error: mean absolute difference of the
    source's test pictures from what they are there and back again, as a share of the range of a pixel.
    """
    (network, _), (source, target) = load_network(path, "generator"), data
    assert isinstance(network, CycleGenerators)
    figures = {}
    if source.num_classes and source.metadata["classes"] == target.metadata["classes"]:
        home = Split(translate_images(network.g_ba, target.test.images, device), target.test.labels)
        found = {
            "kept_there": _mean(judges[1], sets),
            "kept_back": _right(judges[0], home),
            "untranslated_there": _right(judges[1], source.test),
            "untranslated_back": _right(judges[0], target.test),
        }
        if None not in found.values():  # a judge may know no classes
            figures = {name: share for name, share in found.items() if share is not None}
    again = translate_images(network.g_ba, translate_images(network.g_ab, source.test.images, device), device)
    figures["cycle_error"] = _difference(again, source.test.images)
    return figures


def describe(figures: Metrics) -> list[str]:
    """The figures in words."""
    lines = []
    if "gan_test" in figures:
        line = f"Obedience: {figures['gan_test']:.1%} of the samples are of the class asked for"
        if "gan_train" in figures:
            line += (
                f"; a classifier that has seen nothing else gets {figures['gan_train']:.1%} of the test pictures right"
            )
        lines.append(line + ".")
    if "kept_there" in figures:
        kept = f"{figures['kept_there']:.1%} of the pictures there and {figures['kept_back']:.1%} back"
        control = f"{figures['untranslated_there']:.1%} and {figures['untranslated_back']:.1%} without any translation"
        lines.append(f"Translation keeps the class of {kept}; the classifiers are right in {control}.")
    if "cycle_error" in figures:
        lines.append(f"There and back again a pixel differs by {figures['cycle_error']:.1%} of its range.")
    return lines


def _mean(judge: FeatureExtractor, sets: Sequence[Split]) -> float | None:
    """Mean of `_right` over the sets."""
    found = [right for one in sets if (right := _right(judge, one)) is not None]
    return sum(found) / len(found) if found else None


def _right(judge: FeatureExtractor, samples: Split) -> float | None:
    """Share of samples whose class is the one that they should have; None where the judge knows none."""
    found = judge.extract(samples.images).classes
    return None if found is None else (found == samples.labels).double().mean().item()


def _difference(one: Tensor, other: Tensor) -> float:
    return (one.float() - other.float()).abs().mean().item() / 255
