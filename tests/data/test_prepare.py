"""Pictures of every kind become tensors of one kind."""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from gan.config import UserError
from gan.data.config import PrepareConfig
from gan.data.dataset import ImageDataset
from gan.data.prepare import prepare
from gan.data.raw_dataset import NO_LABEL, RawDataset, RawSplit, decode, load_image, resize_and_crop


def decoded(
    pictures: "NDArray[np.uint8] | list[Path]", labels: list[int] | None = None, channels: int = 1
) -> RawDataset:
    """A data set of grey pictures, unless it is to be said to have three `channels`."""
    named = np.asarray(labels if labels is not None else [NO_LABEL] * len(pictures), np.int64)
    facts = {"name": "some", "channels": channels, "stack_of": None}
    return RawDataset(facts, ["a", "b"], {"all": RawSplit(pictures, named)})


def gradient(mode: str, size: tuple[int, int] = (20, 10)) -> Image.Image:
    """Black on the left to white on the right."""
    row = np.linspace(0, 255, size[0]).astype(np.uint8)
    image = Image.fromarray(np.tile(row, (size[1], 1)))
    if mode == "I;16":
        return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    if mode == "F":
        return Image.fromarray(np.asarray(image).astype(np.float32))
    return image.convert(mode)


MODES = {  # what each kind of file can hold
    "png": ["L", "RGB", "RGBA", "P", "LA", "1", "I;16"],
    "jpg": ["L", "RGB", "CMYK"],
    "bmp": ["L", "RGB", "P", "1"],
    "gif": ["L", "RGB", "P"],
    "webp": ["RGB", "RGBA"],
    "tiff": ["L", "RGB", "RGBA", "P", "LA", "1", "I;16", "CMYK", "F"],
    "ppm": ["L", "RGB"],
}


@pytest.mark.parametrize(("suffix", "mode"), [(suffix, mode) for suffix, modes in MODES.items() for mode in modes])
@pytest.mark.parametrize("wanted", ["L", "RGB"])
def test_pictures_of_every_mode_come_out_alike(suffix: str, mode: str, wanted: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture.{suffix}"
    gradient(mode).save(path)
    levels = np.asarray(load_image(path, wanted)).astype(int)
    assert levels.shape == ((10, 20) if wanted == "L" else (10, 20, 3))
    if mode != "1":  # dithered
        expected = np.asarray(gradient("L")).astype(int)[..., None]
        assert np.abs(levels.reshape(10, 20, -1) - expected).mean() < 8


def test_transparent_parts_become_white_and_photographs_stand_upright(tmp_path: Path) -> None:
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    image.save(tmp_path / "clear.png")
    assert np.asarray(load_image(tmp_path / "clear.png", "L")).min() == 255
    turned = Image.new("L", (6, 3))
    exif = turned.getexif()
    exif[0x0112] = 6  # a camera held on its side
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert load_image(tmp_path / "turned.jpg", "L").size == (3, 6)


def test_a_photograph_with_broken_tags_is_read_and_stands_upright(tmp_path: Path) -> None:
    image = Image.new("L", (6, 3))
    exif = image.getexif()
    exif[0x0112] = 6
    exif[0x9286] = "x"  # a text where a number of bytes is due: Pillow can read such tags but not write them
    exif.get_ifd(0x8769)[0xA20E] = (1, 0)
    image.save(tmp_path / "odd.jpg", exif=exif)
    whole = (tmp_path / "odd.jpg").read_bytes()
    place = whole.index(b"\x86\x92") if b"\x86\x92" in whole else whole.index(b"\x92\x86")
    (tmp_path / "odd.jpg").write_bytes(whole[: place + 2] + b"\x00\x05" + whole[place + 4 :])  # another type
    assert load_image(tmp_path / "odd.jpg", "L").size == (3, 6)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (np.array([[0, 65535]], np.uint16), [0, 255]),
        (np.array([[0, 200]], np.uint16), [0, 1]),  # a dark picture of 16 bits stays dark
        (np.array([[0.0, 1.0]], np.float32), [0, 255]),
        (np.array([[0.0, 255.0]], np.float32), [0, 255]),
    ],
    ids=["16 bits", "16 bits, dark", "fractions", "floats to 255"],
)
def test_grey_of_more_than_eight_bits(levels: Any, expected: list[int], tmp_path: Path) -> None:
    Image.fromarray(levels).save(tmp_path / "deep.tiff")
    assert np.asarray(load_image(tmp_path / "deep.tiff", "L")).tolist() == [expected]


@pytest.mark.parametrize("channels", [1, 3])
def test_shrinking_does_not_alias_and_crops_the_middle(channels: Literal[1, 3], tmp_path: Path) -> None:
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)  # shrunk without a filter: all black or all white
    wide = np.zeros((2, 64, 128), np.uint8)
    wide[:, :, 32:96] = board
    prepare(decoded(wide), PrepareConfig(image_size=8, channels=channels), tmp_path / "p.safetensors")
    prepared = ImageDataset.load(tmp_path / "p.safetensors")
    assert prepared.train.images.shape == (1, channels, 8, 8)
    assert prepared.train.images[..., 1:-1, 1:-1].float().sub(127.5).abs().max() < 10


