"""The report in a real browser. Skipped, with a line that says so, where no Chromium is installed."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from gan.plots.comparison import ExperimentResult, comparison_figure, differing_parameters, write_comparison
from tests.conftest import CHROMIUM, Project

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: the page is not tried in a browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root, as in a container.
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def visit(browser: Browser, path: Path, width: int = 1280, scheme: str = "light") -> tuple[Page, list[str]]:
    """The page at that width, without network, and whatever it complains of."""
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
def test_it_fits_and_complains_of_nothing(browser: Browser, finished: Project, width: int, scheme: str) -> None:
    page, problems = visit(browser, finished.path / "reports/index.html", width, scheme)
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Nothing sticks out of the page but what scrolls in a box of its own.
    wide = """() => [...document.querySelectorAll("body *")].filter((element) => !element.closest(".scroll, pre, svg")
        && element.getBoundingClientRect().right > innerWidth + 1).map((element) => element.outerHTML.slice(0, 80))"""
    assert page.evaluate(wide) == []
    paper, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    light = [sum(int(part) for part in colour[4:-1].split(",")) for colour in (paper, ink)]
    assert (light[0] > light[1]) == (scheme == "light")


def test_every_picture_has_a_text_and_is_there(browser: Browser, finished: Project) -> None:
    page, _ = visit(browser, finished.path / "reports/index.html")
    assert page.locator("img").count() >= 6
    for image in page.locator("img").all():
        assert len(image.get_attribute("alt") or "") > 15
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
    assert page.locator("h1").count() == 1
    assert (finished.path / "reports/index.html").stat().st_size < 10e6


def test_the_film_follows_slider_keys_and_button(browser: Browser, finished: Project) -> None:
    page, problems = visit(browser, finished.path / "reports/index.html")
    slider, play, place = page.locator("#slider"), page.locator("#play"), page.locator("#place")
    frames = page.evaluate("JSON.parse(document.getElementById('film-data').textContent)")
    assert len(frames) > 3
    assert slider.input_value() == str(len(frames) - 1)

    slider.focus()
    page.keyboard.press("Home")
    assert place.inner_text() == "epoch 1 · iteration 1"
    assert page.locator("#frame").get_attribute("src") == frames[0]["src"]
    loss = page.locator('#figures dd[data-name="generator_loss"]')
    assert float(loss.inner_text()) == pytest.approx(frames[0]["figures"]["generator_loss"], abs=6e-4)
    first = page.locator("#cursor").bounding_box()
    page.keyboard.press("ArrowRight")
    assert slider.input_value() == "1" and page.locator("#frame").get_attribute("src") == frames[1]["src"]
    second = page.locator("#cursor").bounding_box()
    assert first is not None and second is not None and second["x"] > first["x"]

    play.press("Enter")
    assert play.inner_text() == "Pause" and play.get_attribute("aria-pressed") == "true"
    page.wait_for_function(f"document.getElementById('slider').value === '{len(frames) - 1}'")
    page.wait_for_function("document.getElementById('play').textContent === 'Play'")  # stops at the end
    play.click()  # begins anew
    page.wait_for_function("document.getElementById('slider').value !== '0'")
    play.click()
    stopped = slider.input_value()
    page.wait_for_timeout(300)
    assert slider.input_value() == stopped
    assert problems == []


def test_the_gif_can_be_saved(browser: Browser, finished: Project) -> None:
    page, _ = visit(browser, finished.path / "reports/index.html")
    with page.expect_download() as waiting:
        page.click("#gif")
    assert waiting.value.suggested_filename == "training.gif"
    assert waiting.value.path().read_bytes() == (finished.path / "reports/training.gif").read_bytes()


def experiment(name: str, ratio: float, frames: int) -> ExperimentResult:
    film = [Image.new("L", (30, 30), round(255 * i / frames)) for i in range(frames)]
    out = io.BytesIO()
    film[0].save(out, "GIF", save_all=True, append_images=film[1:], duration=100)
    out.seek(0)
    metrics = {"frechet_ratio": ratio, "coverage": 1 / ratio, "seconds": 10.0}
    config = {"train.loss": name, "train.epochs": 3, "sample.grid_rows": 2}
    return ExperimentResult(name, {"train.loss": name}, metrics, config, Image.new("RGB", (60, 40)), Image.open(out))


@pytest.mark.parametrize("width", [375, 1280])
def test_films_are_compared_in_step(browser: Browser, tmp_path: Path, width: int) -> None:
    experiments = [experiment("hinge", 4.0, 20), experiment("lsgan", 2.0, 5)]
    assert differing_parameters(experiments) == {"train.loss": ["hinge", "lsgan"]}
    write_comparison(experiments, tmp_path / "comparison.html")
    page, problems = visit(browser, tmp_path / "comparison.html", width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sources = "[...document.querySelectorAll('[data-film] img')].map((image) => image.src)"
    films = page.evaluate("JSON.parse(document.getElementById('film-data').textContent)")
    assert [len(film) for film in films] == [20, 5]
    assert page.evaluate(sources) == [film[-1] for film in films]
    page.locator("#slider").focus()
    page.keyboard.press("Home")
    assert page.evaluate(sources) == [film[0] for film in films]
    page.locator("#slider").fill("50")
    assert page.evaluate(sources) == [films[0][10], films[1][2]]
    page.click("#play")
    page.wait_for_function("document.getElementById('slider').value === '55'")
    page.click("#play")
    best = page.locator("td.best")
    assert best.all_inner_texts()[:1] == ["10"]  # seconds are alike; then those of the better one
    assert "lsgan" in page.locator("tr", has=page.locator("td.best", has_text="0.5")).inner_text()
    assert problems == []
    assert comparison_figure(experiments).width > 800
