"""Evaluate sample sets against the test split, with real training images as a baseline."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from gan.config import UserError
from gan.data.dataset import ImageDataset
from gan.evaluation.class_coverage import class_coverage, class_frequencies
from gan.evaluation.feature_extractor import FeatureExtractor
from gan.evaluation.findings import summarize
from gan.evaluation.memorization import Memorization, memorization
from gan.evaluation.metrics import CHUNK_SIZE, NUM_NEIGHBORS, frechet_distance, inception_score, kid, knn_radii, prdc
from gan.evaluation.parzen import best_sigma, log_likelihood
from gan.evaluation.summary import Metrics, Summary, best_snapshot, round_metrics, round_significant

PARZEN_VALIDATION_SIZE = 1000  # training images to choose the Parzen window's width on, as Goodfellow et al. 2014
MAX_PARZEN_DIM = 3072  # values per image, 32×32 RGB; in more dimensions all distances are alike
MEMORIZATION_SAMPLES = 5000  # samples whose nearest real images are searched


class Evaluator:
    """Computes metrics of images against the test split of a dataset.

    real_baseline: metrics of `num_samples` random training images, or of fewer if the training split is smaller.
    num_real: number of these images. Distances and the Parzen window use the same number of samples.
    num_neighbors: k of precision, recall, density and coverage.
    class_frequencies: those of the training split, [K]; None if the extractor has no classes.
    Raises UserError if a split has fewer than two images.
    """

    def __init__(self, extractor: FeatureExtractor, dataset: ImageDataset, num_samples: int, seed: int = 0) -> None:
        self.extractor = extractor
        self.dataset = dataset
        self.num_samples = num_samples
        train = dataset.train.images
        num_test = len(dataset.test.images)
        num_validation = min(PARZEN_VALIDATION_SIZE, len(train) // 10)
        self._has_parzen = train[0].numel() <= MAX_PARZEN_DIM and num_validation > 0
        # Shuffled, because some datasets are sorted by class.
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(train)))
        baseline_indices = order[num_validation:][:num_samples]
        self.num_real = len(baseline_indices)
        if min(self.num_real, num_test) < 2:
            raise UserError(
                f"{len(train)} training and {num_test} test images are too few for the evaluation; "
                "add images, or change prepare.test_fraction"
            )
        self.num_neighbors = min(NUM_NEIGHBORS, num_test - 1, self.num_real - 1)
        self._parzen_validation = flatten_pixels(train[order[:num_validation]])
        test = extractor.extract(dataset.test.images)
        self._test_features = test.features
        self._test_radii = knn_radii(test.features, self.num_neighbors)
        self.class_frequencies: Tensor | None = None
        if test.predictions is not None:
            self.class_frequencies = class_frequencies(dataset.train.labels, len(dataset.metadata["classes"]))
        self.real_baseline = self.compute_metrics(train[baseline_indices])

    def compute_metrics(self, images: Tensor) -> Metrics:
        """Compute all metrics of images, uint8 [N, C, H, W], that the extractor and the image size allow.

        frechet, kid, precision, recall, density, coverage: see gan.evaluation.metrics.
        classes_covered, class_kl: see ClassCoverage; the reference is the training split.
        confidence: mean probability of the most probable class.
        inception_score: with this extractor's classes.
        parzen: mean log-likelihood of the test split in nats.
        """
        output = self.extractor.extract(images)
        features = output.features[: self.num_real]  # distances depend on the number of images
        metrics: Metrics = {
            "frechet": frechet_distance(features, self._test_features),
            "kid": kid(features, self._test_features),
        }
        metrics |= prdc(self._test_features, features, self.num_neighbors, real_radii=self._test_radii)._asdict()
        if output.predictions is not None and output.confidence is not None and self.class_frequencies is not None:
            coverage = class_coverage(output.predictions, self.class_frequencies)
            metrics["classes_covered"] = coverage.num_covered
            metrics["class_kl"] = coverage.kl
            metrics["confidence"] = output.confidence.double().mean().item()
        if output.logits is not None:
            metrics["inception_score"] = inception_score(output.logits)
        if self._has_parzen:
            samples = flatten_pixels(images[: self.num_real])
            sigma = best_sigma(self._parzen_validation, samples)
            test = flatten_pixels(self.dataset.test.images)
            metrics["parzen"] = log_likelihood(test, samples, sigma).double().mean().item()
        return metrics

    def quick_metrics(self, images: Tensor) -> Metrics:
        """Compute metrics of a snapshot's images, uint8 [N, C, H, W]: frechet_ratio, coverage and classes_covered."""
        output = self.extractor.extract(images[: self.num_real])
        test_chunks = self._test_features.split(CHUNK_SIZE)
        nearest = torch.cat([torch.cdist(chunk, output.features).min(1).values for chunk in test_chunks])
        metrics: Metrics = {
            "frechet_ratio": self.relative_frechet(frechet_distance(output.features, self._test_features)),
            "coverage": (nearest < self._test_radii).double().mean().item(),
        }
        if output.predictions is not None and self.class_frequencies is not None:
            metrics["classes_covered"] = class_coverage(output.predictions, self.class_frequencies).num_covered
        return metrics

    def relative_frechet(self, frechet: float) -> float:
        """Divide a Fréchet distance by that of the real baseline."""
        return frechet / max(self.real_baseline["frechet"], 1e-9)

    def memorization(self, images: Tensor) -> Memorization:
        """Compare images, uint8 [N, C, H, W], with their nearest training and test images."""
        samples = flatten_pixels(images[:MEMORIZATION_SAMPLES])
        train = flatten_pixels(self.dataset.train.images)
        return memorization(samples, train, flatten_pixels(self.dataset.test.images))


