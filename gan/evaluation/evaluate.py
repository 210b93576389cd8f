"""Judge a generator: every figure with its spread, beside the one that real pictures reach, and a verdict in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from gan.evaluation.evaluator import Evaluator
from gan.evaluation.findings import summarize
from gan.evaluation.summary import Metrics, Summary, best_snapshot, round_significant

MAX_LISTED_CLASSES = 100  # of more, the details do not list the shares


@dataclass(frozen=True)
class Evaluation:
    """metrics: the few figures that DVC compares; details: all of them, and what they are of; track: figures of the
    snapshots; verdict: sentences; pairs: uint8 [2 P, C, H, W], the samples nearest to a training picture, then those.
    """

    metrics: Metrics
    details: dict[str, Any]
    track: list[Metrics]
    summarize: list[str]
    pairs: NDArray[np.uint8]

    def table(self) -> str:
        """The track as tab-separated text."""
        names = list(self.track[0])
        rows = [names, *([f"{figures[name]:g}" for name in names] for figures in self.track)]
        return "".join("\t".join(row) + "\n" for row in rows)


def evaluate(
    yardstick: Evaluator,
    sets: Sequence[Tensor],
    snapshots: Iterable[tuple[int, Tensor]],
    metadata: dict[str, Any],
    obedience: Metrics | None = None,
) -> Evaluation:
    """Judge sets of samples of one generator, uint8 [N, C, H, W], which differ in their seed.

    snapshots: epochs, and samples of the generator as it was after them. about: facts of the samples, for the details.
    obedience: figures of gan.evaluation.conditional_metrics.
    """
    prepared, obedience = yardstick.prepared, obedience or {}
    bar = tqdm(sets, "sets of samples", disable=None, leave=False)  # disable=None: quiet where there is no terminal
    judged = [yardstick.measure(images) for images in bar]
    summary = Summary.of(judged, yardstick.control)
    ratio = yardstick.ratio(summary.means["frechet"])
    memory = yardstick.memorisation(sets[0])
    track = [
        {"epoch": epoch, **{name: round_significant(value) for name, value in yardstick.glance(images).items()}}
        for epoch, images in snapshots
    ]
    names = prepared.metadata["classes"]
    lines = summarize(summary, ratio, memory, track, len(names), obedience=obedience)
    details: dict[str, Any] = {
        "verdict": lines,
        "extractor": yardstick.judge.name,
        "samples": {**metadata, "pictures_a_seed": len(sets[0])},
        "against": {"split": "test", "pictures": len(prepared.test.images)},
        "real": {"split": "train", "pictures": yardstick.size},
        "distances_and_parzen_of": yardstick.size,
        "neighbours": yardstick.k,
        "frechet_ratio": round_significant(ratio),
        "figures": summary.table(),
        "obedience": {name: round_significant(value) for name, value in obedience.items()},
        "memorisation": {
            "nearest_in_train": round_significant(memory.nearest_in_train),
            "by_chance": round_significant(memory.chance),
            "excess": round_significant(memory.excess),
            "standard_error_of_excess": round_significant(memory.error),
            "median_distance_of_samples_to_train": round_significant(memory.samples_to_train),
            "median_distance_of_test_to_train": round_significant(memory.test_to_train),
        },
        "best_epoch": best_snapshot(track)["epoch"] if track else None,
        "along_training": track,
    }
    shares = yardstick.shares_of(sets[0])
    if shares is not None and yardstick.shares is not None and len(names) <= MAX_LISTED_CLASSES:
        details["classes"] = {
            "names": names,
            "samples": [round_significant(share) for share in shares.tolist()],
            "training": [round_significant(share) for share in yardstick.shares.tolist()],
        }
    metrics = summary.metrics(ratio, memory.excess) | {
        name: round_significant(value) for name, value in obedience.items()
    }
    drawn, real = zip(*memory.closest, strict=True)
    pairs = torch.cat([sets[0][list(drawn)], prepared.train.images[list(real)]]).numpy()
    return Evaluation(metrics, details, track, lines, pairs)
