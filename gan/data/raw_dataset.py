"""Read a dataset's original files as images and labels."""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gan.config import UserError

NO_LABEL = -1

# Pillow still refuses decompression bombs, of more than 180 million pixels.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)


@dataclass(frozen=True)
class RawSplit:
    """Images and labels of one split.

    images: uint8 arrays, gray [H, W] or color [H, W, 3], or paths of image files.
    labels: int64 [N], from 0, or NO_LABEL.
    """

    images: "NDArray[np.uint8] | list[Path]"
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class RawDataset:
    """A dataset before resizing.

    metadata: the dataset's name and the fields of its DatasetInfo. classes: names in the order of the labels.
    splits: the keys are "train" and "test", or "all" if the dataset is not split yet.
    The splits of a stacked dataset hold its single digits, labeled 0 to 9, while `classes` names the stacks.
    """

    metadata: dict[str, Any]
    classes: list[str]
    splits: dict[str, RawSplit]

    @property
    def channels(self) -> int:
        """Channels of the dataset's own images, 1 or 3."""
        return int(self.metadata["channels"])

    @property
    def num_stacked(self) -> int:
        """Number of digits per image: one per channel if the dataset is stacked, else 1."""
        return self.channels if self.metadata["stacked_from"] else 1


def decode(raw: Path, images: Path) -> RawDataset:
    """Read the dataset in the folder `raw`, which gan.data.download filled. Raises UserError if that fails.

    images: the user's image folder, read if the dataset is `images`.
    """
    metadata = json.loads((raw / "dataset.json").read_text(encoding="utf-8"))
    if metadata["name"] == "images":
        return _load_image_folder(metadata, raw / "images.json", images)
    name = metadata["stacked_from"] or metadata["name"]
    if name == "mnist-5k":
        splits = {"all": _load_csv(raw / "mnist_5k.csv", side=28, white_level=255)}
    elif name == "digits":
        splits = {"all": _load_csv(raw / "digits.csv", side=8, white_level=16)}
    else:
        splits = {split: _load_torchvision(name, raw, split) for split in ("train", "test")}
    return RawDataset(metadata, list(metadata["classes"]), splits)


def resize_and_crop(image: Image.Image, height: int, width: int, padding: float = 0) -> Image.Image:
    """Scale an image to cover height × width, center-crop it, and pad it with black to that size.

    padding: border on each side, as a fraction of the inner height or width.
    """
    inner_width, inner_height = (max(1, round(side / (1 + 2 * padding))) for side in (width, height))
    # Pillow's resize filters at the source's scale, so reduction does not alias.
    image = ImageOps.fit(image, (inner_width, inner_height), Image.Resampling.LANCZOS)
    if not padding:
        return image
    padded = Image.new(image.mode, (width, height))
    padded.paste(image, ((width - inner_width) // 2, (height - inner_height) // 2))
    return padded


def load_image(path: Path, mode: str) -> Image.Image:
    """Read the first frame of an image file in Pillow's mode "L" or "RGB".

    The EXIF orientation is applied. Transparent pixels are blended with white.
    """
    with Image.open(path) as file:
        file.load()
        file.getexif()
        # exif_transpose would encode these tags again, which fails if a tag has an unexpected type.
        for key in ("exif", "Raw profile type exif"):
            file.info.pop(key, None)
        image: Image.Image = ImageOps.exif_transpose(file)
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_to_uint8_gray(np.asarray(image, dtype=np.float64), image.mode))
    if image.has_transparency_data:
        foreground = image.convert("RGBA")
        background = Image.new("RGBA", foreground.size, "white")
        image = Image.alpha_composite(background, foreground)
    return image.convert(mode)


def _to_uint8_gray(levels: NDArray[np.float64], mode: str) -> NDArray[np.uint8]:
    """Convert gray levels of 16-bit, 32-bit and floating-point images to 0 to 255.

    32-bit and floating-point files do not state their white level. It is taken to be the smallest of 1, 255 and 65535
    that no pixel exceeds.
    """
    if mode.startswith("I;16"):
        white_level = 65535.0
    else:
        white_level = next((level for level in (1.0, 255.0) if levels.max() <= level), 65535.0)
    return (levels.clip(0, white_level) * (255 / white_level)).round().astype(np.uint8)


def _load_csv(path: Path, side: int, white_level: int) -> RawSplit:
    """Read lines of side² gray levels, 0 to `white_level`, and a label."""
    table = np.loadtxt(path, delimiter=",").astype(np.int64)
    levels = table[:, :-1].reshape(-1, side, side)
    return RawSplit((levels * 255 / white_level).round().astype(np.uint8), table[:, -1])


def _load_torchvision(name: str, raw: Path, split: str) -> RawSplit:
    from torchvision import datasets as tv

    grays = {"mnist": tv.MNIST, "fashion-mnist": tv.FashionMNIST, "kmnist": tv.KMNIST, "usps": tv.USPS}
    dataset_class: Any = tv.CIFAR10 if name == "cifar10" else grays[name]
    try:
        dataset = dataset_class(raw, train=split == "train", download=False)
    except (RuntimeError, OSError, EOFError, AssertionError, ValueError) as error:
        raise UserError(
            f"{raw}: the {split} files of {name} cannot be read ({error}); run `dvc repro -f download`"
        ) from None
    return RawSplit(np.asarray(dataset.data), np.asarray(dataset.targets, dtype=np.int64))


def _load_image_folder(metadata: dict[str, Any], listing: Path, images: Path) -> RawDataset:
    """List the user's images. The first folder of a path is the image's class."""
    names = [name for name, _sha256 in json.loads(listing.read_text(encoding="utf-8"))]
    folders = [name.split("/")[0] if "/" in name else None for name in names]
    classes = sorted({folder for folder in folders if folder is not None})
    unsorted = [name for name, folder in zip(names, folders, strict=True) if folder is None]
    if classes and unsorted:
        raise UserError(
            f"{images}: {unsorted[0]} is outside the class folders {', '.join(classes)}; "
            "put every image into a class folder, or none"
        )
    labels = [NO_LABEL if folder is None else classes.index(folder) for folder in folders]
    paths = [images / name for name in names]
    return RawDataset(metadata, classes, {"all": RawSplit(paths, np.asarray(labels, dtype=np.int64))})
