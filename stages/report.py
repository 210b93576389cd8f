"""Write the report, reports/index.html, and the model card, models/README.md."""

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
from gan.plots.console_summary import format_summary
from gan.plots.curves import report_curves
from gan.plots.frame_viewer import load_frames
from gan.plots.report import ReportData, parameter_rows, write_model_card, write_report
from gan.runtime import RuntimeConfig
from gan.training.config import TrainConfig
from gan.training.hparams import resolve_hparams
from stages._common import load_section, run_stage

DATA = Path("data/prepared.safetensors")
REPORTS = Path("reports")
TIMINGS = REPORTS / "timings"
GIF = REPORTS / "training.gif"
REPORT = REPORTS / "index.html"
MODEL_CARD = Path("models/README.md")
IMAGES = ("samples", "grid", "interpolation", "reals", "neighbors")
STAGES = ("download", "prepare", "classifier", "train", "sample", "evaluate", "animate")
# Sections of params.yaml and the class that checks each.
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


def collect_data() -> ReportData:
    """Read what the other stages have written."""
    metadata = read_metadata(DATA)
    evaluation = read_json(REPORTS / "evaluation_details.json")
    model = load_section("model", ModelConfig)
    hparams = resolve_hparams(model, load_section("train", TrainConfig), max(metadata["shape"][1:]))
    sections = {name: config for name, config in CONFIG_SECTIONS.items() if name != "runtime"}  # changes no result
    timings = {path.stem: read_json(path) for path in TIMINGS.glob("*.json")}  # of the stages that have run here
    return ReportData(
        title=load_section("report", ReportConfig).title,
        metadata=metadata,
        metrics=read_json(REPORTS / "metrics.json"),
        parameters={name: parameter_rows(name, load_section(name, config)) for name, config in sections.items()},
        images={"gif": GIF} | {name: REPORTS / f"{name}.png" for name in IMAGES},
        extra_images={path.stem: path for path in sorted((REPORTS / "extras").glob("*.png"))},
        frames=load_frames(REPORTS, load_section("animate", AnimateConfig).max_frames),
        curves=report_curves(REPORTS, evaluation, hparams.outputs_probabilities),
        evaluation=evaluation,
        metric_info=METRIC_INFO,
        model=model,
        hparams=hparams,
        networks=(REPORTS / "networks.txt").read_text(encoding="utf-8"),
        stage_seconds={stage: timings[stage]["seconds"] for stage in STAGES if stage in timings},
        iterations_per_second=timings.get("speed", {}).get("iterations_per_second"),
        versions={"Python": platform.python_version()}
        | {name: version(name) for name in ("torch", "dvc", "safetensors")},
    )


def main() -> None:
    data = collect_data()
    write_report(data, REPORT)
    write_model_card(data, MODEL_CARD)
    outputs = {REPORT: "the report", GIF: "animation of the training", MODEL_CARD: "model card: how to use the model"}
    findings = data.evaluation["findings"]
    print(format_summary("report", findings, data.stage_seconds, data.iterations_per_second, outputs))


if __name__ == "__main__":
    run_stage(main)
