"""Identifiers of a program for names that may be any text."""

from __future__ import annotations

import re
from collections.abc import Iterable

RESERVED = frozenset(
    """
    auto bool break case char complex const continue default do double else enum extern float for goto if inline int
    long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    """.split()  # noqa: SIM905  # a list of words reads better as text
)  # words of C; in JavaScript identifiers stand behind a dot alone


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """By name an identifier of ASCII, another one for each: "kind.labels" is kind_labels."""
    chosen: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        plain = f"_{plain}" if plain[:1].isdigit() or plain in RESERVED else plain
        while plain in chosen.values():
            plain += "_"
        chosen[name] = plain
    return chosen
