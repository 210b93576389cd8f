"""Labels that the classifier is trained on: the dataset's classes, or rotations if it has none."""

import torch

from gan.data.dataset import ImageDataset, Split, unstack_digits
from gan.data.registry import DIGIT_CLASSES
from gan.evaluation.classifier import rotation_task


def classification_task(dataset: ImageDataset) -> tuple[Split, Split, tuple[str, ...], str]:
    """Return the labeled training and test images, the class names, and the task: `classes` or `rotations`.

    The task is `rotations` if there are fewer than two classes or if a training image has no label. Stacks of digits
    are split into single digits.
    """
    if dataset.metadata["stacked"] > 1:
        num_digits = dataset.metadata["digits"]
        train = unstack_digits(dataset.train, num_digits["train"])
        test = unstack_digits(dataset.test, num_digits["test"])
        return train, test, DIGIT_CLASSES, "classes"
    class_names = tuple(dataset.metadata["classes"])
    if len(class_names) < 2 or torch.any(dataset.train.labels < 0):
        train, rotation_names = rotation_task(dataset.train.images)
        test, _ = rotation_task(dataset.test.images)
        return train, test, rotation_names, "rotations"
    return dataset.train, dataset.test, class_names, "classes"
