"""Typed, strict configuration: a frozen class per section of parameters; each error becomes one readable line."""

import difflib
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError


class UserError(Exception):
    """An error that the user can fix. Its message is printed as one line."""


def _parse_float(value: Any) -> Any:
    """Read `2e-4` as a number: YAML 1.1 (PyYAML) reads a float without a decimal point as a string."""
    if isinstance(value, str):
        with suppress(ValueError):
            return float(value)
    return value


PARSE_FLOAT = BeforeValidator(_parse_float)
Float = Annotated[float, PARSE_FLOAT]


class StrictConfig(BaseModel):
    """Base of all config classes: unknown keys, wrong types and values out of range are refused.

    renamed: keys of earlier versions, each with the key that replaces it; the error line for the old key names it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    renamed: ClassVar[dict[str, str]] = {}

    @classmethod
    def parse(cls, section: str, values: Any) -> Self:
        """Create a config from a mapping. Raises UserError: one line with section, key, value, and what is allowed."""
        if not isinstance(values, Mapping):
            keys = ", ".join(cls.model_fields)
            raise UserError(f"{section}: {values!r} is not allowed; it should be a mapping with the keys {keys}")
        try:
            return cls.model_validate(dict(values))
        except ValidationError as validation_error:
            errors = validation_error.errors(include_url=False)
        first_key, *other_keys = dict.fromkeys(error["loc"][0] for error in errors)
        line = cls._format_error(section, [error for error in errors if error["loc"][0] == first_key])
        raise UserError(line + (f" (also wrong: {', '.join(map(str, other_keys))})" if other_keys else ""))

    @classmethod
    def _format_error(cls, section: str, errors: list[Any]) -> str:
        """Format the errors of one key, of which a union type has one per member, as one line."""
        key = str(errors[0]["loc"][0])
        if errors[0]["type"] == "extra_forbidden":
            return f"{section}.{key}: no such parameter; {cls._suggestion(section, key)}"
        inputs = [error["input"] for error in errors]
        value = next((value for value in inputs if isinstance(value, list)), inputs[0])
        allowed = dict.fromkeys(error["msg"].removeprefix("Input should be ") for error in errors)
        return f"{section}.{key}: {value!r} is not allowed; it should be {' or '.join(allowed)}"

    @classmethod
    def _suggestion(cls, section: str, unknown_key: str) -> str:
        if unknown_key in cls.renamed:
            return f"it is now called {section}.{cls.renamed[unknown_key]}"
        similar = difflib.get_close_matches(unknown_key, cls.model_fields, n=1)
        return f"did you mean {section}.{similar[0]}?" if similar else f"{section} has: {', '.join(cls.model_fields)}"
