"""The grid of a sweep: settings by dotted key, each with the values to try, and every combination of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bpframe.errors import ConfigError
from bpframe.runs.config import Override, parse_override

Grid = Mapping[str, Sequence[Any]]  # values by dotted key
Point = dict[str, Any]  # one value by dotted key
PIECE = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|[\[\]{}(),]|[^\"'\[\]{}(),]+|.", re.DOTALL)
OPTION = "--over"


def parse_over(text: str) -> tuple[str, list[Any]]:
    """KEY=VALUE,VALUE,... as the dotted key and its values, which are TOML; a bare word is a text.

    A comma within quotes or brackets divides nothing. ConfigError where there is no key, no value, or one twice.
    """
    key, equals, values = text.partition("=")
    words = divided(values)
    if not equals or not key.strip() or not all(words):
        raise ConfigError(
            f"{OPTION} needs KEY=VALUE,VALUE, got {text!r}. For example: {OPTION} optimizer.lr=1e-3,1e-2."
        )
    found = [parse_override(f"{key}={word}").value for word in words]
    for i, value in enumerate(found):
        if value in found[:i]:
            raise ConfigError(f"{OPTION} {key.strip()} needs each value once, got {value!r} twice.")
    return key.strip(), found


def grid_points(grid: Grid) -> list[Point]:
    """Every combination of the values, the last key's changing fastest."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def point_overrides(point: Point) -> list[Override]:
    """The settings of a point as overrides of a config."""
    return [Override(tuple(re.findall(r"[^.\[\]\s]+", key)), value, f"{OPTION} {key}") for key, value in point.items()]


def divided(values: str) -> list[str]:
    """The text at its commas, but for those within quotes or brackets."""
    words, depth = [""], 0
    for piece in PIECE.findall(values):
        depth += (piece in "[{(") - (piece in "]})") if len(piece) == 1 else 0
        if piece == "," and depth == 0:
            words.append("")
        else:
            words[-1] += piece
    return [word.strip() for word in words]
