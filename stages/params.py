"""A section of params.yaml, as typed settings."""

from pathlib import Path
from typing import TypeVar

import yaml

from gan.settings import Settings, UserError

PARAMS = Path("params.yaml")
S = TypeVar("S", bound=Settings)


def section(name: str, settings: type[S]) -> S:
    """Section `name` of params.yaml as an instance of `settings`; raises UserError where it does not fit."""
    try:
        values = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{PARAMS}: cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict) or name not in values:
        raise UserError(f"{PARAMS}: has no section `{name}`")
    try:
        return settings.parse(name, values[name])
    except UserError as error:
        raise UserError(f"{PARAMS}: {error}") from None
