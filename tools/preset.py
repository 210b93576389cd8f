"""Write presets into params.yaml.

    python -m tools.preset --list               # the presets, and the metrics that each reached
    python -m tools.preset dcgan-r1             # set the parameters of a preset
    python -m tools.preset dcgan relativistic   # several presets: a later one overrides an earlier one
    python -m tools.preset --reset lsgan        # set all other parameters to their defaults; without a name, all

Without --reset, parameters that the preset does not name stay as they are. --reset leaves out the section `runtime`,
which describes the machine. Comments and layout of params.yaml are kept.
"""

import argparse
import re
import sys
from collections.abc import Mapping
from typing import Any

import yaml

from gan.config import UserError
from gan.io import write_text
from stages._common import PARAMS, parse_section, read_params
from stages.report import CONFIG_SECTIONS
from tools.presets import PRESETS, Parameters, describe_preset, flatten, load_preset, to_yaml

QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'"""
SECTION_LINE = re.compile(r"(?P<name>\w+):( *| +#.*)")
PARAMETER_LINE = re.compile(rf"  (?P<key>\w+):(?: +(?:{QUOTED})| .*?|)(?: +(?P<comment>#.*))?")
CONTINUATION_LINE = re.compile(r"  - .*| {3,}[^ #].*")  # `dvc exp run -S` writes a list with one item per line
DEFAULTS = {name: config().model_dump() for name, config in CONFIG_SECTIONS.items()}


def apply_presets(names: list[str], reset: bool = False) -> list[str]:
    """Write presets into params.yaml, and return messages that say what was changed.

    reset: set all other parameters but those of `runtime` to their defaults. Raises UserError, without a change, if
    params.yaml or a preset has a value that is not allowed.
    """
    new_values: dict[str, dict[str, Any]] = {}
    if reset:
        new_values = {section: dict(values) for section, values in DEFAULTS.items() if section != "runtime"}
    for name in names:
        for section, values in load_preset(name).items():
            new_values.setdefault(section, {}).update(values)
    params = read_params()
    configs = {name: parse_section(params, name, config).model_dump() for name, config in CONFIG_SECTIONS.items()}
    changes = find_changes(configs, new_values)
    text = edit_params(PARAMS.read_text(encoding="utf-8"), changes)

    old_values = flatten(configs)
    messages = [f"{name}: {to_yaml(old_values[name])} → {to_yaml(value)}" for name, value in flatten(changes).items()]
    if not changes:
        messages.append(f"{PARAMS}: has these values already")
    if other_values := find_other_values(configs, new_values):
        messages.append(f"not changed: {other_values} (to set other parameters to their defaults: --reset)")
    write_text(PARAMS, text)  # last, so that no error leaves the file changed
    return messages


def find_changes(configs: Parameters, new_values: Parameters) -> dict[str, dict[str, Any]]:
    """Return the new values that differ from those in `configs`. Raises UserError if a value is not allowed."""
    changes = {}
    for section, values in new_values.items():
        if section not in configs:
            raise UserError(f"{section}: no such section; params.yaml has: {', '.join(configs)}")
        updated = CONFIG_SECTIONS[section].parse(section, {**configs[section], **values}).model_dump()
        changes[section] = {key: value for key, value in values.items() if updated[key] != configs[section][key]}
    return {section: values for section, values in changes.items() if values}


def find_other_values(configs: Parameters, new_values: Parameters) -> str:
    """Format the parameters that other presets set and that differ from their defaults: such as an earlier preset."""
    names = {name for preset in PRESETS for name in flatten(load_preset(preset))} - flatten(new_values).keys()
    defaults = flatten(DEFAULTS)
    values = flatten(configs).items()
    return " ".join(f"{name}={to_yaml(value)}" for name, value in values if name in names and value != defaults[name])


def edit_params(text: str, changes: Parameters) -> str:
    """Set values in the text of params.yaml; all else, comments included, stays as it is.

    Raises UserError if a parameter does not have a line of its own below its section.
    """
    params = yaml.safe_load(text)
    lines = []
    values: Mapping[str, Any] = {}  # of the current section
    replacing = False
    for line in text.splitlines():
        if replacing and CONTINUATION_LINE.fullmatch(line):
            continue
        parameter = PARAMETER_LINE.fullmatch(line)
        replacing = parameter is not None and parameter["key"] in values
        if parameter and replacing:
            value = to_yaml(values[parameter["key"]])
            lines.append(f"  {parameter['key']}: {value} {parameter['comment'] or ''}".rstrip())
        else:
            lines.append(line)
        if section := SECTION_LINE.fullmatch(line):
            values = changes.get(section["name"], {})
            missing = [key for key in values if key not in params[section["name"]]]
            lines += [f"  {key}: {to_yaml(values[key])}" for key in missing]
    result = "\n".join(lines) + "\n"
    for section_name, section_values in changes.items():
        params[section_name].update(section_values)
    if yaml.safe_load(result) != params:
        assignments = " ".join(f"{name}={to_yaml(value)}" for name, value in flatten(changes).items())
        raise UserError(f"{PARAMS}: cannot be edited, it needs one line per parameter; set by hand: {assignments}")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="list the presets")
    parser.add_argument("--reset", action="store_true", help="set all other parameters to their defaults")
    args = parser.parse_args()
    if args.list:
        for name in PRESETS:
            purpose, *results = describe_preset(name) or ["no description"]
            print(f"{name}: {purpose}", *results, sep="\n    ")
        return
    if not args.names and not args.reset:
        parser.error("name a preset; --list lists all")
    try:
        for message in apply_presets(args.names, args.reset):
            print(f"preset: {message}")
    except UserError as error:
        sys.exit(f"preset: {error}")


if __name__ == "__main__":
    main()
