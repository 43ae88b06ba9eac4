"""Argument ranges: which numbers a constructor takes, as it says itself when it is given one that it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bpframe.registry.constructor import Component, required_arguments, wants

PROBE = -1  # what is below most ranges
PLACEHOLDERS = {"float": 0.5, "int": 3, "bool": True, "str": "text"}
Range = Mapping[str, float]  # keys of a JSON schema: minimum, exclusiveMinimum, maximum, exclusiveMaximum
ABOVE = re.compile(r"number above (-?[\d.]+)")
LEAST = re.compile(r"(?:number )?of at least (-?[\d.]+)")
INTERVAL = re.compile(r"number (?:in|between) ([\[(]?)(-?[\d.]+)(?:,| and) (-?[\d.]+)([\])]?)")


def argument_ranges(component: Component) -> dict[str, Range]:
    """The range of each number among the constructor's arguments, where its errors say one ("... as lr, got -1")."""
    found = {name: _range(component, name) for name, want in wants(component).items() if _is_number(want.alternatives)}
    return {name: limits for name, limits in found.items() if limits}


def limits_in(text: str) -> dict[str, float]:
    """The limits in words such as "a number in [0, 1)", "a whole number of at least 2", "above 0"."""
    if interval := INTERVAL.search(text):
        opening, low, high, closing = interval.groups()
        least = "minimum" if opening == "[" else "exclusiveMinimum"
        return {least: _number(low), "maximum" if closing == "]" else "exclusiveMaximum": _number(high)}
    if above := ABOVE.search(text):
        return {"exclusiveMinimum": _number(above[1])}
    if least_of := LEAST.search(text):
        return {"minimum": _number(least_of[1])}
    return {}


def _range(component: Component, name: str) -> dict[str, float]:
    given: dict[str, Any] = {key: _placeholder(component, key) for key in required_arguments(component)}
    whole = "float" not in wants(component)[name].alternatives
    try:
        component(**{**given, name: PROBE if whole else float(PROBE)})
    except Exception as error:
        said = str(error)
        return limits_in(said) if re.search(rf" as {re.escape(name)}\b", said) else {}
    return {}


def _placeholder(component: Component, name: str) -> Any:
    return next((PLACEHOLDERS[a] for a in wants(component)[name].alternatives if a in PLACEHOLDERS), None)


def _is_number(alternatives: tuple[str, ...]) -> bool:
    return "float" in alternatives or "int" in alternatives


def _number(text: str) -> float:
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
