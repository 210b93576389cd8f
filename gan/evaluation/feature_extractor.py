"""What sees pictures as features and classes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softmax

from gan.config import UserError
from gan.evaluation.classifier import Classifier, load_classifier, predict

INCEPTION_LAYER = "2048"


@dataclass(frozen=True)
class Features:
    """Pictures as a judge sees them: features [N, D]; where it knows classes: the likeliest one of each picture [N],
    its probability [N], and the logits [N, classes] if there is one set of them for each picture."""

    features: Tensor
    classes: Tensor | None = None
    confidence: Tensor | None = None
    logits: Tensor | None = None


@dataclass(frozen=True)
class FeatureExtractor:
    """A feature extractor and its name, as it is to be printed beside every figure. `look` takes uint8 [N, C, H, W]."""

    name: str
    predict: Callable[[Tensor], Features]


def make_feature_extractor(path: Path, features: str, device: torch.device) -> FeatureExtractor:
    """The judge that evaluate.features asks for: auto, classifier or inception; `path`: the classifier's file."""
    classifier, metadata = load_classifier(path)
    if features == "inception" or (features == "auto" and metadata["task"] != "classes"):
        try:
            return inception_extractor(device)
        except (OSError, RuntimeError) as error:  # no network, or no room
            problem = f"Inception's weights cannot be had ({' '.join(str(error).split())[:200]})"
            if features == "inception":
                raise UserError(f"evaluate.features: {problem}; use auto or classifier") from None
            print(f"evaluate: {problem}: comparing by the features of a network trained on these pictures instead")
    return classifier_extractor(classifier.to(device), metadata)


def classifier_extractor(classifier: Classifier, metadata: dict[str, Any]) -> FeatureExtractor:
    """The classifier that the classifier stage has trained: on classes, or to tell how a picture was turned.

    Of pictures that are stacks of digits it judges every channel by itself.
    """
    stacked, knows_classes = metadata.get("stacked", 1), metadata["task"] == "classes"
    count = len(metadata["classes"])

    def view(images: Tensor) -> Features:
        rows = images.reshape(-1, 1, *images.shape[2:]) if stacked > 1 else images
        features, logits = predict(classifier, rows)
        features = features.view(len(images), -1)
        if not knows_classes:
            return Features(features)
        confidence, classes = softmax(logits, 1).view(len(images), stacked, count).max(2)
        powers = count ** torch.arange(stacked - 1, -1, -1)
        return Features(features, (classes * powers).sum(1), confidence.prod(1), None if stacked > 1 else logits)

    return FeatureExtractor(metadata["name"], view)


def inception_extractor(device: torch.device) -> FeatureExtractor:
    """Inception v3 as in FID, its weights from the internet or torch's cache. Raises OSError where they are not."""
    from torch_fidelity.utils import create_feature_extractor

    network = create_feature_extractor(
        "inception-v3-compat", [INCEPTION_LAYER], cuda=device.type == "cuda", verbose=False
    )

    @torch.inference_mode()
    def view(images: Tensor) -> Features:
        colour = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        return Features(torch.cat([network(rows.to(device))[0].cpu() for rows in colour.split(100)]))

    return FeatureExtractor("Inception v3 (torch-fidelity's inception-v3-compat, 2048 features)", view)
