"""Images of every format and size become tensors of one shape."""

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


def make_dataset(
    images: "NDArray[np.uint8] | list[Path]", labels: list[int] | None = None, channels: int = 1
) -> RawDataset:
    """A dataset without a split, with one or three `channels`."""
    label_array = np.full(len(images), NO_LABEL) if labels is None else np.asarray(labels, np.int64)
    metadata = {"name": "test", "channels": channels, "stacked_from": None}
    return RawDataset(metadata, ["a", "b"], {"all": RawSplit(images, label_array)})


def first_pixels(dataset: ImageDataset) -> list[int]:
    """The first pixel of every image, training images first."""
    return [*dataset.train.images[:, 0, 0, 0].tolist(), *dataset.test.images[:, 0, 0, 0].tolist()]


def gradient(mode: str, size: tuple[int, int] = (20, 10)) -> Image.Image:
    """An image from black on the left to white on the right."""
    row = np.linspace(0, 255, size[0]).astype(np.uint8)
    image = Image.fromarray(np.tile(row, (size[1], 1)))
    if mode == "I;16":
        return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    if mode == "F":
        return Image.fromarray(np.asarray(image).astype(np.float32))
    return image.convert(mode)


MODES = {  # modes that each file format can store
    "png": ["L", "RGB", "RGBA", "P", "LA", "1", "I;16"],
    "jpg": ["L", "RGB", "CMYK"],
    "bmp": ["L", "RGB", "P", "1"],
    "gif": ["L", "RGB", "P"],
    "webp": ["RGB", "RGBA"],
    "tiff": ["L", "RGB", "RGBA", "P", "LA", "1", "I;16", "CMYK", "F"],
    "ppm": ["L", "RGB"],
}


@pytest.mark.parametrize(("suffix", "mode"), [(suffix, mode) for suffix, modes in MODES.items() for mode in modes])
@pytest.mark.parametrize("target_mode", ["L", "RGB"])
def test_images_of_every_mode_have_about_the_same_pixels(
    suffix: str, mode: str, target_mode: str, tmp_path: Path
) -> None:
    path = tmp_path / f"image.{suffix}"
    gradient(mode).save(path)
    levels = np.asarray(load_image(path, target_mode)).astype(int)
    assert levels.shape == ((10, 20) if target_mode == "L" else (10, 20, 3))
    if mode != "1":  # dithered
        expected = np.asarray(gradient("L")).astype(int)[..., None]
        assert np.abs(levels.reshape(10, 20, -1) - expected).mean() < 8


def test_transparent_pixels_become_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "transparent.png")
    assert np.asarray(load_image(tmp_path / "transparent.png", "L")).min() == 255


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    image = Image.new("L", (6, 3))
    exif = image.getexif()
    exif[0x0112] = 6  # orientation: rotated by 90°
    image.save(tmp_path / "rotated.jpg", exif=exif)
    assert load_image(tmp_path / "rotated.jpg", "L").size == (3, 6)


def test_exif_orientation_is_applied_despite_malformed_tags(tmp_path: Path) -> None:
    path = tmp_path / "malformed.jpg"
    image = Image.new("L", (6, 3))
    exif = image.getexif()
    exif[0x0112] = 6
    exif[0x9286] = "x"  # UserComment as text instead of bytes: Pillow can read it but not write it
    exif.get_ifd(0x8769)[0xA20E] = (1, 0)
    image.save(path, exif=exif)
    content = path.read_bytes()
    offset = content.index(b"\x86\x92") if b"\x86\x92" in content else content.index(b"\x92\x86")
    path.write_bytes(content[: offset + 2] + b"\x00\x05" + content[offset + 4 :])  # another type
    assert load_image(path, "L").size == (3, 6)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (np.array([[0, 65535]], np.uint16), [0, 255]),
        (np.array([[0, 200]], np.uint16), [0, 1]),  # a dark 16-bit image stays dark
        (np.array([[0.0, 1.0]], np.float32), [0, 255]),
        (np.array([[0.0, 255.0]], np.float32), [0, 255]),
    ],
    ids=["16 bits", "16 bits, dark", "floats to 1", "floats to 255"],
)
def test_gray_levels_of_more_than_eight_bits(levels: Any, expected: list[int], tmp_path: Path) -> None:
    Image.fromarray(levels).save(tmp_path / "deep.tiff")
    assert np.asarray(load_image(tmp_path / "deep.tiff", "L")).tolist() == [expected]


@pytest.mark.parametrize("channels", [1, 3])
def test_reduction_does_not_alias_and_crops_the_center(channels: Literal[1, 3], tmp_path: Path) -> None:
    checkerboard = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)  # black or white if subsampled
    images = np.zeros((2, 64, 128), np.uint8)
    images[:, :, 32:96] = checkerboard
    prepare(make_dataset(images), PrepareConfig(image_size=8, channels=channels), tmp_path / "out")
    dataset = ImageDataset.load(tmp_path / "out")
    assert dataset.train.images.shape == (1, channels, 8, 8)
    assert dataset.train.images[..., 1:-1, 1:-1].float().sub(127.5).abs().max() < 10