@pytest.mark.parametrize("own", [1, 3])
@pytest.mark.parametrize("channels", ["auto", 1, 3])
def test_channels_are_those_of_the_data_set_unless_set(channels: Any, own: int, tmp_path: Path) -> None:
    pictures = np.zeros((2, 4, 4, 3) if own == 3 else (2, 4, 4), np.uint8)
    config = PrepareConfig(image_size=4, channels=channels)
    prepare(decoded(pictures, channels=own), config, tmp_path / "p.safetensors")
    assert ImageDataset.load(tmp_path / "p.safetensors").shape == (own if channels == "auto" else channels, 4, 4)


@pytest.mark.parametrize("size", [(8, 8), (8, 16), (30, 10)])
def test_a_border_frames_every_picture(size: tuple[int, int], tmp_path: Path) -> None:
    white = np.full((6, *size), 255, np.uint8)
    prepare(decoded(white), PrepareConfig(image_size=[12, 18]), tmp_path / "out", 0.25)
    pictures = ImageDataset.load(tmp_path / "out").train.images
    assert (pictures[:, :, 2:10, 3:15] == 255).all()
    assert pictures.sum() == pictures[:, :, 2:10, 3:15].sum()


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1))
def test_a_bordered_picture_has_the_size_asked_for(height: int, width: int, border: float) -> None:
    assert resize_and_crop(Image.new("RGB", (5, 7)), height, width, border).size == (width, height)


def test_pictures_of_the_right_size_are_kept_bit_for_bit(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (10, 6, 7), np.uint8)
    prepare(decoded(pictures), PrepareConfig(image_size=[6, 7], test_fraction=0.3), tmp_path / "p.safetensors")
    p = ImageDataset.load(tmp_path / "p.safetensors")
    assert (len(p.train.images), len(p.test.images)) == (7, 3)
    got = {picture.numpy().tobytes() for part in (p.train, p.test) for picture in part.images}
    assert got == {picture.tobytes() for picture in pictures}


@given(st.lists(st.integers(2, 30), min_size=2, max_size=5), st.floats(0.2, 0.8), st.integers(0, 10))
def test_a_split_keeps_the_classes_in_proportion(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], share: float, seed: int
) -> None:
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    pictures = np.arange(len(labels), dtype=np.uint8).repeat(16).reshape(-1, 4, 4)
    out = tmp_path_factory.mktemp("split") / "p.safetensors"
    prepare(decoded(pictures, labels), PrepareConfig(image_size=4, test_fraction=share, seed=seed), out)
    p = ImageDataset.load(out)
    count = max(1, round(len(labels) * share))
    assert len(p.test.labels) == count
    places = [part.images[:, 0, 0, 0].tolist() for part in (p.train, p.test)]
    assert sorted(places[0] + places[1]) == list(range(len(labels)))
    if min(count, len(labels) - count) >= len(sizes):
        for label, size in enumerate(sizes):
            assert abs((p.test.labels == label).sum().item() - size * count / len(labels)) < 1


def test_unreadable_pictures_are_named_and_left_out(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(6)]
    for i, path in enumerate(paths):
        Image.new("L", (5, 5), 40 * i).save(path)
    paths[2].write_text("these are words")
    paths[4].write_bytes(paths[4].read_bytes()[:40])
    out = tmp_path / "p.safetensors"
    problems = prepare(decoded(paths, [0, 0, 0, 1, 1, 1]), PrepareConfig(image_size=5), out)
    assert len(problems) == 2
    assert "2.png" in problems[0] and "4.png" in problems[1]
    p = ImageDataset.load(out)
    assert p.metadata["unreadable"] == problems
    assert sorted(torch_levels(p)) == [0, 40, 120, 200]


def torch_levels(p: ImageDataset) -> list[int]:
    return [*p.train.images[:, 0, 0, 0].tolist(), *p.test.images[:, 0, 0, 0].tolist()]


def test_nothing_readable_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("words")
    out = tmp_path / "p.safetensors"
    with pytest.raises(UserError, match=r"none of the 1 pictures can be read; the first: .*a\.png"):
        prepare(decoded([tmp_path / "a.png"]), PrepareConfig(), out)
    assert not out.exists()


def test_one_picture_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be split"):
        prepare(decoded(np.zeros((1, 4, 4), np.uint8)), PrepareConfig(image_size=4), tmp_path / "p.safetensors")


def test_pictures_beside_class_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps({"name": "images", "classes": []}))
    (tmp_path / "pictures.json").write_text(json.dumps([["a/1.png", "x"], ["loose.png", "y"]]))
    with pytest.raises(UserError, match=r"loose\.png lies beside the class folders a"):
        decode(tmp_path, tmp_path)


def test_the_file_describes_itself(tmp_path: Path) -> None:
    out = tmp_path / "p.safetensors"
    prepare(decoded(np.zeros((10, 4, 4), np.uint8), [0, 1] * 5), PrepareConfig(image_size=4), out)
    metadata = ImageDataset.load(out).metadata
    assert (
        metadata["shape"] == [1, 4, 4]
        and metadata["classes"] == ["a", "b"]
        and metadata["counts"] == {"train": 8, "test": 2}
    )
    assert metadata["stacked"] == 1
