"""Checks of the arguments of data sets and splits."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from bpframe.errors import ConfigError


def require_integer(who: str, value: Any, least: int, remedy: str = "") -> int:
    """The value as an int; ConfigError unless it is a whole number of at least `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise ConfigError(f"{who} needs a whole number of at least {least}, got {value!r}. {remedy}".rstrip())
    return number


def suggestion(name: str, known: Iterable[str]) -> str:
    """ " Did you mean 'moons'?" for a name close to a known one, otherwise no text."""
    import difflib  # by errors alone

    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
