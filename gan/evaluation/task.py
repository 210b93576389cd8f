"""What a classifier is trained to tell: the classes where pictures have labels, else how they were turned."""

import torch

from gan.data.catalogue import DIGITS
from gan.data.prepared import Prepared, Split, unstacked
from gan.evaluation.classifier import turned


def task_of(prepared: Prepared) -> tuple[Split, Split, tuple[str, ...], str]:
    """Training and test pictures with labels, names of the labels, and the task: `classes`, or `turns` without any."""
    if prepared.about["stacked"] > 1:
        counts = prepared.about["digits"]
        train, test = unstacked(prepared.train, counts["train"]), unstacked(prepared.test, counts["test"])
        return train, test, DIGITS, "classes"
    names = tuple(prepared.about["classes"])
    if len(names) < 2 or torch.any(prepared.train.labels < 0):
        (train, names), (test, _) = turned(prepared.train.images), turned(prepared.test.images)
        return train, test, names, "turns"
    return prepared.train, prepared.test, names, "classes"
