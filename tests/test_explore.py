"""The explorer: its state, and its page in a browser if one is installed."""

import importlib.util
import io
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from gan.config import UserError
from gan.explore import GRID_COLUMNS, GRID_SIZE, INTERPOLATION_STEPS, Explorer
from gan.generate import generate
from gan.networks.config import ModelConfig
from gan.networks.factory import build_generator, save_network
from tests.conftest import CHROMIUM, ROOT


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("explore") / "generator.safetensors"
    config = ModelConfig(architecture="stylegan", conditional=True, latent_dim=6, base_channels=4)
    metadata = {"shape": [1, 8, 8], "classes": ["cat", "dog"]}
    save_network(path, build_generator(config, (1, 8, 8), 2), "generator", config, metadata)
    return path


def test_the_grid_shows_the_images_of_generate(model: Path) -> None:
    explorer = Explorer(model, seed=4)
    explorer.label = "dog"
    assert np.array_equal(explorer.images(), generate(model, GRID_SIZE, 4, label="dog"))
    explorer.truncation = 0.0
    assert np.array_equal(explorer.images()[0], explorer.images()[GRID_COLUMNS])


def test_two_selected_images_are_interpolated_and_a_third_replaces_the_first(model: Path) -> None:
    explorer = Explorer(model)
    assert len(explorer.interpolation_images()) == 1
    explorer.toggle_selection(3)
    assert np.array_equal(explorer.interpolation_images()[0], explorer.images()[3])
    explorer.toggle_selection(7)
    images = explorer.images()
    interpolation = explorer.interpolation_images()
    assert len(interpolation) == INTERPOLATION_STEPS
    for end, index in ((interpolation[0], 3), (interpolation[-1], 7)):
        assert np.abs(end.astype(int) - images[index]).max() <= 1
    explorer.toggle_selection(9)
    assert explorer.selected == [7, 9]
    explorer.toggle_selection(7)
    assert explorer.selected == [9]


def test_the_saved_files(model: Path) -> None:
    explorer = Explorer(model, selected=[1, 2])
    assert len(iio.imread(explorer.gif(), index=None, extension=".gif")) == 2 * INTERPOLATION_STEPS - 2
    with np.load(io.BytesIO(explorer.npz())) as saved:
        assert saved["latents"].shape == (INTERPOLATION_STEPS, 6) and saved["label"] == "cat"
    png = explorer.png(explorer.interpolation_images(), INTERPOLATION_STEPS)
    assert Image.open(io.BytesIO(png)).width > 8 * INTERPOLATION_STEPS


def test_a_cyclegan_is_refused(tmp_path: Path) -> None:
    config = ModelConfig(architecture="cyclegan", residual_blocks=1, base_channels=4)
    save_network(
        tmp_path / "g.safetensors",
        build_generator(config, (1, 16, 16)),
        "generator",
        config,
        {"shape": [1, 16, 16]},
    )
    with pytest.raises(UserError, match=r"gan\.translate"):
        Explorer(tmp_path / "g.safetensors")


@pytest.fixture
def page(model: Path) -> Iterator[Page]:
    if CHROMIUM is None or importlib.util.find_spec("nicegui") is None:
        pytest.skip("no Chromium or no NiceGUI (`make setup-explore`) is installed: the page is not tested")
    with socket.socket() as free_socket:
        free_socket.bind(("127.0.0.1", 0))
        port = free_socket.getsockname()[1]
    # NiceGUI behaves differently if it finds a variable of pytest.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    server = subprocess.Popen(
        [sys.executable, "-m", "gan.explore", str(model), "--port", str(port)], cwd=ROOT, env=environment
    )
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            new_page = browser.new_page(viewport={"width": 1280, "height": 900})
            new_page.goto(f"http://127.0.0.1:{port}")
            yield new_page
            browser.close()
    finally:
        server.terminate()
        server.wait(10)


def test_the_page_in_a_browser(page: Page, model: Path, tmp_path: Path) -> None:
    def source(test_id: str) -> str:
        return page.locator(f"[data-testid={test_id}] img").last.get_attribute("src") or ""

    def after_change(test_id: str, previous_source: str) -> str:
        page.wait_for_function(
            "([id, old]) => [...document.querySelectorAll(`[data-testid=${id}] img`)].at(-1).src !== old",
            arg=[test_id, previous_source],
        )
        return source(test_id)

    page.wait_for_selector("[data-testid=cell-35] img")
    first = source("cell-0")
    large = source("large")
    page.click("[data-testid=cell-4]")
    page.wait_for_selector("text=Select another image to interpolate to.")
    large = after_change("large", large)
    page.click("[data-testid=cell-11]")
    page.wait_for_selector("text=Drag the slider to go from the first image to the second.")
    track = page.locator("[data-testid=slider]").bounding_box()
    assert track is not None
    page.mouse.click(track["x"] + track["width"] - 2, track["y"] + track["height"] / 2)
    after_change("large", large)

    with page.expect_download() as download:
        page.click("text=latents")
    with np.load(download.value.path()) as saved:
        assert saved["latents"].shape == (INTERPOLATION_STEPS, 6)
    with page.expect_download() as download:
        page.click("text=GIF")
    assert len(iio.imread(download.value.path(), index=None, extension=".gif")) == 2 * INTERPOLATION_STEPS - 2

    page.locator("[data-testid=seed]").first.fill("5")
    first = after_change("cell-0", first)
    page.locator("[data-testid=label]").first.click()
    page.click("text=dog")
    after_change("cell-0", first)
