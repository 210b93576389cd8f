"""Judge a generator: every figure with its spread, beside the one that real pictures reach, and a verdict in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from gan.evaluation.summary import Figures, Summary, best_of, short
from gan.evaluation.verdict import verdict
from gan.evaluation.yardstick import Yardstick

LISTED_CLASSES = 100  # of more, the details do not list the shares


@dataclass(frozen=True)
class Evaluation:
    """metrics: the few figures that DVC compares; details: all of them, and what they are of; track: figures of the
    snapshots; verdict: sentences; pairs: uint8 [2 P, C, H, W], the samples nearest to a training picture, then those.
    """

    metrics: Figures
    details: dict[str, Any]
    track: list[Figures]
    verdict: list[str]
    pairs: NDArray[np.uint8]

    def table(self) -> str:
        """The track as tab-separated text."""
        names = list(self.track[0])
        rows = [names, *([f"{figures[name]:g}" for name in names] for figures in self.track)]
        return "".join("\t".join(row) + "\n" for row in rows)


def evaluate(
    yardstick: Yardstick,
    sets: Sequence[Tensor],
    snapshots: Iterable[tuple[int, Tensor]],
    about: dict[str, Any],
    obedience: Figures | None = None,
) -> Evaluation:
    """Judge sets of samples of one generator, uint8 [N, C, H, W], which differ in their seed.

    snapshots: epochs, and samples of the generator as it was after them. about: facts of the samples, for the details.
    obedience: figures of gan.evaluation.obedience.
    """
    prepared, obedience = yardstick.prepared, obedience or {}
    bar = tqdm(sets, "sets of samples", disable=None, leave=False)  # disable=None: quiet where there is no terminal
    judged = [yardstick.measure(images) for images in bar]
    summary = Summary.of(judged, yardstick.control)
    ratio = yardstick.ratio(summary.means["frechet"])
    memory = yardstick.memorisation(sets[0])
    track = [
        {"epoch": epoch, **{name: short(value) for name, value in yardstick.glance(images).items()}}
        for epoch, images in snapshots
    ]
    names = prepared.about["classes"]
    lines = verdict(summary, ratio, memory, track, len(names), obedience=obedience)
    details: dict[str, Any] = {
        "verdict": lines,
        "extractor": yardstick.judge.name,
        "samples": {**about, "pictures_a_seed": len(sets[0])},
        "against": {"split": "test", "pictures": len(prepared.test.images)},
        "real": {"split": "train", "pictures": yardstick.size},
        "distances_and_parzen_of": yardstick.size,
        "neighbours": yardstick.k,
        "frechet_ratio": short(ratio),
        "figures": summary.table(),
        "obedience": {name: short(value) for name, value in obedience.items()},
        "memorisation": {
            "nearest_in_train": short(memory.nearest_in_train),
            "by_chance": short(memory.chance),
            "excess": short(memory.excess),
            "standard_error_of_excess": short(memory.error),
            "median_distance_of_samples_to_train": short(memory.samples_to_train),
            "median_distance_of_test_to_train": short(memory.test_to_train),
        },
        "best_epoch": best_of(track)["epoch"] if track else None,
        "along_training": track,
    }
    shares = yardstick.shares_of(sets[0])
    if shares is not None and yardstick.shares is not None and len(names) <= LISTED_CLASSES:
        details["classes"] = {
            "names": names,
            "samples": [short(share) for share in shares.tolist()],
            "training": [short(share) for share in yardstick.shares.tolist()],
        }
    metrics = summary.metrics(ratio, memory.excess) | {name: short(value) for name, value in obedience.items()}
    drawn, real = zip(*memory.closest, strict=True)
    pairs = torch.cat([sets[0][list(drawn)], prepared.train.images[list(real)]]).numpy()
    return Evaluation(metrics, details, track, lines, pairs)
