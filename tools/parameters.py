"""Print the table of docs/parameters.md: `python -m tools.parameters`."""

import json
from typing import Any

from stages.report import CONFIG_SECTIONS

TYPE_NAMES = {"integer": "whole number", "string": "text", "boolean": "`true` or `false`", "null": "`null`"}
BOUND_SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def parameter_table() -> str:
    """All parameters as a Markdown table: name, default, allowed values and description."""
    rows = ["| parameter | default | allowed | description |", "|---|---|---|---|"]
    for section, config in CONFIG_SECTIONS.items():
        for key, schema in config.model_json_schema()["properties"].items():
            default = json.dumps(schema["default"])
            rows.append(f"| `{section}.{key}` | `{default}` | {describe_schema(schema)} | {schema['description']} |")
    return "\n".join(rows)


def describe_schema(schema: dict[str, Any], plural: str = "") -> str:
    """Describe the values that a JSON schema allows. plural: ending of the type's name, `s` for items of a list."""
    if "anyOf" in schema:
        return " or ".join(describe_schema(option) for option in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema["type"] == "array":
        length = f"{schema['minItems']} " if schema.get("minItems") == schema.get("maxItems", 0) else ""
        return f"list of {length}{describe_schema(schema['items'], plural='s')}"
    bounds = " and ".join(f"{sign} {schema[key]}" for key, sign in BOUND_SIGNS.items() if key in schema)
    return f"{TYPE_NAMES.get(schema['type'], schema['type'])}{plural} {bounds}".strip()


if __name__ == "__main__":
    print(parameter_table())
