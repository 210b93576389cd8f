"""Typed settings: a frozen class describes a section of parameters; whatever is wrong becomes one readable line."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError


class UserError(Exception):
    """Something that the user can put right. Its text is the one line that they read."""


def _number(value: Any) -> Any:
    """Read `2e-4` as a number: YAML 1.1 (PyYAML) takes a float without a point for a string."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


AS_NUMBER = BeforeValidator(_number)
Number = Annotated[float, AS_NUMBER]


class Settings(BaseModel):
    """Base of every settings class: unknown keys, wrong types and values out of range are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, section: str, values: Any) -> Self:
        """Settings from the mapping `values`; raises UserError that names section, key, value and what is allowed."""
        if not isinstance(values, Mapping):
            raise UserError(
                f"{section}: expected a mapping of settings ({', '.join(cls.model_fields)}), got {values!r}"
            )
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            first, *others = error.errors(include_url=False)
            more = f" (and {len(others)} more like it)" if others else ""
            raise UserError(cls._line(section, first) + more) from None

    @classmethod
    def _line(cls, section: str, error: Any) -> str:
        key = ".".join([section, *(str(part) for part in error["loc"] if part in cls.model_fields)]) or section
        if error["type"] == "extra_forbidden":
            name = str(error["loc"][0])
            near = difflib.get_close_matches(name, cls.model_fields, n=1)
            hint = f"did you mean {section}.{near[0]}?" if near else f"{section} has: {', '.join(cls.model_fields)}"
            return f"{section}.{name}: no such setting; {hint}"
        message = error["msg"].removeprefix("Value error, ").replace("Input should be", "it should be")
        return f"{key}: {error['input']!r} is not allowed; {message}"
