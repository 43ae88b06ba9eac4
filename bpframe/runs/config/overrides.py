"""Overrides of settings from the command line: --set optimizer.lr=3e-4, --set model.layers.0.units=32."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bpframe.errors import ConfigError, Problem
from bpframe.runs.config.locations import Locations


@dataclass(frozen=True)
class Override:
    """A setting's keys from the root, its new value, and the option that gave it, as errors name it."""

    keys: tuple[str, ...]
    value: Any
    option: str


def parse_override(text: str) -> Override:
    """KEY=VALUE; the value is TOML, and a bare word is a text: "loss.name=huber"."""
    key, equals, value = text.partition("=")
    keys = tuple(re.findall(r"[^.\[\]\s]+", key))
    if not equals or not keys:
        raise ConfigError(f"--set needs KEY=VALUE, got {text!r}. For example: --set optimizer.lr=3e-4.")
    return Override(keys, _value(value), f"--set {key.strip()}")


def _value(text: str) -> Any:
    try:
        read = tomllib.loads(f"value = {text.strip()}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    except ValueError:  # int() refuses so many digits
        raise ConfigError(f"--set needs numbers of at most 38 digits, got one of {len(text.strip())}.") from None
    return read["value"] if len(read) == 1 else text


def apply_overrides(overrides: Sequence[Override], tables: dict[str, Any], locations: Locations) -> list[Problem]:
    """Put each value into the tables; the problems are those whose path leads nowhere."""
    problems = []
    for override in overrides:
        try:
            path = _put(tables, override)
        except LookupError as error:
            path = ".".join(override.keys)
            problems.append(Problem(path, str(error.args[0])))
        locations.override(path, override.option)
    return problems


def _put(tables: dict[str, Any], override: Override) -> str:
    """Set the value, opening tables on the way; the path that it now has."""
    node: Any = tables
    path = ""
    for key in override.keys[:-1]:
        at = _index(node, key)
        path = _join_path(path, at)
        node[at] = _as_container(node[at] if isinstance(node, list) or at in node else {})
        node = node[at]
    at = _index(node, override.keys[-1])
    node[at] = override.value
    return _join_path(path, at)


def _index(node: Any, key: str) -> Any:
    """The key of a table as it is; the number of an entry of an array."""
    if isinstance(node, dict):
        return key
    if not key.isdecimal() or int(key) >= len(node):
        raise LookupError(f"wants the number of an entry, of which there are {len(node)}, from 0; got '{key}'.")
    return int(key)


def _as_container(value: object) -> dict[str, Any] | list[Any]:
    """A table or an array as it is; the name of a component as its table."""
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, dict | list):
        raise LookupError(f"wants a setting, but what it goes through is {value!r}, which has none of its own.")
    return value


def _join_path(path: str, at: str | int) -> str:
    if isinstance(at, int):
        return f"{path}[{at}]"
    return f"{path}.{at}" if path else at
