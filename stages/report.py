"""Put everything onto one page, reports/index.html."""

import platform
from importlib.metadata import version
from pathlib import Path

from gan.config import StrictConfig
from gan.data.config import DataConfig, PrepareConfig
from gan.evaluation.config import ClassifierConfig, EvaluateConfig
from gan.evaluation.summary import METRIC_INFO
from gan.io import read_json, read_metadata
from gan.networks.config import ModelConfig
from gan.plots.config import AnimateConfig, ReportConfig, SampleConfig
from gan.plots.console_summary import format_summary, stage_durations, training_speed
from gan.plots.curves import report_curves
from gan.plots.frame_viewer import load_frames
from gan.plots.report import Parameter, ReportData, parameter_rows, write_model_card, write_report
from gan.runtime import RuntimeConfig
from gan.training.config import TrainConfig
from gan.training.hparams import resolve_hparams
from stages._common import load_section, run_stage

REPORTS, OUT, CARD = Path("reports"), Path("reports/index.html"), Path("models/README.md")
TIMINGS = REPORTS / "timings"
STAGES = ("download", "prepare", "classifier", "train", "sample", "evaluate", "animate")


CONFIG_SECTIONS: dict[str, type[StrictConfig]] = {
    "data": DataConfig,
    "prepare": PrepareConfig,
    "model": ModelConfig,
    "train": TrainConfig,
    "sample": SampleConfig,
    "classifier": ClassifierConfig,
    "evaluate": EvaluateConfig,
    "animate": AnimateConfig,
    "report": ReportConfig,
    "runtime": RuntimeConfig,
}


def result_parameters() -> dict[str, list[Parameter]]:
    """The parameters in params.yaml by section, but the machine's own, which change no result."""
    return {
        name: parameter_rows(name, load_section(name, kind))
        for name, kind in CONFIG_SECTIONS.items()
        if name != "runtime"
    }


def main() -> None:
    pictures = {name: REPORTS / f"{name}.png" for name in ("samples", "grid", "interpolation", "reals", "neighbours")}
    evaluation = read_json(REPORTS / "evaluation_details.json")
    metadata, model = read_metadata(Path("data/prepared.safetensors")), load_section("model", ModelConfig)
    recipe = resolve_hparams(model, load_section("train", TrainConfig), max(metadata["shape"][1:]))
    page = ReportData(
        title=load_section("report", ReportConfig).title,
        metadata=metadata,
        metrics=read_json(REPORTS / "metrics.json"),
        parameters=result_parameters(),
        pictures={**pictures, "gif": REPORTS / "training.gif"},
        film=load_frames(REPORTS, load_section("animate", AnimateConfig).max_frames),
        curves=report_curves(REPORTS, evaluation, recipe.probabilities),
        evaluation=evaluation,
        meanings=METRIC_INFO,
        model=model,
        recipe=recipe,
        extras={path.stem: path for path in sorted((REPORTS / "extras").glob("*.png"))},
        networks=(REPORTS / "networks.txt").read_text(encoding="utf-8"),
        seconds=stage_durations(TIMINGS, STAGES),
        rate=training_speed(TIMINGS),
        versions={"Python": platform.python_version()} | {p: version(p) for p in ("torch", "dvc", "safetensors")},
    )
    write_report(page, OUT)
    write_model_card(page, CARD)
    places = {
        OUT: "everything on one page",
        page.pictures["gif"]: "the training as a film",
        CARD: "how to use the model",
    }
    print(format_summary("report", evaluation["verdict"], page.seconds, page.rate, places))


if __name__ == "__main__":
    run_stage(main)
