"""The HTML report, a single self-contained file, and the model card."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gan.config import StrictConfig
from gan.io import write_text
from gan.plots.curves import ANIMATION_AXES
from gan.plots.frame_viewer import FrameRecord


@dataclass(frozen=True)
class Parameter:
    """One parameter of the run and its default."""

    name: str
    value: Any
    default: Any
    description: str

    @property
    def changed(self) -> bool:
        return bool(self.value != self.default)


@dataclass(frozen=True)
class ReportData:
    """Content of the report and the model card."""

    title: str
    metadata: Mapping[str, Any]  # of the prepared dataset
    metrics: Mapping[str, Any]  # last values of the training
    parameters: Mapping[str, list[Parameter]]  # by section of params.yaml
    images: Mapping[str, Path]
    extra_images: Mapping[str, Path]  # those that only some architectures have
    frames: Sequence[FrameRecord]
    curves: Mapping[str, str]  # SVG elements
    evaluation: Mapping[str, Any]  # details written by gan.evaluation
    metric_info: Mapping[str, Any]  # title and better direction of each evaluation metric
    model: StrictConfig
    hparams: NamedTuple
    networks: str  # text summary
    stage_seconds: Mapping[str, float]  # duration of each stage's last run
    iterations_per_second: float | None  # None if unknown
    versions: Mapping[str, str]  # of Python and the main packages


def parameter_rows(section: str, config: StrictConfig) -> list[Parameter]:
    """Parameters of a section, in the order of its config class."""
    return [
        Parameter(f"{section}.{name}", getattr(config, name), field.get_default(), field.description or "")
        for name, field in type(config).model_fields.items()
    ]


def file_data_url(path: Path) -> str:
    """Data URL of an image file, byte for byte."""
    return f"data:image/{path.suffix.lstrip('.')};base64,{base64.b64encode(path.read_bytes()).decode()}"


def write_report(data: ReportData, out: Path) -> None:
    """Write the HTML report."""
    urls = {name: file_data_url(path) for name, path in {**data.images, **data.extra_images}.items()}
    frames = []
    for frame in data.frames:
        rounded = {name: float(f"{value:.4g}") for name, value in frame.metrics.items()}
        frames.append({**frame._asdict(), "metrics": rounded})
    write_text(out, render("report.html.j2", data=data, urls=urls, frames_json=json_for_html(frames)))


def write_model_card(data: ReportData, out: Path) -> None:
    """Write the model card in the format of model hubs: YAML metadata, then Markdown."""
    details = data.evaluation
    metrics = {"frechet_ratio": details["frechet_ratio"]}
    # A baseline is a metric of the classifier, not of the model.
    metrics |= {name: value for name, value in details["conditional"].items() if not name.startswith("baseline")}
    metrics |= {name: row["samples"] for name, row in details["metrics"].items()}
    write_text(out, render("model_card.md.j2", data=data, metrics=metrics))


def render(template: str, **values: Any) -> str:
    """Render a template of this folder."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=".html." in template,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(animation_axes=ANIMATION_AXES, **values)


def json_for_html(value: Any) -> str:
    """JSON that is safe inside a <script> element."""
    return json.dumps(value).replace("</", "<\\/")
