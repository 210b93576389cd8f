"""Metrics of conditioning: whether samples have the requested class, and whether translations keep it."""

from collections.abc import Sequence
from pathlib import Path

import torch

from gan.data.dataset import ImageDataset, Split
from gan.evaluation.classifier import predict, train_classifier
from gan.evaluation.config import ClassifierConfig
from gan.evaluation.feature_extractor import FeatureExtractor
from gan.evaluation.summary import Metrics
from gan.networks.cyclegan import CycleGenerators
from gan.networks.factory import load_network
from gan.sampling import translate_images


def gan_train_test_scores(
    extractor: FeatureExtractor, sample_sets: Sequence[Split], dataset: ImageDataset, device: torch.device | str = "cpu"
) -> Metrics:
    """GAN-test and GAN-train accuracies of labeled samples (Shmelkov et al. 2018, https://arxiv.org/abs/1807.09499).

    gan_test: fraction of the samples that the classifier recognizes as the requested class (correctness).
    gan_train: test accuracy of a classifier that is trained on the first sample set only (correctness and diversity);
    omitted for stacks of digits.
    Returns an empty dict if the extractor has no classes.
    """
    gan_test = mean_accuracy(extractor, sample_sets)
    if gan_test is None:
        return {}
    metrics = {"gan_test": gan_test}
    if dataset.metadata["stacked"] == 1:
        num_classes = len(dataset.metadata["classes"])
        samples_classifier = train_classifier(sample_sets[0], num_classes, ClassifierConfig(), device)
        predictions = predict(samples_classifier, dataset.test.images).logits.argmax(1)
        metrics["gan_train"] = (predictions == dataset.test.labels).double().mean().item()
    return metrics


def translation_metrics(
    path: Path,
    extractors: tuple[FeatureExtractor, FeatureExtractor],
    sample_sets: Sequence[Split],
    datasets: tuple[ImageDataset, ImageDataset],
    device: str,
) -> Metrics:
    """Metrics of a CycleGAN's saved generators. A is the source dataset, B the target dataset, in this order.

    extractors: one per dataset. sample_sets: translations A→B with the labels of their inputs.

    class_accuracy_ab, class_accuracy_ba: fraction of translated test images that the other dataset's classifier
    recognizes as the class of the input. baseline_accuracy_ab, baseline_accuracy_ba: the same without translation.
    These four are omitted if the class names of A and B differ or an extractor has no classes.
    cycle_error: mean absolute difference of test images of A to their translations A→B→A; 1 is a pixel's range.
    """
    network, _ = load_network(path, "generator")
    assert isinstance(network, CycleGenerators)
    extractor_a, extractor_b = extractors
    dataset_a, dataset_b = datasets
    metrics: Metrics = {}
    if dataset_a.num_classes and dataset_a.metadata["classes"] == dataset_b.metadata["classes"]:
        translated_back = Split(translate_images(network.g_ba, dataset_b.test.images, device), dataset_b.test.labels)
        accuracies = {
            "class_accuracy_ab": mean_accuracy(extractor_b, sample_sets),
            "class_accuracy_ba": accuracy(extractor_a, translated_back),
            "baseline_accuracy_ab": accuracy(extractor_b, dataset_a.test),
            "baseline_accuracy_ba": accuracy(extractor_a, dataset_b.test),
        }
        known = {name: value for name, value in accuracies.items() if value is not None}
        if len(known) == len(accuracies):
            metrics |= known
    translated = translate_images(network.g_ab, dataset_a.test.images, device)
    reconstructed = translate_images(network.g_ba, translated, device)
    metrics["cycle_error"] = (reconstructed.float() - dataset_a.test.images.float()).abs().mean().item() / 255
    return metrics


def describe(metrics: Metrics) -> list[str]:
    """Describe the metrics of this module in sentences."""
    lines = []
    if "gan_test" in metrics:
        line = f"Conditioning: {metrics['gan_test']:.1%} of the samples have the requested class"
        if "gan_train" in metrics:
            line += f"; a classifier trained on samples only reaches {metrics['gan_train']:.1%} test accuracy"
        lines.append(f"{line}.")
    if "class_accuracy_ab" in metrics:
        lines.append(
            f"Translation: {metrics['class_accuracy_ab']:.1%} of the images keep their class from A to B, "
            f"{metrics['class_accuracy_ba']:.1%} from B to A (without translation the classifiers recognize "
            f"{metrics['baseline_accuracy_ab']:.1%} and {metrics['baseline_accuracy_ba']:.1%})."
        )
    if "cycle_error" in metrics:
        lines.append(
            f"Cycle consistency: pixels change by {metrics['cycle_error']:.1%} on average from A to B and back to A."
        )
    return lines


def mean_accuracy(extractor: FeatureExtractor, sample_sets: Sequence[Split]) -> float | None:
    """Mean of `accuracy` over sample sets."""
    accuracies = [accuracy(extractor, samples) for samples in sample_sets]
    known = [value for value in accuracies if value is not None]
    return sum(known) / len(known) if known else None


def accuracy(extractor: FeatureExtractor, samples: Split) -> float | None:
    """Fraction of samples whose predicted class is their label; None if the extractor has no classes."""
    predictions = extractor.extract(samples.images).predictions
    return None if predictions is None else (predictions == samples.labels).double().mean().item()
