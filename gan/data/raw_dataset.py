"""Turn a data set's own files into pictures with labels."""

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gan.config import UserError

NO_LABEL = -1


@dataclass(frozen=True)
class RawSplit:
    """Pictures that belong together: the training split, the test split, or everything when there is no split yet.

    `pictures` are uint8 arrays, grey [H, W] or colour [H, W, 3], or paths of picture files.
    `labels` are integers from 0, or UNLABELLED.
    """

    pictures: "NDArray[np.uint8] | list[Path]"
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class RawDataset:
    """A data set as its files hold it. `parts` has the keys train and test, or the one key all.

    Where it is a stacked one, the parts hold the single digits, labelled 0 to 9, and `classes` names the stacks.
    """

    facts: dict[str, Any]
    classes: list[str]
    parts: dict[str, RawSplit]

    @property
    def channels(self) -> int:
        """What the data set's own pictures have, 1 or 3."""
        return int(self.facts["channels"])

    @property
    def stacked(self) -> int:
        """How many pictures of `parts` make one picture of the data set: 1, or as many as it has channels."""
        return self.channels if self.facts["stack_of"] else 1


def decode(raw: Path, images: Path) -> RawDataset:
    """Read the folder `raw` that gan.data.download filled, and the pictures in the folder `images` that it may list."""
    facts = json.loads((raw / "dataset.json").read_text(encoding="utf-8"))
    name, classes = facts["name"], list(facts["classes"])
    if name == "images":
        return _load_image_folder(facts, raw / "pictures.json", images)
    name = facts["stack_of"] or name
    if name == "mnist-5k":
        table = _load_csv(raw / "mnist_5k.csv")
        parts = {"all": RawSplit(table[:, :-1].reshape(-1, 28, 28).astype(np.uint8), table[:, -1])}
    elif name == "digits":
        table = _load_csv(raw / "digits.csv")
        pictures = (table[:, :-1].reshape(-1, 8, 8) * 255 / 16).round()  # its levels are 0 to 16
        parts = {"all": RawSplit(pictures.astype(np.uint8), table[:, -1])}
    else:
        parts = dict(_torchvision(name, raw))
    return RawDataset(facts, classes, parts)


def resize_and_crop(image: Image.Image, height: int, width: int, border: float = 0) -> Image.Image:
    """The picture scaled to cover that size and cropped to the middle.

    border: of black on each side, as a share of the height or width of what is inside it.
    """
    inside = [max(1, round(side / (1 + 2 * border))) for side in (width, height)]
    # Pillow's resize filters at the source's scale, so shrinking does not alias.
    image = ImageOps.fit(image, (inside[0], inside[1]), Image.Resampling.LANCZOS)
    if not border:
        return image
    framed = Image.new(image.mode, (width, height))
    framed.paste(image, ((width - inside[0]) // 2, (height - inside[1]) // 2))
    return framed


def load_image(path: Path, mode: str) -> Image.Image:
    """A picture file, upright, in Pillow's `mode` L or RGB; transparent parts become white; the first frame of many."""
    with Image.open(path) as opened:
        opened.load()
        opened.getexif()
        for key in ("exif", "Raw profile type exif"):  # else turning writes all of it anew, which odd tags break
            opened.info.pop(key, None)
        image: Image.Image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_to_uint8_gray(np.asarray(image, dtype=np.float64), image.mode))
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    return image.convert(mode)


def _to_uint8_gray(levels: NDArray[np.float64], mode: str) -> NDArray[np.uint8]:
    """Grey levels of more than eight bits, 0 to 255. What white is cannot be read from a file of 32-bit numbers or
    fractions: it is taken to be 1, 255 or 65535, the least of them that no pixel exceeds."""
    white = 65535.0 if mode.startswith("I;16") else next((w for w in (1.0, 255.0) if levels.max() <= w), 65535.0)
    return (levels.clip(0, white) * (255 / white)).round().astype(np.uint8)


def _load_csv(path: Path) -> NDArray[np.int64]:
    return np.loadtxt(path, delimiter=",").astype(np.int64)


def _torchvision(name: str, raw: Path) -> Iterator[tuple[str, RawSplit]]:
    from torchvision import datasets as tv

    family: Any = {
        "mnist": tv.MNIST,
        "fashion-mnist": tv.FashionMNIST,
        "kmnist": tv.KMNIST,
        "usps": tv.USPS,
        "cifar10": tv.CIFAR10,
    }[name]
    for part, train in (("train", True), ("test", False)):
        try:
            loaded = family(raw, train=train, download=False)
        except (RuntimeError, OSError, EOFError, AssertionError, ValueError) as error:
            raise UserError(
                f"{raw}: the {part} files of {name} cannot be read ({error}); `dvc repro -f download`"
            ) from None
        yield part, RawSplit(np.asarray(loaded.data), np.asarray(loaded.targets, dtype=np.int64))


def _load_image_folder(facts: dict[str, Any], listing: Path, images: Path) -> RawDataset:
    names = [name for name, _ in json.loads(listing.read_text(encoding="utf-8"))]
    folders = [name.split("/")[0] if "/" in name else None for name in names]
    classes = sorted({folder for folder in folders if folder is not None})
    loose = [name for name, folder in zip(names, folders, strict=True) if folder is None]
    if classes and loose:
        raise UserError(
            f"{images}: {loose[0]} lies beside the class folders {', '.join(classes)}; "
            "put every picture into a class folder, or none"
        )
    labels = [NO_LABEL if folder is None else classes.index(folder) for folder in folders]
    return RawDataset(
        facts, classes, {"all": RawSplit([images / name for name in names], np.asarray(labels, dtype=np.int64))}
    )


# From 90 million pixels on Pillow warns, from 180 million on it refuses: large scans are taken, bombs are not.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
