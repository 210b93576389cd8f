"""Bring pictures of any size and kind to one size and kind, split them, and write the prepared file."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from gan.config import UserError
from gan.data.config import PrepareConfig
from gan.data.raw_dataset import NO_LABEL, RawDataset, RawSplit, load_image, resize_and_crop
from gan.io import save_safetensors

LabeledArrays = tuple[NDArray[np.uint8], NDArray[np.int64]]  # pictures [N, C, H, W], labels [N]

# Few digits make many stacks. The literature counts the modes in 26,000 pictures (Metz et al. 2016, PacGAN): so many
# have 26 of each of the 1,000 classes, on average, for training. For testing 10 of each will do.
MIN_STACKS = {"train": 26_000, "test": 10_000}


def prepare(decoded: RawDataset, config: PrepareConfig, out: Path, border: float = 0) -> list[str]:
    """Write the prepared file `out`; returns a line for each picture that could not be read.

    border: of black around each picture: see gan.data.raw_dataset.fitted.

    The file holds `train.images` and `test.images`, uint8 [N, C, H, W], and `train.labels` and `test.labels`,
    int64 [N] (-1 where there are none), and describes itself: `stacked` is how many digits each picture is a stack of,
    1 where it is none; of stacks, `digits` counts the digits that they are made of, which were split before.
    Raises UserError when no picture can be read, or when stacks are to be grey.
    """
    shape = config.shape(decoded.channels)
    if decoded.stacked > shape[0]:
        raise UserError(
            f"prepare.channels: {shape[0]} is too few for {decoded.facts['name']}, whose pictures are "
            f"{decoded.stacked} digits, one a channel; set it to auto"
        )
    unreadable: list[str] = []
    parts: dict[str, LabeledArrays] = {}
    for name, part in decoded.parts.items():
        images, readable, problems = _convert_images(part, (shape[0] // decoded.stacked, *shape[1:]), border)
        unreadable += problems
        parts[name] = images[readable], part.labels[readable]
        if len(part) and not readable.any():
            raise UserError(f"none of the {len(part)} pictures can be read; the first: {problems[0]}")
    if "all" in parts:
        parts = _split(*parts["all"], config)
    digits = {}
    if decoded.stacked > 1:
        digits = {"digits": {name: len(labels) for name, (_, labels) in parts.items()}}
        parts = _make_stacks(parts, decoded.stacked, config.seed)
    tensors = {}
    for name, (images, labels) in parts.items():
        tensors[f"{name}.images"] = torch.from_numpy(np.ascontiguousarray(images))
        tensors[f"{name}.labels"] = torch.from_numpy(np.ascontiguousarray(labels))
    metadata: dict[str, Any] = {
        "dataset": decoded.facts,
        "classes": decoded.classes,
        "shape": shape,
        "stacked": decoded.stacked,
        "counts": {name: len(labels) for name, (_, labels) in parts.items()},
        "unreadable": unreadable,
        "target_border": config.target_border,  # what brings other pictures to the form that a translator knows
        **digits,
    }
    save_safetensors(out, tensors, metadata)
    return unreadable


def _convert_images(
    part: RawSplit, shape: tuple[int, int, int], border: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], list[str]]:
    """All pictures of a part, uint8 [N, C, H, W]; which of them could be read; and the problems of the others."""
    channels, height, width = shape
    images = np.empty((len(part), *shape), np.uint8)
    readable = np.ones(len(part), bool)
    problems: list[str] = []
    mode = "RGB" if channels == 3 else "L"

    def convert(i: int) -> str | None:
        try:
            source = part.pictures[i]
            image = load_image(source, mode) if isinstance(source, Path) else Image.fromarray(source).convert(mode)
            pixels = np.asarray(resize_and_crop(image, height, width, border))
        except Exception as error:  # whatever a damaged file makes Pillow's decoders raise, the others are wanted
            return f"{part.pictures[i]}: {' '.join(str(error).split()) or type(error).__name__}"
        images[i] = pixels.transpose(2, 0, 1) if channels == 3 else pixels
        return None

    with ThreadPoolExecutor() as pool:  # Pillow decodes and resizes outside Python's lock
        found = tqdm(pool.map(convert, range(len(part))), total=len(part), desc="pictures", disable=None, leave=False)
        for i, problem in enumerate(found):
            if problem is not None:
                readable[i] = False
                problems.append(problem)
    return images, readable, problems


def _split(images: NDArray[np.uint8], labels: NDArray[np.int64], config: PrepareConfig) -> dict[str, LabeledArrays]:
    """A seeded split with each class in proportion, both halves in the source's order."""
    from sklearn.model_selection import train_test_split

    if len(images) < 2:
        raise UserError("one readable picture cannot be split into training and test pictures; add more")
    test_count = max(1, round(len(images) * config.test_fraction))
    smallest = np.unique(labels, return_counts=True)[1].min()
    classes = len(np.unique(labels))
    proportional = smallest >= 2 and min(test_count, len(images) - test_count) >= classes and labels[0] != NO_LABEL
    if not proportional and labels[0] != NO_LABEL:
        print("prepare: too few pictures in some class to split each class in proportion; split at random")
    order: Sequence[Sequence[int]] = train_test_split(
        np.arange(len(images)),
        test_size=min(test_count, len(images) - 1),
        random_state=config.seed,
        stratify=labels if proportional else None,
    )
    train, test = (np.sort(np.asarray(part)) for part in order)
    return {"train": (images[train], labels[train]), "test": (images[test], labels[test])}


def _make_stacks(parts: dict[str, LabeledArrays], size: int, seed: int) -> dict[str, LabeledArrays]:
    """Random stacks of `size` digits as channels; the labels' decimal digits are the digits, the first one in front.

    Each channel takes the digits of a part in rounds of its own, all of them in a new order in each round: every digit
    is there equally often, give or take one, and the channels are independent of one another.
    """
    stacks = {}
    powers = 10 ** np.arange(size - 1, -1, -1)
    for i, (name, (images, labels)) in enumerate(parts.items()):
        count = max(len(labels), MIN_STACKS[name])
        # NumPy mixes both numbers into its seed, so the parts are stacked in orders of their own.
        rng = np.random.default_rng([seed, i])
        rounds = np.tile(np.arange(len(labels)), (size, -(-count // len(labels)), 1))
        rows = rng.permuted(rounds, axis=2).reshape(size, -1).T[:count]
        stacks[name] = images[rows, 0], labels[rows] @ powers
    return stacks
