"""Feature extractors: the project's own classifier, or Inception v3."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softmax

from gan.config import UserError
from gan.evaluation.classifier import Classifier, load_classifier, predict


@dataclass(frozen=True)
class Features:
    """Output of a feature extractor for N images: features [N, D], and if the extractor has classes, also these.

    predictions: most probable class of each image, int64 [N]. confidence: its probability [N].
    logits: [N, num_classes]; None if each channel is classified separately.
    """

    features: Tensor
    predictions: Tensor | None = None
    confidence: Tensor | None = None
    logits: Tensor | None = None


@dataclass(frozen=True)
class FeatureExtractor:
    """A function from images, uint8 [N, C, H, W], to Features, and a name that is reported with the metrics."""

    name: str
    extract: Callable[[Tensor], Features]


def make_feature_extractor(path: Path, features: str, device: torch.device) -> FeatureExtractor:
    """Create the extractor that evaluate.features asks for (auto, classifier or inception).

    path: the classifier's file. Raises UserError if Inception is asked for and its weights cannot be downloaded.
    """
    classifier, metadata = load_classifier(path)
    if features == "inception" or (features == "auto" and metadata["task"] != "classes"):
        try:
            return inception_extractor(device)
        except (OSError, RuntimeError) as error:  # no network, or a full disk
            message = f"Inception's weights cannot be downloaded ({' '.join(str(error).split())[:200]})"
            if features == "inception":
                raise UserError(f"evaluate.features: {message}; use auto or classifier") from None
            print(f"evaluate: {message}; using the features of the classifier instead")
    return classifier_extractor(classifier.to(device), metadata)


def classifier_extractor(classifier: Classifier, metadata: dict[str, Any]) -> FeatureExtractor:
    """Use a classifier as feature extractor. It has classes only if its task is `classes`, not `rotations`.

    Stacks are classified channel by channel, as the digits of a decimal number. Their features are concatenated.
    """
    num_stacked = metadata.get("stacked", 1)
    num_classes = len(metadata["classes"])
    has_classes = metadata["task"] == "classes"

    def extract(images: Tensor) -> Features:
        inputs = images.reshape(-1, 1, *images.shape[2:]) if num_stacked > 1 else images
        features, logits = predict(classifier, inputs)
        features = features.view(len(images), -1)
        if not has_classes:
            return Features(features)
        probabilities = softmax(logits, 1).view(len(images), num_stacked, num_classes)
        confidence, digits = probabilities.max(2)
        place_values = num_classes ** torch.arange(num_stacked - 1, -1, -1)
        predictions = (digits * place_values).sum(1)
        return Features(features, predictions, confidence.prod(1), None if num_stacked > 1 else logits)

    return FeatureExtractor(metadata["name"], extract)


def inception_extractor(device: torch.device) -> FeatureExtractor:
    """Inception v3 as used by FID. Its weights come from the internet or torch's cache; raises OSError otherwise."""
    from torch_fidelity.utils import create_feature_extractor

    network = create_feature_extractor("inception-v3-compat", ["2048"], cuda=device.type == "cuda", verbose=False)

    @torch.inference_mode()
    def extract(images: Tensor) -> Features:
        rgb = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        return Features(torch.cat([network(batch.to(device))[0].cpu() for batch in rgb.split(100)]))

    return FeatureExtractor("Inception v3 (torch-fidelity's inception-v3-compat, 2048 features)", extract)
