"""Print the table of parameters, docs/parameters.md: `python -m tools.parameters`."""

import json
from typing import Any

from stages.report import CONFIG_SECTIONS


def parameter_table() -> str:
    """Every parameter, its default, what it may be and what it means, as the Markdown table of README.md."""
    lines = ["| parameter | default | allowed | meaning |", "|---|---|---|---|"]
    for part, kind in CONFIG_SECTIONS.items():
        for name, schema in kind.model_json_schema()["properties"].items():
            default = json.dumps(schema["default"])
            lines.append(f"| `{part}.{name}` | `{default}` | {describe_schema(schema)} | {schema['description']} |")
    return "\n".join(lines)


def describe_schema(schema: dict[str, Any], plural: str = "") -> str:
    """What a JSON schema allows, in a few words."""
    if "anyOf" in schema:
        return " or ".join(describe_schema(option) for option in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema["type"] == "array":
        count = f"{schema['minItems']} " if schema.get("minItems") == schema.get("maxItems", 0) else ""
        return f"list of {count}{describe_schema(schema['items'], 's')}"
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
