"""Grids, PNG and GIF files, curves and the console summary."""

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gan.images import evenly_spaced_indices, frame_name, list_frames, make_grid, save_png, to_uint8
from gan.plots.animation import add_caption, save_gif
from gan.plots.console_summary import format_summary
from gan.plots.curves import read_table, training_curves
from gan.plots.report import json_for_html


@given(st.integers(1, 12), st.integers(1, 5), st.sampled_from([1, 3]), st.integers(0, 3), st.integers(1, 3))
def test_grid_shows_every_image_in_its_cell(n: int, columns: int, channels: int, padding: int, scale: int) -> None:
    images = np.random.default_rng(n).integers(0, 255, (n, channels, 3, 4), np.uint8)
    rows = -(-n // columns)
    grid = make_grid(images, columns, padding=padding, scale=scale)
    canvas = np.asarray(grid)[::scale, ::scale].reshape(
        rows * (3 + padding) + padding, columns * (4 + padding) + padding, channels
    )
    covered = np.zeros(canvas.shape[:2], bool)
    for i, image in enumerate(images):
        top = padding + i // columns * (3 + padding)
        left = padding + i % columns * (4 + padding)
        assert (canvas[top : top + 3, left : left + 4] == image.transpose(1, 2, 0)).all()
        covered[top : top + 3, left : left + 4] = True
    assert (canvas[~covered] == 255).all()


def test_to_uint8_has_a_fixed_range() -> None:
    images = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]).reshape(5, 1, 1, 1)
    assert to_uint8(images).flatten().tolist() == [0, 0, 128, 255, 255]


@given(st.integers(1, 3000), st.integers(2, 200))
def test_evenly_spaced_indices_include_both_ends(n: int, max_n: int) -> None:
    indices = evenly_spaced_indices(n, max_n)
    assert len(indices) == min(n, max_n)
    assert indices[0] == 0 and indices[-1] == n - 1
    gaps = np.diff(indices)
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


def test_frames_are_listed_in_the_order_of_training(tmp_path: Path) -> None:
    positions = [(0, 0), (0, 50), (1, 100), (12, 1_000_000)]
    for epoch, step in reversed(positions):
        (tmp_path / frame_name(epoch, step)).touch()
    (tmp_path / "other.png").touch()
    frames = list_frames(tmp_path)
    assert [(frame.epoch, frame.step) for frame in frames] == positions
    assert frames[0].path == tmp_path / frame_name(0, 0)


def test_gif_has_its_frames_in_order_and_its_durations_and_loops(tmp_path: Path) -> None:
    frames = [add_caption(Image.new("L", (40, 40), 50 * i), f"iteration {i}", 3) for i in range(5)]
    save_gif(tmp_path / "a.gif", frames, 100, 2000)
    pixels = iio.imread(tmp_path / "a.gif", index=None)
    assert len(pixels) == 5
    assert [int(frame[60, 60].mean()) for frame in pixels] == pytest.approx([0, 50, 100, 150, 200], abs=6)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.info["loop"] == 0
        durations = []
        for i in range(5):
            gif.seek(i)
            durations.append(gif.info["duration"])
    assert durations == [100, 100, 100, 100, 2000]


def test_a_single_frame_makes_a_gif(tmp_path: Path) -> None:
    save_gif(tmp_path / "a.gif", [Image.new("L", (9, 9))], 100, 2000)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.size == (9, 9)


def test_frames_of_different_size_make_one_gif(tmp_path: Path) -> None:
    frames = [add_caption(Image.new("RGB", (9, 9)), caption, 1) for caption in ("i", "a very much longer caption")]
    save_gif(tmp_path / "a.gif", frames, 100, 100)
    assert iio.imread(tmp_path / "a.gif", index=None).shape[0] == 2


def test_the_caption_fits_below_the_frame() -> None:
    frame = add_caption(Image.new("L", (20, 20), 0), "epoch 12345 · iteration 123,456,789", 2)
    caption = np.asarray(frame)[40:]
    assert caption.shape[0] >= 14 and caption.min() < 100
    assert (caption[:, :1] == 255).all() and (caption[:, -1:] == 255).all()


def test_a_png_keeps_its_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    path = tmp_path / "new" / "a.png"
    save_png(Image.fromarray(pixels), path)
    with Image.open(path) as image:
        assert (np.asarray(image) == pixels).all()
    assert list(path.parent.iterdir()) == [path]


def test_curves_have_the_same_bytes_every_time(tmp_path: Path) -> None:
    path = tmp_path / "history.tsv"
    columns = ["step", "epoch", "generator_loss", "discriminator_loss", "d_real", "d_fake"]
    path.write_text("\t".join(columns) + "\n10\t1\t1.0\t0.5\t0.7\t0.3\n20\t2\t1.1\t0.6\t0.6\t0.4\n")
    history = read_table(path)
    assert history["generator_loss"] == [1.0, 1.1]
    svg = training_curves(history)
    assert svg == training_curves(history)
    assert svg.startswith("<svg") and svg.rstrip().endswith("</svg>")


def test_json_cannot_end_a_script_element() -> None:
    assert "</script" not in json_for_html(["</script>"])


def test_console_summary_lists_findings_durations_and_outputs() -> None:
    outputs = {Path("reports/index.html"): "the report", Path("a.gif"): "the animation"}
    findings = ["Covers 10 of 10 classes.", "Good."]
    lines = format_summary("report", findings, {"train": 60.04, "sample": 1.5}, 208.6, outputs)
    assert lines.splitlines() == [
        "report: Covers 10 of 10 classes.",
        "report: Good.",
        "report: seconds per stage, last run on this machine: train 60.0 (209 it/s), sample 1.5",
        "report: reports/index.html  the report",
        "report: a.gif               the animation",
    ]
    assert "it/s" not in format_summary("report", [], {"train": 1.0}, None, outputs)
    assert "seconds" not in format_summary("report", [], {}, None, outputs)  # no stage has run in this folder
