"""The report and the comparison page in a browser. Skipped if no Chromium is installed."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from gan.plots.comparison import ExperimentResult, comparison_figure, differing_parameters, write_comparison
from tests.conftest import CHROMIUM, Project

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed; pages are not tested in a browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root, as in a container.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def visit(browser: Browser, path: Path, width: int = 1280, scheme: str = "light") -> tuple[Page, list[str]]:
    """Open a page offline at that width. Returns the page, and its errors, warnings and requests so far."""
    dark = {"color_scheme": "dark"} if scheme == "dark" else {}
    page = browser.new_context(viewport={"width": width, "height": 800}, offline=True, **dark).new_page()  # type: ignore[arg-type]
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else problems.append(request.url)
    )
    page.goto(path.as_uri())
    return page, problems


@pytest.mark.parametrize(("width", "scheme"), [(375, "light"), (375, "dark"), (1280, "light"), (1280, "dark")])
def test_report_fits_the_screen_and_has_no_errors(browser: Browser, finished: Project, width: int, scheme: str) -> None:
    page, problems = visit(browser, finished.path / "reports/index.html", width, scheme)
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Only elements inside a scrolling box may be wider than the page.
    wide = """() => [...document.querySelectorAll("body *")].filter((element) => !element.closest(".scroll, pre, svg")
        && element.getBoundingClientRect().right > innerWidth + 1).map((element) => element.outerHTML.slice(0, 80))"""
    assert page.evaluate(wide) == []
    colors = page.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    background, text = (sum(int(channel) for channel in color[4:-1].split(",")) for color in colors)
    assert (background > text) == (scheme == "light")


def test_every_image_of_the_report_is_shown_and_has_a_text(browser: Browser, finished: Project) -> None:
    page, _ = visit(browser, finished.path / "reports/index.html")
    assert page.locator("img").count() >= 6
    for image in page.locator("img").all():
        assert len(image.get_attribute("alt") or "") > 15
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
    assert page.locator("h1").count() == 1
    assert (finished.path / "reports/index.html").stat().st_size < 10e6


def test_frame_viewer_follows_slider_keys_and_button(browser: Browser, finished: Project) -> None:
    page, problems = visit(browser, finished.path / "reports/index.html")
    slider = page.locator("#slider")
    play = page.locator("#play")
    position = page.locator("#position")
    frames = page.evaluate("JSON.parse(document.getElementById('frames-data').textContent)")
    assert len(frames) > 3
    assert slider.input_value() == str(len(frames) - 1)

    slider.focus()
    page.keyboard.press("Home")
    assert position.inner_text() == "epoch 1 · iteration 1"
    assert page.locator("#frame").get_attribute("src") == frames[0]["data_url"]
    loss = page.locator('#frame-metrics dd[data-name="generator_loss"]')
    assert float(loss.inner_text()) == pytest.approx(frames[0]["metrics"]["generator_loss"], abs=6e-4)
    first_cursor = page.locator("#cursor").bounding_box()
    page.keyboard.press("ArrowRight")
    assert slider.input_value() == "1" and page.locator("#frame").get_attribute("src") == frames[1]["data_url"]
    second_cursor = page.locator("#cursor").bounding_box()
    assert first_cursor is not None and second_cursor is not None and second_cursor["x"] > first_cursor["x"]

    play.press("Enter")
    assert play.inner_text() == "Pause" and play.get_attribute("aria-pressed") == "true"
    page.wait_for_function(f"document.getElementById('slider').value === '{len(frames) - 1}'")
    page.wait_for_function("document.getElementById('play').textContent === 'Play'")  # stops at the end
    play.click()  # starts again from the first frame
    page.wait_for_function("document.getElementById('slider').value !== '0'")
    play.click()
    paused = slider.input_value()
    page.wait_for_timeout(300)
    assert slider.input_value() == paused
    assert problems == []


def test_the_gif_can_be_saved(browser: Browser, finished: Project) -> None:
    page, _ = visit(browser, finished.path / "reports/index.html")
    with page.expect_download() as download:
        page.click("#gif")
    assert download.value.suggested_filename == "training.gif"
    assert download.value.path().read_bytes() == (finished.path / "reports/training.gif").read_bytes()


def make_experiment(name: str, ratio: float, num_frames: int) -> ExperimentResult:
    frames = [Image.new("L", (30, 30), round(255 * i / num_frames)) for i in range(num_frames)]
    gif = io.BytesIO()
    frames[0].save(gif, "GIF", save_all=True, append_images=frames[1:], duration=100)
    gif.seek(0)
    metrics = {"frechet_ratio": ratio, "coverage": 1 / ratio, "seconds": 10.0}
    config = {"train.loss": name, "train.epochs": 3, "sample.grid_rows": 2}
    return ExperimentResult(name, {"train.loss": name}, metrics, config, Image.new("RGB", (60, 40)), Image.open(gif))


@pytest.mark.parametrize("width", [375, 1280])
def test_comparison_plays_all_animations_in_step(browser: Browser, tmp_path: Path, width: int) -> None:
    experiments = [make_experiment("hinge", 4.0, 20), make_experiment("lsgan", 2.0, 5)]
    assert differing_parameters(experiments) == {"train.loss": ["hinge", "lsgan"]}
    write_comparison(experiments, tmp_path / "comparison.html")
    page, problems = visit(browser, tmp_path / "comparison.html", width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sources = "[...document.querySelectorAll('.animations img')].map((image) => image.src)"
    animations = page.evaluate("JSON.parse(document.getElementById('animations-data').textContent)")
    assert [len(frames) for frames in animations] == [20, 5]
    assert page.evaluate(sources) == [frames[-1] for frames in animations]
    page.locator("#slider").focus()
    page.keyboard.press("Home")
    assert page.evaluate(sources) == [frames[0] for frames in animations]
    page.locator("#slider").fill("50")
    assert page.evaluate(sources) == [animations[0][10], animations[1][2]]
    page.click("#play")
    page.wait_for_function("document.getElementById('slider').value === '55'")
    page.click("#play")
    best = page.locator("td.best")
    assert best.all_inner_texts()[:1] == ["10"]  # equal seconds are both the best
    assert "lsgan" in page.locator("tr", has=page.locator("td.best", has_text="0.5")).inner_text()
    assert problems == []
    assert comparison_figure(experiments).width > 800
