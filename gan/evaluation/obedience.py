"""Whether a generator does as it is told: draws the class that it is asked for, or keeps that of what it translates."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from gan.data.prepared import Prepared, Split
from gan.evaluation.classifier import look, train_classifier
from gan.evaluation.judge import Judge
from gan.evaluation.settings import ClassifierSettings
from gan.evaluation.summary import Figures
from gan.networks.build import load_network
from gan.networks.cyclegan import Translators
from gan.sampling import translated


def conditional_figures(
    judge: Judge, sets: Sequence[Split], prepared: Prepared, device: torch.device | str = "cpu"
) -> Figures:
    """Of samples with the labels that they were asked to have, as shares (Shmelkov et al. 2018,
    https://arxiv.org/abs/1807.09499):

    gan_test: of the samples that the judge takes for their class: whether they are right. gan_train: of the test
    pictures that a classifier of the same kind takes for theirs which has seen nothing but samples: whether they are
    right and diverse. Either alone can mislead. Empty where the judge knows no classes.
    """
    right = _mean(judge, sets)
    if right is None:
        return {}
    figures = {"gan_test": right}
    if prepared.about["stacked"] == 1:
        student = train_classifier(sets[0], len(prepared.about["classes"]), ClassifierSettings(), device)
        said = look(student, prepared.test.images).logits.argmax(1)
        figures["gan_train"] = (said == prepared.test.labels).double().mean().item()
    return figures


def translation_figures(
    path: Path, judges: tuple[Judge, Judge], sets: Sequence[Split], data: tuple[Prepared, Prepared], device: str
) -> Figures:
    """Of the translators in a file, judged by classifiers of the source and of the target:

    kept_there, kept_back: shares of translated test pictures that a classifier of the other set takes for the class
    that they had, where both sets have the same classes; untranslated_there, untranslated_back: the control, the
    shares of the test pictures that it takes for their class as they are. cycle_error: mean absolute difference of the
    source's test pictures from what they are there and back again, as a share of the range of a pixel.
    """
    (network, _), (source, target) = load_network(path, "generator"), data
    assert isinstance(network, Translators)
    figures = {}
    if source.classes and source.about["classes"] == target.about["classes"]:
        home = Split(translated(network.back, target.test.images, device), target.test.labels)
        found = {
            "kept_there": _mean(judges[1], sets),
            "kept_back": _right(judges[0], home),
            "untranslated_there": _right(judges[1], source.test),
            "untranslated_back": _right(judges[0], target.test),
        }
        if None not in found.values():  # a judge may know no classes
            figures = {name: share for name, share in found.items() if share is not None}
    again = translated(network.back, translated(network.there, source.test.images, device), device)
    figures["cycle_error"] = _difference(again, source.test.images)
    return figures


def sentences(figures: Figures) -> list[str]:
    """The figures in words."""
    lines = []
    if "gan_test" in figures:
        line = f"Obedience: {figures['gan_test']:.1%} of the samples are of the class asked for"
        if "gan_train" in figures:
            line += (
                f"; a classifier that has seen nothing else gets {figures['gan_train']:.1%} of the test pictures right"
            )
        lines.append(line + ".")
    if "kept_there" in figures:
        kept = f"{figures['kept_there']:.1%} of the pictures there and {figures['kept_back']:.1%} back"
        control = f"{figures['untranslated_there']:.1%} and {figures['untranslated_back']:.1%} without any translation"
        lines.append(f"Translation keeps the class of {kept}; the classifiers are right in {control}.")
    if "cycle_error" in figures:
        lines.append(f"There and back again a pixel differs by {figures['cycle_error']:.1%} of its range.")
    return lines


def _mean(judge: Judge, sets: Sequence[Split]) -> float | None:
    """Mean of `_right` over the sets."""
    found = [right for one in sets if (right := _right(judge, one)) is not None]
    return sum(found) / len(found) if found else None


def _right(judge: Judge, samples: Split) -> float | None:
    """Share of samples whose class is the one that they should have; None where the judge knows none."""
    found = judge.look(samples.images).classes
    return None if found is None else (found == samples.labels).double().mean().item()


def _difference(one: Tensor, other: Tensor) -> float:
    return (one.float() - other.float()).abs().mean().item() / 255
