"""The explorer: what it computes, and its page in a browser where one is installed."""

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
from gan.explore import COUNT, STEPS, Explorer
from gan.generate import generate
from gan.networks.config import ModelConfig
from gan.networks.factory import build_generator, save_network
from tests.conftest import CHROMIUM, ROOT


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("explore") / "generator.safetensors"
    config = ModelConfig(architecture="stylegan", conditional=True, latent_dim=6, base_channels=4)
    facts = {"shape": [1, 8, 8], "classes": ["cat", "dog"]}
    save_network(path, build_generator(config, (1, 8, 8), 2), "generator", config, facts)
    return path


def test_the_grid_is_what_generate_draws(model: Path) -> None:
    explorer = Explorer(model, seed=4)
    explorer.label = "dog"
    assert np.array_equal(explorer.pictures(), generate(model, COUNT, 4, label="dog"))
    explorer.truncation = 0.0
    assert np.array_equal(explorer.pictures()[0], explorer.pictures()[9])


def test_two_picks_make_a_way_and_a_third_goes_on_from_the_second(model: Path) -> None:
    explorer = Explorer(model)
    assert len(explorer.walk()) == 1
    explorer.pick(3)
    assert np.array_equal(explorer.walk()[0], explorer.pictures()[3])
    explorer.pick(7)
    pictures, walk = explorer.pictures(), explorer.walk()
    assert len(walk) == STEPS
    for end, place in ((walk[0], 3), (walk[-1], 7)):
        assert np.abs(end.astype(int) - pictures[place]).max() <= 1
    explorer.pick(9)
    assert explorer.picked == [7, 9]
    explorer.pick(7)
    assert explorer.picked == [9]


def test_what_is_saved(model: Path) -> None:
    explorer = Explorer(model, picked=[1, 2])
    assert len(iio.imread(explorer.gif(), index=None, extension=".gif")) == 2 * STEPS - 2
    with np.load(io.BytesIO(explorer.npz())) as saved:
        assert saved["latents"].shape == (STEPS, 6) and saved["label"] == "cat"
    assert Image.open(io.BytesIO(explorer.png(explorer.walk(), STEPS))).width > 8 * STEPS


def test_translators_are_refused(tmp_path: Path) -> None:
    config = ModelConfig(architecture="cyclegan", blocks=1, base_channels=4)
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
        pytest.skip(
            "no Chromium or no NiceGUI (`make setup-explore`) is installed: the explorer is not clicked through"
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}  # NiceGUI looks for it
    server = subprocess.Popen(
        [sys.executable, "-m", "gan.explore", str(model), "--port", str(port)], cwd=ROOT, env=kept
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
            opened = browser.new_page(viewport={"width": 1280, "height": 900})
            opened.goto(f"http://127.0.0.1:{port}")
            yield opened
            browser.close()
    finally:
        server.terminate()
        server.wait(10)


def test_clicking_through_it(page: Page, model: Path, tmp_path: Path) -> None:
    def source(test_id: str) -> str:
        return page.locator(f"[data-testid={test_id}] img").last.get_attribute("src") or ""

    def after_change(test_id: str, before: str) -> str:
        page.wait_for_function(
            "([id, old]) => [...document.querySelectorAll(`[data-testid=${id}] img`)].at(-1).src !== old",
            arg=[test_id, before],
        )
        return source(test_id)

    page.wait_for_selector("[data-testid=cell-35] img")
    first, large = source("cell-0"), source("large")
    page.click("[data-testid=cell-4]")
    page.wait_for_selector("text=Pick another to walk to.")
    large = after_change("large", large)
    page.click("[data-testid=cell-11]")
    page.wait_for_selector("text=Drag to walk from the first to the second.")
    track = page.locator("[data-testid=scrubber]").bounding_box()
    assert track is not None
    page.mouse.click(track["x"] + track["width"] - 2, track["y"] + track["height"] / 2)
    after_change("large", large)

    with page.expect_download() as waiting:
        page.click("text=latents")
    with np.load(waiting.value.path()) as saved:
        assert saved["latents"].shape == (STEPS, 6)
    with page.expect_download() as waiting:
        page.click("text=GIF")
    assert len(iio.imread(waiting.value.path(), index=None, extension=".gif")) == 2 * STEPS - 2

    page.locator("[data-testid=seed]").first.fill("5")
    first = after_change("cell-0", first)
    page.locator("[data-testid=label]").first.click()
    page.click("text=dog")
    after_change("cell-0", first)
