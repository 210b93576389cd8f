"""What a classifier is trained to tell: the classes where pictures have labels, else how they were turned."""

import torch

from gan.data.dataset import ImageDataset, Split, unstack_digits
from gan.data.registry import DIGIT_CLASSES
from gan.evaluation.classifier import rotation_task


def classification_task(prepared: ImageDataset) -> tuple[Split, Split, tuple[str, ...], str]:
    """Training and test pictures with labels, names of the labels, and the task: `classes`, or `turns` without any."""
    if prepared.metadata["stacked"] > 1:
        counts = prepared.metadata["digits"]
        train, test = unstack_digits(prepared.train, counts["train"]), unstack_digits(prepared.test, counts["test"])
        return train, test, DIGIT_CLASSES, "classes"
    names = tuple(prepared.metadata["classes"])
    if len(names) < 2 or torch.any(prepared.train.labels < 0):
        (train, names), (test, _) = rotation_task(prepared.train.images), rotation_task(prepared.test.images)
        return train, test, names, "turns"
    return prepared.train, prepared.test, names, "classes"
