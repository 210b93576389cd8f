"""Whether a conditional generator draws the classes that it is asked for (Shmelkov et al. 2018)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gan.data.prepared import Prepared, Split
from gan.evaluation.classifier import look, train_classifier
from gan.evaluation.judge import Judge
from gan.evaluation.settings import ClassifierSettings
from gan.evaluation.summary import Figures


def drawn_labels(labels: Tensor, count: int, seed: int) -> Tensor:
    """`count` labels of the training split, drawn at random: classes are asked for as often as they occur."""
    generator = torch.Generator().manual_seed(seed)
    return labels[torch.randint(len(labels), (count,), generator=generator)]


def obedience_of(judge: Judge, sets: Sequence[Split], prepared: Prepared) -> Figures:
    """Of samples with the labels that they were asked to have, as shares (https://arxiv.org/abs/1807.09499):

    gan_test: of the samples that the judge takes for their class: whether they are right. gan_train: of the test
    pictures that a classifier of the same kind takes for theirs which has seen nothing but samples: whether they are
    right and diverse. Either alone can mislead. Empty where the judge knows no classes.
    """
    found = [judge.look(one.images).classes for one in sets]
    right = [(a == one.labels).double().mean().item() for a, one in zip(found, sets, strict=True) if a is not None]
    classes = len(prepared.about["classes"])
    if not right or prepared.about["stacked"] > 1:
        return {"gan_test": sum(right) / len(right)} if right else {}
    student = train_classifier(sets[0], classes, ClassifierSettings())
    said = look(student, prepared.test.images).logits.argmax(1)
    return {
        "gan_test": sum(right) / len(right),
        "gan_train": (said == prepared.test.labels).double().mean().item(),
    }
