"""Convert a raw dataset to images of one size and kind, split it, and write the prepared file."""

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

LabeledArrays = tuple[NDArray[np.uint8], NDArray[np.int64]]  # images [N, C, H, W], labels [N]

# Per class on average: 26 as in the literature (Metz et al. 2016; Lin et al. 2018), and 10 for testing.
MIN_STACKS = {"train": 26_000, "test": 10_000}


def prepare(raw_dataset: RawDataset, config: PrepareConfig, out: Path, padding: float = 0) -> list[str]:
    """Write the prepared file `out` and return one line per image that cannot be read.

    padding: black border around each image; see `resize_and_crop`.

    Tensors: `train.images` and `test.images`, uint8 [N, C, H, W]; `train.labels` and `test.labels`, int64 [N] (-1: no
    label). Metadata:
        dataset: the dataset's name and the fields of its DatasetInfo.
        classes: class names in the order of the labels.
        shape: channels, height, width.
        stacked: number of digits per image; 1 unless the dataset is stacked.
        counts: number of images per split.
        digits: number of single digits per split, which were split before stacking; only if the dataset is stacked.
        unreadable: the returned lines.
        target_border: the configured value; a CycleGAN needs it to translate other images.

    Raises UserError if no image can be read, or if stacks would be gray.
    """
    shape = config.image_shape(raw_dataset.channels)
    channels, height, width = shape
    num_stacked = raw_dataset.num_stacked
    if num_stacked > channels:
        raise UserError(
            f"prepare.channels: {channels} is too few for {raw_dataset.metadata['name']}, which has {num_stacked} "
            "digits per image, one per channel; set it to auto"
        )

    unreadable: list[str] = []
    splits: dict[str, LabeledArrays] = {}
    for name, raw_split in raw_dataset.splits.items():
        images, ok_mask, errors = _convert_images(raw_split, (channels // num_stacked, height, width), padding)
        if len(raw_split) and not ok_mask.any():
            raise UserError(f"none of the {len(raw_split)} images can be read; the first error: {errors[0]}")
        splits[name] = images[ok_mask], raw_split.labels[ok_mask]
        unreadable += errors
    if "all" in splits:
        splits = _split(*splits["all"], config)

    metadata: dict[str, Any] = {
        "dataset": raw_dataset.metadata,
        "classes": raw_dataset.classes,
        "shape": shape,
        "stacked": num_stacked,
        "unreadable": unreadable,
        "target_border": config.target_border,
    }
    if num_stacked > 1:
        metadata["digits"] = _count(splits)
        splits = _make_stacks(splits, num_stacked, config.seed)
    metadata["counts"] = _count(splits)

    tensors = {}
    for name, (images, labels) in splits.items():
        tensors[f"{name}.images"] = torch.from_numpy(np.ascontiguousarray(images))
        tensors[f"{name}.labels"] = torch.from_numpy(np.ascontiguousarray(labels))
    save_safetensors(out, tensors, metadata)
    return unreadable


def _count(splits: dict[str, LabeledArrays]) -> dict[str, int]:
    return {name: len(labels) for name, (_images, labels) in splits.items()}


def _convert_images(
    raw_split: RawSplit, shape: tuple[int, int, int], padding: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], list[str]]:
    """Return images, uint8 [N, C, H, W]; a mask [N] of those that could be read; error lines for the rest."""
    channels, height, width = shape
    num_images = len(raw_split)
    images = np.empty((num_images, *shape), np.uint8)
    ok_mask = np.ones(num_images, bool)
    errors: list[str] = []
    mode = "RGB" if channels == 3 else "L"

    def convert(i: int) -> str | None:
        try:
            source = raw_split.images[i]
            image = load_image(source, mode) if isinstance(source, Path) else Image.fromarray(source).convert(mode)
            pixels = np.asarray(resize_and_crop(image, height, width, padding))
        except Exception as error:  # Pillow's decoders raise many types for damaged files
            return f"{raw_split.images[i]}: {' '.join(str(error).split()) or type(error).__name__}"
        images[i] = pixels.transpose(2, 0, 1) if channels == 3 else pixels
        return None

    with ThreadPoolExecutor() as pool:  # Pillow releases the GIL while it decodes and resizes
        results = pool.map(convert, range(num_images))
        for i, error_line in enumerate(tqdm(results, total=num_images, desc="images", disable=None, leave=False)):
            if error_line is not None:
                ok_mask[i] = False
                errors.append(error_line)
    return images, ok_mask, errors


def _split(images: NDArray[np.uint8], labels: NDArray[np.int64], config: PrepareConfig) -> dict[str, LabeledArrays]:
    """Split at random, with each class in proportion if possible. Both splits keep the source's order."""
    from sklearn.model_selection import train_test_split

    num_images = len(images)
    if num_images < 2:
        raise UserError("a single readable image cannot be split into training and test images; add more")
    num_test = min(max(1, round(num_images * config.test_fraction)), num_images - 1)
    has_labels = labels[0] != NO_LABEL
    class_sizes = np.unique(labels, return_counts=True)[1]
    stratify = has_labels and class_sizes.min() >= 2 and min(num_test, num_images - num_test) >= len(class_sizes)
    if has_labels and not stratify:
        print("prepare: too few images in some class to split each class in proportion; the split is random")
    train, test = train_test_split(
        np.arange(num_images), test_size=num_test, random_state=config.seed, stratify=labels if stratify else None
    )
    train.sort()
    test.sort()
    return {"train": (images[train], labels[train]), "test": (images[test], labels[test])}


def _make_stacks(splits: dict[str, LabeledArrays], num_stacked: int, seed: int) -> dict[str, LabeledArrays]:
    """Stack random gray digits as channels. The digits of a label are the digits of the channels, in their order.

    Each channel goes through independent permutations of all digits, so it uses them equally often (± 1).
    """
    place_values = 10 ** np.arange(num_stacked - 1, -1, -1)
    stacks = {}
    for i, (name, (images, labels)) in enumerate(splits.items()):
        num_digits = len(labels)
        num_stacks = max(num_digits, MIN_STACKS[name])
        num_permutations = -(-num_stacks // num_digits)
        # NumPy mixes both numbers into its seed, so each split has its own order.
        ordered = np.tile(np.arange(num_digits), (num_stacked, num_permutations, 1))
        permutations = np.random.default_rng([seed, i]).permuted(ordered, axis=2)
        indices = permutations.reshape(num_stacked, -1).T[:num_stacks]  # [num_stacks, num_stacked]
        stacks[name] = images[indices, 0], labels[indices] @ place_values
    return stacks
