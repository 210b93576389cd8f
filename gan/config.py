"""Typed settings: a frozen class describes a section of parameters; whatever is wrong becomes one readable line."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError


class UserError(Exception):
    """Something that the user can put right. Its text is the one line that they read."""


def _parse_float(value: Any) -> Any:
    """Read `2e-4` as a number: YAML 1.1 (PyYAML) takes a float without a point for a string."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


PARSE_FLOAT = BeforeValidator(_parse_float)
Float = Annotated[float, PARSE_FLOAT]


class StrictConfig(BaseModel):
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
            errors = error.errors(include_url=False)
            keys = list(dict.fromkeys(problem["loc"][0] for problem in errors))
            line = cls._line(section, [problem for problem in errors if problem["loc"][0] == keys[0]])
            more = f" (also wrong: {', '.join(map(str, keys[1:]))})" if len(keys) > 1 else ""
            raise UserError(line + more) from None

    @classmethod
    def _line(cls, section: str, errors: list[Any]) -> str:
        """The line for one key, from its errors: one, or one for each type that it may have."""
        name = str(errors[0]["loc"][0])
        if errors[0]["type"] == "extra_forbidden":
            near = difflib.get_close_matches(name, cls.model_fields, n=1)
            hint = f"did you mean {section}.{near[0]}?" if near else f"{section} has: {', '.join(cls.model_fields)}"
            return f"{section}.{name}: no such setting; {hint}"
        value = min((error["input"] for error in errors), key=lambda v: not isinstance(v, list))
        messages = dict.fromkeys(error["msg"].removeprefix("Input should be ") for error in errors)
        return f"{section}.{name}: {value!r} is not allowed; it should be {' or '.join(messages)}"
