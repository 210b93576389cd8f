"""Every section of params.yaml and the class of its settings.

`python -m stages.sections` prints the table of parameters in README.md.
"""

import json
from typing import Any

from gan.data.settings import DataSettings, PrepareSettings
from gan.evaluation.settings import ClassifierSettings, EvaluateSettings
from gan.figures.page import Parameter, parameters_of
from gan.figures.settings import AnimateSettings, ReportSettings, SampleSettings
from gan.networks.settings import ModelSettings
from gan.runtime import RuntimeSettings
from gan.settings import Settings
from gan.training.settings import TrainSettings
from stages.params import section

SECTIONS: dict[str, type[Settings]] = {
    "data": DataSettings,
    "prepare": PrepareSettings,
    "model": ModelSettings,
    "train": TrainSettings,
    "sample": SampleSettings,
    "classifier": ClassifierSettings,
    "evaluate": EvaluateSettings,
    "animate": AnimateSettings,
    "report": ReportSettings,
    "runtime": RuntimeSettings,
}


def result_parameters() -> dict[str, list[Parameter]]:
    """The parameters in params.yaml by section, but the machine's own, which change no result."""
    return {name: parameters_of(name, section(name, kind)) for name, kind in SECTIONS.items() if name != "runtime"}


def parameter_table() -> str:
    """Every parameter, its default, what it may be and what it means, as the Markdown table of README.md."""
    lines = ["| parameter | default | allowed | meaning |", "|---|---|---|---|"]
    for part, kind in SECTIONS.items():
        for name, schema in kind.model_json_schema()["properties"].items():
            default = json.dumps(schema["default"])
            lines.append(f"| `{part}.{name}` | `{default}` | {_allowed(schema)} | {schema['description']} |")
    return "\n".join(lines)


def _allowed(schema: dict[str, Any], plural: str = "") -> str:
    """What a JSON schema allows, in a few words."""
    if "anyOf" in schema:
        return " or ".join(_allowed(option) for option in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema["type"] == "array":
        count = f"{schema['minItems']} " if schema.get("minItems") == schema.get("maxItems", 0) else ""
        return f"list of {count}{_allowed(schema['items'], 's')}"
    name = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "`true` or `false`",
        "null": "`null`",
    }[schema["type"]]
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = " and ".join(f"{sign} {schema[key]}" for key, sign in signs.items() if key in schema)
    return f"{name}{plural} {bounds}".strip()


if __name__ == "__main__":
    print(parameter_table())
