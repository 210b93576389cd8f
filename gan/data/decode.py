"""Turn a data set's own files into pictures with labels."""

import gzip
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gan.settings import UserError

UNLABELLED = -1


@dataclass(frozen=True)
class Part:
    """Pictures that belong together: the training split, the test split, or everything when there is no split yet.

    `pictures` are uint8 arrays, grey [H, W] or colour [H, W, 3], or paths of picture files.
    `labels` are integers from 0, or UNLABELLED.
    """

    pictures: "NDArray[np.uint8] | list[Path]"
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Decoded:
    """A data set as its files hold it. `parts` has the keys train and test, or the one key all."""

    facts: dict[str, Any]
    classes: list[str]
    parts: dict[str, Part]


def decode(raw: Path, images: Path) -> Decoded:
    """Read the folder `raw` that gan.data.download filled, and the pictures in the folder `images` that it may list."""
    facts = json.loads((raw / "dataset.json").read_text(encoding="utf-8"))
    name, classes = facts["name"], list(facts["classes"])
    if name == "images":
        return _own_pictures(facts, raw / "pictures.tsv", images)
    if name == "mnist-5k":
        table = _table(raw / "mnist_5k.csv")
        parts = {"all": Part(table[:, :-1].reshape(-1, 28, 28).astype(np.uint8), table[:, -1])}
    elif name == "digits":
        table = _table(raw / "digits.csv")
        pictures = (table[:, :-1].reshape(-1, 8, 8) * 255 / 16).round()  # its levels are 0 to 16
        parts = {"all": Part(pictures.astype(np.uint8), table[:, -1])}
    else:
        parts = dict(_torchvision(name, raw))
    return Decoded(facts, classes, parts)


def open_picture(path: Path, mode: str) -> Image.Image:
    """A picture file, upright, in Pillow's `mode` L or RGB; transparent parts become white; the first frame of many."""
    with Image.open(path) as opened:
        image: Image.Image = ImageOps.exif_transpose(opened)
        image.load()
    if image.mode.startswith("I") or image.mode == "F":  # 16 and 32 bits a pixel
        levels = np.asarray(image, dtype=np.float64)
        top = 65535.0 if levels.max() > 255 else 255.0
        image = Image.fromarray((levels.clip(0, top) * (255 / top)).round().astype(np.uint8))
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    return image.convert(mode)


def _table(path: Path) -> NDArray[np.int64]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        return np.loadtxt(file, delimiter=",").astype(np.int64)


def _torchvision(name: str, raw: Path) -> Iterator[tuple[str, Part]]:
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
        yield part, Part(np.asarray(loaded.data), np.asarray(loaded.targets, dtype=np.int64))


def _own_pictures(facts: dict[str, Any], listing: Path, images: Path) -> Decoded:
    names = [line.split("\t")[0] for line in listing.read_text(encoding="utf-8").splitlines()]
    folders = [name.split("/")[0] if "/" in name else None for name in names]
    classes = sorted({folder for folder in folders if folder is not None})
    loose = [name for name, folder in zip(names, folders, strict=True) if folder is None]
    if classes and loose:
        raise UserError(
            f"{images}: {loose[0]} lies beside the class folders {', '.join(classes)}; "
            "put every picture into a class folder, or none"
        )
    labels = [UNLABELLED if folder is None else classes.index(folder) for folder in folders]
    return Decoded(facts, classes, {"all": Part([images / name for name in names], np.asarray(labels, dtype=np.int64))})


warnings.simplefilter("error", Image.DecompressionBombWarning)  # a bomb counts as unreadable
