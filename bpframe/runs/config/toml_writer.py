"""Writer of plain values as TOML that `tomllib` reads back exactly; None is left out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bpframe.errors import ConfigError

ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def dumps(tables: Mapping[str, Any]) -> str:
    """A TOML document: plain settings first, then a [table] or [[array]] for each mapping or list of mappings.

    Tables in those are written inline, but for lists of mappings, such as [[model.layers]].
    """
    return "\n".join(_lines(tables, ())).lstrip("\n") + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for key, value in table.items():
        if value is not None and not _has_header(value, path):
            yield f"{_key(key)} = {inline(value)}"
    for key, value in table.items():
        if _has_header(value, path):
            yield from _headed((*path, key), value)


def _has_header(value: object, path: tuple[str, ...]) -> bool:
    if isinstance(value, Mapping):
        return not path
    items = value if isinstance(value, list | tuple) and len(path) < 2 else ()
    return len(items) > 0 and all(isinstance(item, Mapping) for item in items)


def _headed(path: tuple[str, ...], value: Any) -> Iterator[str]:
    name = ".".join(map(_key, path))
    if isinstance(value, Mapping):
        lines = list(_lines(value, path))
        yield from ([] if lines and lines[0] == "" else ["", f"[{name}]"])  # nothing of its own: its arrays name it
        yield from lines
        return
    for item in value:
        entries = (f"{_key(key)} = {inline(entry)}" for key, entry in item.items() if entry is not None)
        yield from ("", f"[[{name}]]", *entries)


def inline(value: object) -> str:
    """One value on one line: text, number, boolean, array or inline table."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{"".join(map(_escaped, value))}"'
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, Mapping):
        entries = ", ".join(f"{_key(key)} = {inline(entry)}" for key, entry in value.items() if entry is not None)
        return f"{{ {entries} }}" if entries else "{}"
    raise ConfigError(f"A config needs texts, numbers, booleans, lists and tables, got {value!r}.")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else inline(key)


def _escaped(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    return f"\\u{ord(character):04X}" if ord(character) < 0x20 or character == "\x7f" else character
