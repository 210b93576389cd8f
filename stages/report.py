"""Put everything onto one page, reports/index.html."""

import platform
from importlib.metadata import version
from pathlib import Path

from gan.evaluation.summary import MEANINGS
from gan.figures.closing import closing, rate_of, seconds_of
from gan.figures.curves import report_curves
from gan.figures.film import film_frames
from gan.figures.page import Page, write_card, write_page
from gan.figures.settings import AnimateSettings, ReportSettings
from gan.files import read_about, read_json
from gan.networks.settings import ModelSettings
from gan.training.recipe import recipe_of
from gan.training.settings import TrainSettings
from stages import run
from stages.params import section
from stages.sections import result_parameters

REPORTS, OUT, CARD = Path("reports"), Path("reports/index.html"), Path("models/README.md")
TIMINGS = REPORTS / "timings"
STAGES = ("download", "prepare", "classifier", "train", "sample", "evaluate", "animate")


def main() -> None:
    pictures = {name: REPORTS / f"{name}.png" for name in ("samples", "grid", "interpolation", "reals", "neighbours")}
    evaluation = read_json(REPORTS / "evaluation_details.json")
    about, model = read_about(Path("data/prepared.safetensors")), section("model", ModelSettings)
    recipe = recipe_of(model, section("train", TrainSettings), max(about["shape"][1:]))
    page = Page(
        title=section("report", ReportSettings).title,
        about=about,
        metrics=read_json(REPORTS / "metrics.json"),
        parameters=result_parameters(),
        pictures={**pictures, "gif": REPORTS / "training.gif"},
        film=film_frames(REPORTS, section("animate", AnimateSettings).max_frames),
        curves=report_curves(REPORTS, evaluation, recipe.probabilities),
        evaluation=evaluation,
        meanings=MEANINGS,
        model=model,
        recipe=recipe,
        extras={path.stem: path for path in sorted((REPORTS / "extras").glob("*.png"))},
        networks=(REPORTS / "networks.txt").read_text(encoding="utf-8"),
        seconds=seconds_of(TIMINGS, STAGES),
        rate=rate_of(TIMINGS),
        versions={"Python": platform.python_version()} | {p: version(p) for p in ("torch", "dvc", "safetensors")},
    )
    write_page(page, OUT)
    write_card(page, CARD)
    places = {
        OUT: "everything on one page",
        page.pictures["gif"]: "the training as a film",
        CARD: "how to use the model",
    }
    print(closing("report", evaluation["verdict"], page.seconds, page.rate, places))


if __name__ == "__main__":
    run(main)
