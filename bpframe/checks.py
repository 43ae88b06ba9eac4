"""Checks of constructor arguments, for components: a value out of range is named where it enters.

A setting that follows a schedule is checked as it comes: only plain numbers are looked at here.
"""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

from bpframe.errors import ConfigError


def positive(owner: str, **settings: Any) -> None:
    """Each setting must be greater than 0."""
    _each(owner, settings, lambda value: value > 0, "a number above 0")


def not_negative(owner: str, **settings: Any) -> None:
    """Each setting must be 0 or more."""
    _each(owner, settings, lambda value: value >= 0, "a number of at least 0")


def finite(owner: str, **settings: Any) -> None:
    """Each setting must be neither infinite nor nan."""
    _each(owner, settings, math.isfinite, "a finite number")


def fraction(owner: str, **settings: Any) -> None:
    """Each setting must lie in [0, 1)."""
    _each(owner, settings, lambda value: 0 <= value < 1, "a number in [0, 1)")


def whole(owner: str, least: int, **setting: Any) -> int:
    """The one setting, as an int, that must be a whole number of at least `least`."""
    ((name, value),) = setting.items()
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ConfigError(f"{owner} needs a whole number of at least {least} as {name}, got {value!r}.")
    return int(value)


def one_of(owner: str, options: tuple[str, ...], **setting: Any) -> None:
    """The one setting must be one of these texts."""
    ((name, value),) = setting.items()
    if value not in options:
        raise ConfigError(f"{owner} needs one of {', '.join(options)} as {name}, got {value!r}.")


def _each(owner: str, settings: dict[str, Any], holds: Any, wanted: str) -> None:
    for name, value in settings.items():
        if isinstance(value, int | float) and not holds(value):
            raise ConfigError(f"{owner} needs {wanted} as {name}, got {value!r}.")