@pytest.mark.parametrize("native", [1, 3])
@pytest.mark.parametrize("channels", ["auto", 1, 3])
def test_auto_channels_are_those_of_the_dataset(channels: Any, native: int, tmp_path: Path) -> None:
    images = np.zeros((2, 4, 4, 3) if native == 3 else (2, 4, 4), np.uint8)
    config = PrepareConfig(image_size=4, channels=channels)
    prepare(make_dataset(images, channels=native), config, tmp_path / "out")
    assert ImageDataset.load(tmp_path / "out").shape == (native if channels == "auto" else channels, 4, 4)


@pytest.mark.parametrize("size", [(8, 8), (8, 16), (30, 10)])
def test_padding_surrounds_every_image(size: tuple[int, int], tmp_path: Path) -> None:
    white = np.full((6, *size), 255, np.uint8)
    prepare(make_dataset(white), PrepareConfig(image_size=[12, 18]), tmp_path / "out", 0.25)
    images = ImageDataset.load(tmp_path / "out").train.images
    assert (images[:, :, 2:10, 3:15] == 255).all()
    assert images.sum() == images[:, :, 2:10, 3:15].sum()


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1))
def test_a_padded_image_has_the_requested_size(height: int, width: int, padding: float) -> None:
    assert resize_and_crop(Image.new("RGB", (5, 7)), height, width, padding).size == (width, height)


def test_images_of_the_right_size_are_not_changed(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 6, 7), np.uint8)
    prepare(make_dataset(images), PrepareConfig(image_size=[6, 7], test_fraction=0.3), tmp_path / "out")
    dataset = ImageDataset.load(tmp_path / "out")
    assert (len(dataset.train.images), len(dataset.test.images)) == (7, 3)
    prepared = {image.numpy().tobytes() for split in (dataset.train, dataset.test) for image in split.images}
    assert prepared == {image.tobytes() for image in images}


@given(st.lists(st.integers(2, 30), min_size=2, max_size=5), st.floats(0.2, 0.8), st.integers(0, 10))
def test_a_split_has_each_class_in_proportion(
    tmp_path_factory: pytest.TempPathFactory, class_sizes: list[int], test_fraction: float, seed: int
) -> None:
    labels = [label for label, size in enumerate(class_sizes) for _ in range(size)]
    images = np.arange(len(labels), dtype=np.uint8).repeat(16).reshape(-1, 4, 4)
    out = tmp_path_factory.mktemp("split") / "out"
    prepare(make_dataset(images, labels), PrepareConfig(image_size=4, test_fraction=test_fraction, seed=seed), out)
    dataset = ImageDataset.load(out)
    num_test = max(1, round(len(labels) * test_fraction))
    assert len(dataset.test.labels) == num_test
    assert sorted(first_pixels(dataset)) == list(range(len(labels)))
    if min(num_test, len(labels) - num_test) >= len(class_sizes):
        for label, size in enumerate(class_sizes):
            assert abs((dataset.test.labels == label).sum().item() - size * num_test / len(labels)) < 1


def test_a_class_too_small_to_split_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = [0] * 9 + [1]
    prepare(make_dataset(np.zeros((10, 4, 4), np.uint8), labels), PrepareConfig(image_size=4), tmp_path / "out")
    assert "too few images in some class" in capsys.readouterr().out


def test_unreadable_images_are_listed_and_skipped(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(6)]
    for i, path in enumerate(paths):
        Image.new("L", (5, 5), 40 * i).save(path)
    paths[2].write_text("not an image")
    paths[4].write_bytes(paths[4].read_bytes()[:40])
    errors = prepare(make_dataset(paths, [0, 0, 0, 1, 1, 1]), PrepareConfig(image_size=5), tmp_path / "out")
    assert len(errors) == 2
    assert "2.png" in errors[0] and "4.png" in errors[1]
    dataset = ImageDataset.load(tmp_path / "out")
    assert dataset.metadata["unreadable"] == errors
    assert sorted(first_pixels(dataset)) == [0, 40, 120, 200]


def test_no_readable_image_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("not an image")
    with pytest.raises(UserError, match=r"none of the 1 images can be read; the first error: .*a\.png"):
        prepare(make_dataset([tmp_path / "a.png"]), PrepareConfig(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_image_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be split"):
        prepare(make_dataset(np.zeros((1, 4, 4), np.uint8)), PrepareConfig(image_size=4), tmp_path / "out")


def test_images_outside_class_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps({"name": "images", "classes": []}))
    (tmp_path / "images.json").write_text(json.dumps([["a/1.png", "x"], ["unsorted.png", "y"]]))
    with pytest.raises(UserError, match=r"unsorted\.png is outside the class folders a"):
        decode(tmp_path, tmp_path)


def test_metadata_of_a_prepared_file(tmp_path: Path) -> None:
    images = np.zeros((10, 4, 4), np.uint8)
    prepare(make_dataset(images, [0, 1] * 5), PrepareConfig(image_size=4, target_border=0.25), tmp_path / "out")
    assert ImageDataset.load(tmp_path / "out").metadata == {
        "dataset": {"name": "test", "channels": 1, "stacked_from": None},
        "classes": ["a", "b"],
        "shape": [1, 4, 4],
        "counts": {"train": 8, "test": 2},
        "stacked": 1,
        "unreadable": [],
        "target_border": 0.25,
    }
