"""Grids, the animation, curves and the page."""

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gan.images import evenly_spaced_indices, make_grid, save_gif, save_png, to_uint8
from gan.plots.animation import add_caption
from gan.plots.console_summary import format_summary
from gan.plots.curves import read_table, training_curves


@given(st.integers(1, 12), st.integers(1, 5), st.sampled_from([1, 3]), st.integers(0, 3), st.integers(1, 3))
def test_every_picture_is_in_the_grid_at_its_place(n: int, columns: int, channels: int, gap: int, scale: int) -> None:
    pictures = np.random.default_rng(n).integers(0, 255, (n, channels, 3, 4), np.uint8)
    sheet = np.asarray(make_grid(pictures, columns, gap=gap, scale=scale))[::scale, ::scale].reshape(
        -(-n // columns) * (3 + gap) + gap, columns * (4 + gap) + gap, channels
    )
    for i, picture in enumerate(pictures):
        top, left = gap + i // columns * (3 + gap), gap + i % columns * (4 + gap)
        assert (sheet[top : top + 3, left : left + 4] == picture.transpose(1, 2, 0)).all()


def test_the_range_is_fixed() -> None:
    pictures = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]).reshape(5, 1, 1, 1)
    assert to_uint8(pictures).flatten().tolist() == [0, 0, 128, 255, 255]


@given(st.integers(1, 3000), st.integers(2, 200))
def test_thinning_keeps_the_ends_and_spreads_evenly(count: int, most: int) -> None:
    kept = evenly_spaced_indices(count, most)
    assert len(kept) == min(count, most)
    assert kept[0] == 0 and kept[-1] == count - 1
    gaps = np.diff(kept)
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


def test_the_gif_has_its_frames_in_order_its_times_and_loops(tmp_path: Path) -> None:
    frames = [add_caption(Image.new("L", (40, 40), 50 * i), f"iteration {i}", 3) for i in range(5)]
    save_gif(tmp_path / "film.gif", frames, 100, 2000)
    read = iio.imread(tmp_path / "film.gif", index=None)
    assert len(read) == 5
    assert [int(frame[60, 60].mean()) for frame in read] == pytest.approx([0, 50, 100, 150, 200], abs=6)
    with Image.open(tmp_path / "film.gif") as gif:
        assert gif.info["loop"] == 0
        durations = []
        for i in range(5):
            gif.seek(i)
            durations.append(gif.info["duration"])
    assert durations == [100, 100, 100, 100, 2000]


def test_one_frame_makes_a_film_too(tmp_path: Path) -> None:
    save_gif(tmp_path / "film.gif", [Image.new("L", (9, 9))], 100, 2000)
    with Image.open(tmp_path / "film.gif") as gif:
        assert gif.size == (9, 9)


def test_frames_with_captions_of_any_length_make_one_film(tmp_path: Path) -> None:
    frames = [add_caption(Image.new("RGB", (9, 9)), caption, 1) for caption in ("i", "a very much longer caption")]
    save_gif(tmp_path / "film.gif", frames, 100, 100)
    assert iio.imread(tmp_path / "film.gif", index=None).shape[0] == 2


def test_the_caption_is_written_below_and_fits() -> None:
    frame = add_caption(Image.new("L", (20, 20), 0), "epoch 12345 · iteration 123,456,789", 2)
    band = np.asarray(frame)[40:]
    assert band.shape[0] >= 14 and band.min() < 100
    assert (band[:, :1] == 255).all() and (band[:, -1:] == 255).all()


def test_a_png_keeps_its_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    save_png(Image.fromarray(pixels), tmp_path / "deep" / "a.png")
    assert (iio.imread(tmp_path / "deep" / "a.png") == pixels).all()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.png"]


def test_curves_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    path = tmp_path / "history.tsv"
    columns = ["step", "epoch", "generator_loss", "discriminator_loss", "d_real", "d_fake"]
    path.write_text("\t".join(columns) + "\n10\t1\t1.0\t0.5\t0.7\t0.3\n20\t2\t1.1\t0.6\t0.6\t0.4\n")
    history = read_table(path)
    assert history["generator_loss"] == [1.0, 1.1]
    first = training_curves(history)
    assert first == training_curves(history)
    assert first.startswith("<svg") and first.rstrip().endswith("</svg>")


def test_a_run_ends_with_what_came_out_how_long_it_took_and_where_to_look() -> None:
    places = {Path("reports/index.html"): "everything", Path("a.gif"): "the film"}
    lines = format_summary(
        "report", ["Covers 10 of 10 classes.", "Good."], {"train": 60.04, "sample": 1.5}, 208.6, places
    )
    assert lines.splitlines() == [
        "report: Covers 10 of 10 classes.",
        "report: Good.",
        "report: seconds of each stage when it last ran here: train 60.0 (209 it/s), sample 1.5",
        "report: reports/index.html  everything",
        "report: a.gif               the film",
    ]
    assert "it/s" not in format_summary("report", [], {"train": 1.0}, None, places)
    assert "seconds" not in format_summary("report", [], {}, None, places)  # no stage has run in this folder
