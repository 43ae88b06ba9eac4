"""Records of a constructor's arguments for JSON, read from its source without importing it."""

from __future__ import annotations

import math
from inspect import Parameter
from typing import Any

from bpframe.runs.lock.signature import DefaultCall, declared_parameters


def argument_records(target: str) -> list[dict[str, Any]] | None:
    """Name, type, whether it is required, and default of each argument; None where the source does not show them.

    A default that JSON cannot say is a text, "Zeros()", or None.
    """
    found = declared_parameters(target)
    if found is None:
        return None
    return [
        {
            "name": name,
            "type": None if parameter.annotation is Parameter.empty else str(parameter.annotation),
            "required": parameter.default is Parameter.empty,
            "default": _default(parameter.default),
        }
        for name, parameter in found.items()
    ]


def _default(value: Any) -> Any:
    if isinstance(value, DefaultCall):
        given = [*map(repr, value.positional), *(f"{name}={one!r}" for name, one in value.named.items())]
        return f"{value.target.partition(':')[2]}({', '.join(given)})"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float | str | list | tuple) else None
