"""Range checks of a component's constructor arguments; ConfigError names the component, the argument and the value.

`who`: the component, as the message calls it. Only plain numbers are checked: a setting may be a schedule instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral

from bpframe.errors import ConfigError


def positive(who: str, **settings: object) -> None:
    """Each setting must be greater than 0."""
    _each(who, settings, lambda value: value > 0, "a number above 0")


def not_negative(who: str, **settings: object) -> None:
    """Each setting must be 0 or more."""
    _each(who, settings, lambda value: value >= 0, "a number of at least 0")


def finite(who: str, **settings: object) -> None:
    """Each setting must be neither infinite nor nan."""
    _each(who, settings, math.isfinite, "a finite number")


def fraction(who: str, **settings: object) -> None:
    """Each setting must lie in [0, 1)."""
    _each(who, settings, lambda value: 0 <= value < 1, "a number in [0, 1)")


def whole(who: str, least: int, **setting: object) -> int:
    """The setting as an int; it must be an integer of at least `least`."""
    ((name, value),) = setting.items()
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ConfigError(f"{who} needs a whole number of at least {least} as {name}, got {value!r}.")
    return int(value)


def one_of(who: str, options: tuple[str, ...], **setting: object) -> None:
    """The setting must be one of the options."""
    ((name, value),) = setting.items()
    if value not in options:
        raise ConfigError(f"{who} needs one of {', '.join(options)} as {name}, got {value!r}.")


def _each(who: str, settings: dict[str, object], holds: Callable[[float], bool], wanted: str) -> None:
    for name, value in settings.items():
        if isinstance(value, int | float) and not holds(value):
            raise ConfigError(f"{who} needs {wanted} as {name}, got {value!r}.")
