"""The test split as the measure of samples, and what real pictures reach on it."""

import numpy as np
import torch
from torch import Tensor

from gan.config import UserError
from gan.data.dataset import ImageDataset
from gan.evaluation.class_coverage import class_coverage, class_frequencies
from gan.evaluation.feature_extractor import FeatureExtractor
from gan.evaluation.memorization import Memorization, memorization
from gan.evaluation.metrics import NUM_NEIGHBORS, frechet_distance, kid, knn_radii, prdc
from gan.evaluation.parzen import best_sigma, log_likelihood
from gan.evaluation.summary import Metrics

PARZEN_VALIDATION_SIZE = (
    1000  # training pictures that the Parzen window's width is chosen on, as in the 2014 experiment
)
MAX_PARZEN_DIM = 3072  # numbers a picture, 32×32 in RGB; the estimate says nothing where distances are all alike
MEMORIZATION_SAMPLES = 5000  # samples whose nearest real pictures are looked for


class Evaluator:
    """The test split as a judge sees it, against which samples and, as the control, real training pictures are held.

    control: pictures drawn from the training split, as many as there are samples, or as the split has.
    Raises UserError where either split has too few pictures.
    """

    def __init__(self, judge: FeatureExtractor, prepared: ImageDataset, samples: int, seed: int = 0) -> None:
        self.judge, self.prepared = judge, prepared
        train = prepared.train.images
        validation = min(PARZEN_VALIDATION_SIZE, len(train) // 10)
        self._parzen = train[0].numel() <= MAX_PARZEN_DIM and validation > 0
        # Some data sets are sorted by class, so both are drawn from all over.
        rows = torch.from_numpy(np.random.default_rng(seed).permutation(len(train)))
        self._validation = flatten_pixels(train[rows[:validation]])
        rows = rows[validation:][:samples]
        self.size = len(rows)  # of what stands beside the control
        tested = len(prepared.test.images)
        if min(self.size, tested) < 2:
            raise UserError(
                f"{len(train)} training and {tested} test pictures are too few to judge by; add pictures, "
                "or change prepare.test_fraction"
            )
        self.k = min(NUM_NEIGHBORS, tested - 1, self.size - 1)
        self.test = judge.extract(prepared.test.images)
        self._radii = knn_radii(self.test.features, self.k)
        classes = len(prepared.metadata["classes"])
        self.shares = class_frequencies(prepared.train.labels, classes) if self.test.classes is not None else None
        self.control = self.measure(train[rows])

    def measure(self, images: Tensor) -> Metrics:
        """All figures of a set of pictures, uint8 [N, C, H, W].

        frechet, kid: distances from the test split (0: the same); precision, recall, density, coverage: see
        Neighbourhoods; classes_covered; class_kl: KL divergence of their classes from the training split's, nats;
        confidence: mean probability of the likeliest class; score: the inception score by this judge; parzen: mean
        log-likelihood of the test split in nats. Those that the judge or the pictures do not allow are left out.
        """
        view = self.judge.extract(images)
        features = view.features[: self.size]  # distances depend on how many pictures there are
        figures = {
            "frechet": frechet_distance(features, self.test.features),
            "kid": kid(features, self.test.features),
        }
        figures |= prdc(self.test.features, features, self.k, real_radii=self._radii)._asdict()
        if view.classes is not None and view.confidence is not None and self.shares is not None:
            classes = class_coverage(view.classes, self.shares)
            figures |= {"classes_covered": classes.covered, "class_kl": classes.divergence}
            figures["confidence"] = view.confidence.double().mean().item()
        if view.logits is not None:
            figures["score"] = inception_score(view.logits)
        if self._parzen:
            samples = flatten_pixels(images[: self.size])
            sigma = best_sigma(self._validation, samples)
            figures["parzen"] = (
                log_likelihood(flatten_pixels(self.prepared.test.images), samples, sigma).double().mean().item()
            )
        return figures

    def glance(self, images: Tensor) -> Metrics:
        """The few figures that are followed along the training: frechet_ratio, coverage and classes_covered."""
        view = self.judge.extract(images[: self.size])
        features = view.features
        near = torch.cat([torch.cdist(rows, features).min(1).values for rows in self.test.features.split(2000)])
        figures = {
            "frechet_ratio": self.ratio(frechet_distance(features, self.test.features)),
            "coverage": (near < self._radii).double().mean().item(),
        }
        if view.classes is not None and self.shares is not None:
            figures["classes_covered"] = class_coverage(view.classes, self.shares).covered
        return figures

    def ratio(self, distance: float) -> float:
        """A Fréchet distance over that of the control."""
        return distance / max(self.control["frechet"], 1e-9)

    def shares_of(self, images: Tensor) -> Tensor | None:
        """Shares of the classes in pictures, [K]."""
        found = self.judge.extract(images).classes
        return None if found is None or self.shares is None else class_coverage(found, self.shares).shares

    def memorization(self, images: Tensor) -> Memorization:
        """Whether pictures are copies of the training split's."""
        train, test = self.prepared.train.images, self.prepared.test.images
        return memorization(flatten_pixels(images[:MEMORIZATION_SAMPLES]), flatten_pixels(train), flatten_pixels(test))


def flatten_pixels(images: Tensor) -> Tensor:
    """Pictures, uint8 [N, C, H, W], as rows in [0, 1], [N, C·H·W]."""
    return images.flatten(1).float().div_(255)


def inception_score(logits: Tensor) -> float:
    """exp of the mean KL divergence between a picture's classes and all pictures', [N, K] (Salimans et al. 2016)."""
    from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

    return float(isc_features_to_metric(logits, splits=1)[KEY_METRIC_ISC_MEAN])