def flatten_pixels(images: Tensor) -> Tensor:
    """Convert images, uint8 [N, C, H, W], to rows [N, C·H·W] in [0, 1]."""
    return images.flatten(1).float().div_(255)


@dataclass(frozen=True)
class Evaluation:
    """Results of an evaluation.

    metrics: headline metrics, which DVC compares. details: all metrics and how they were measured, for JSON.
    snapshot_metrics: metrics of each snapshot, with its `epoch`. findings: sentences.
    nearest_pairs: uint8 [2 P, C, H, W], the P samples that are nearest to a training image, then those images.
    """

    metrics: Metrics
    details: dict[str, Any]
    snapshot_metrics: list[Metrics]
    findings: list[str]
    nearest_pairs: NDArray[np.uint8]

    def snapshot_table(self) -> str:
        """Snapshot metrics as tab-separated text with a header."""
        names = list(self.snapshot_metrics[0])
        rows = [names, *([f"{metrics[name]:g}" for name in names] for metrics in self.snapshot_metrics)]
        return "".join("\t".join(row) + "\n" for row in rows)


def evaluate(
    evaluator: Evaluator,
    sample_sets: Sequence[Tensor],
    snapshots: Iterable[tuple[int, Tensor]],
    metadata: dict[str, Any],
    conditional: Metrics | None = None,
) -> Evaluation:
    """Evaluate sample sets of one generator, each uint8 [N, C, H, W], from different seeds.

    snapshots: epoch and samples of each snapshot of the generator. metadata: describes the samples in the details.
    conditional: metrics of gan.evaluation.conditional_metrics.
    """
    dataset = evaluator.dataset
    progress = tqdm(sample_sets, "sample sets", disable=None, leave=False)  # None: disabled without a terminal
    metrics_per_set = [evaluator.compute_metrics(images) for images in progress]
    summary = Summary.from_sets(metrics_per_set, evaluator.real_baseline)
    frechet_ratio = evaluator.relative_frechet(summary.means["frechet"])
    memorization = evaluator.memorization(sample_sets[0])
    snapshot_metrics: list[Metrics] = [
        {"epoch": epoch, **round_metrics(evaluator.quick_metrics(images))} for epoch, images in snapshots
    ]
    conditional = conditional or {}
    class_names = dataset.metadata["classes"]
    num_classes = len(class_names)
    findings = summarize(summary, frechet_ratio, memorization, snapshot_metrics, num_classes, conditional=conditional)
    details: dict[str, Any] = {
        "findings": findings,
        "feature_extractor": evaluator.extractor.name,
        "samples": {**metadata, "images_per_set": len(sample_sets[0])},
        "reference": {"split": "test", "images": len(dataset.test.images)},
        "real": {"split": "train", "images": evaluator.num_real},
        "distance_samples": evaluator.num_real,
        "num_neighbors": evaluator.num_neighbors,
        "frechet_ratio": round_significant(frechet_ratio),
        "metrics": summary.table(),
        "conditional": round_metrics(conditional),
        "memorization": round_metrics(
            {
                "score": memorization.memorization_score,
                "standard_error": memorization.standard_error,
                "nearest_in_train": memorization.nearest_in_train,
                "expected": memorization.expected,
                "median_sample_distance": memorization.median_sample_distance,
                "median_test_distance": memorization.median_test_distance,
            }
        ),
        "best_epoch": best_snapshot(snapshot_metrics)["epoch"] if snapshot_metrics else None,
        "snapshots": snapshot_metrics,
    }
    predictions = evaluator.extractor.extract(sample_sets[0]).predictions
    if predictions is not None and evaluator.class_frequencies is not None and num_classes <= 100:
        frequencies = class_coverage(predictions, evaluator.class_frequencies).frequencies
        details["classes"] = {
            "names": class_names,
            "samples": [round_significant(value) for value in frequencies.tolist()],
            "training": [round_significant(value) for value in evaluator.class_frequencies.tolist()],
        }
    metrics = summary.headline_metrics(frechet_ratio, memorization.memorization_score)
    sample_indices, train_indices = zip(*memorization.nearest_pairs, strict=True)
    nearest = torch.cat([sample_sets[0][list(sample_indices)], dataset.train.images[list(train_indices)]])
    return Evaluation(metrics | round_metrics(conditional), details, snapshot_metrics, findings, nearest.numpy())
