"""The test split as the measure of samples, and what real pictures reach on it."""

import numpy as np
import torch
from torch import Tensor

from gan.data.prepared import Prepared
from gan.evaluation.classes import class_shares, classes_of
from gan.evaluation.distances import NEIGHBOURS, frechet, kernel_distance, neighbourhoods, radii
from gan.evaluation.judge import Judge
from gan.evaluation.memorisation import Memorisation, memorisation
from gan.evaluation.parzen import best_sigma, log_likelihood
from gan.evaluation.summary import Figures
from gan.settings import UserError

VALIDATION = 1000  # training pictures that the Parzen window's width is chosen on, as in the 2014 experiment
LARGEST_PARZEN = 3072  # numbers a picture, 32×32 in RGB; the estimate says nothing where distances are all alike
NEIGHBOURS_OF = 5000  # samples whose nearest real pictures are looked for


class Yardstick:
    """The test split as a judge sees it, against which samples and, as the control, real training pictures are held.

    control: pictures drawn from the training split, as many as there are samples, or as the split has.
    Raises UserError where either split has too few pictures.
    """

    def __init__(self, judge: Judge, prepared: Prepared, samples: int, seed: int = 0) -> None:
        self.judge, self.prepared = judge, prepared
        train = prepared.train.images
        validation = min(VALIDATION, len(train) // 10)
        self._parzen = train[0].numel() <= LARGEST_PARZEN and validation > 0
        # Some data sets are sorted by class, so both are drawn from all over.
        rows = torch.from_numpy(np.random.default_rng(seed).permutation(len(train)))
        self._validation = pixels(train[rows[:validation]])
        rows = rows[validation:][:samples]
        self.size = len(rows)  # of what stands beside the control
        tested = len(prepared.test.images)
        if min(self.size, tested) < 2:
            raise UserError(
                f"{len(train)} training and {tested} test pictures are too few to judge by; add pictures, "
                "or change prepare.test_fraction"
            )
        self.k = min(NEIGHBOURS, tested - 1, self.size - 1)
        self.test = judge.look(prepared.test.images)
        self._radii = radii(self.test.features, self.k)
        classes = len(prepared.about["classes"])
        self.shares = class_shares(prepared.train.labels, classes) if self.test.classes is not None else None
        self.control = self.measure(train[rows])

    def measure(self, images: Tensor) -> Figures:
        """All figures of a set of pictures, uint8 [N, C, H, W].

        frechet, kid: distances from the test split (0: the same); precision, recall, density, coverage: see
        Neighbourhoods; classes_covered; class_kl: KL divergence of their classes from the training split's, nats;
        confidence: mean probability of the likeliest class; score: the inception score by this judge; parzen: mean
        log-likelihood of the test split in nats. Those that the judge or the pictures do not allow are left out.
        """
        view = self.judge.look(images)
        features = view.features[: self.size]  # distances depend on how many pictures there are
        figures = {
            "frechet": frechet(features, self.test.features),
            "kid": kernel_distance(features, self.test.features),
        }
        figures |= neighbourhoods(self.test.features, features, self.k, real_radii=self._radii)._asdict()
        if view.classes is not None and view.confidence is not None and self.shares is not None:
            classes = classes_of(view.classes, self.shares)
            figures |= {"classes_covered": classes.covered, "class_kl": classes.divergence}
            figures["confidence"] = view.confidence.double().mean().item()
        if view.logits is not None:
            figures["score"] = inception_score(view.logits)
        if self._parzen:
            samples = pixels(images[: self.size])
            sigma = best_sigma(self._validation, samples)
            figures["parzen"] = log_likelihood(pixels(self.prepared.test.images), samples, sigma).double().mean().item()
        return figures

    def glance(self, images: Tensor) -> Figures:
        """The few figures that are followed along the training: frechet_ratio, coverage and classes_covered."""
        view = self.judge.look(images[: self.size])
        features = view.features
        near = torch.cat([torch.cdist(rows, features).min(1).values for rows in self.test.features.split(2000)])
        figures = {
            "frechet_ratio": self.ratio(frechet(features, self.test.features)),
            "coverage": (near < self._radii).double().mean().item(),
        }
        if view.classes is not None and self.shares is not None:
            figures["classes_covered"] = classes_of(view.classes, self.shares).covered
        return figures

    def ratio(self, distance: float) -> float:
        """A Fréchet distance over that of the control."""
        return distance / max(self.control["frechet"], 1e-9)

    def shares_of(self, images: Tensor) -> Tensor | None:
        """Shares of the classes in pictures, [K]."""
        found = self.judge.look(images).classes
        return None if found is None or self.shares is None else classes_of(found, self.shares).shares

    def memorisation(self, images: Tensor) -> Memorisation:
        """Whether pictures are copies of the training split's."""
        train, test = self.prepared.train.images, self.prepared.test.images
        return memorisation(pixels(images[:NEIGHBOURS_OF]), pixels(train), pixels(test))


def pixels(images: Tensor) -> Tensor:
    """Pictures, uint8 [N, C, H, W], as rows in [0, 1], [N, C·H·W]."""
    return images.flatten(1).float().div_(255)


def inception_score(logits: Tensor) -> float:
    """exp of the mean KL divergence between a picture's classes and all pictures', [N, K] (Salimans et al. 2016)."""
    from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

    return float(isc_features_to_metric(logits, splits=1)[KEY_METRIC_ISC_MEAN])
