"""The report: one HTML file that needs nothing else."""

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
from gan.plots.frame_viewer import Frame, to_records


@dataclass(frozen=True)
class Parameter:
    """One parameter of the run, and what it would be if nobody had changed it."""

    name: str
    value: Any
    default: Any
    meaning: str

    @property
    def changed(self) -> bool:
        return bool(self.value != self.default)


@dataclass(frozen=True)
class ReportData:
    """Everything that the report shows. `pictures` are files, `curves` SVG elements, by the names in the template."""

    title: str
    metadata: Mapping[str, Any]
    metrics: Mapping[str, Any]
    parameters: Mapping[str, list[Parameter]]
    pictures: Mapping[str, Path]
    film: Sequence[Frame]
    curves: Mapping[str, str]
    evaluation: Mapping[str, Any]
    meanings: Mapping[str, Any]
    model: StrictConfig
    recipe: NamedTuple
    extras: Mapping[str, Path]
    networks: str
    seconds: Mapping[str, float]
    rate: float | None
    versions: Mapping[str, str]


def parameter_rows(section: str, config: StrictConfig) -> list[Parameter]:
    """The settings of a section as rows of a table."""
    fields = type(config).model_fields
    return [
        Parameter(f"{section}.{name}", getattr(config, name), field.get_default(), field.description or "")
        for name, field in fields.items()
    ]


def data_uri(path: Path) -> str:
    """A picture's bytes as an address that holds them."""
    return f"data:image/{path.suffix.lstrip('.')};base64,{base64.b64encode(path.read_bytes()).decode()}"


def write_report(page: ReportData, out: Path) -> None:
    """Write the report to `out`."""
    uris = {name: data_uri(path) for name, path in [*page.pictures.items(), *page.extras.items()]}
    write_text(out, render("report.html.j2", page=page, uris=uris, film=json_for_html(to_records(page.film))))


def write_model_card(page: ReportData, out: Path) -> None:
    """Write the model card, as model hubs read it, to `out`."""
    details = page.evaluation
    obedience = {
        name: value for name, value in details.get("obedience", {}).items() if not name.startswith("untranslated")
    }
    figures = {"frechet_ratio": details["frechet_ratio"], **obedience}
    figures |= {name: row["samples"] for name, row in details["figures"].items()}
    translates = page.model.model_dump()["architecture"] == "cyclegan"
    write_text(out, render("model_card.md.j2", page=page, figures=figures, translates=translates))


def render(template: str, **values: Any) -> str:
    """A template of this folder with its values."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=template.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(film_axes=ANIMATION_AXES, **values)


def json_for_html(value: Any) -> str:
    """JSON that can stand in a page: it holds no end of a script."""
    return json.dumps(value).replace("</", "<\\/")
