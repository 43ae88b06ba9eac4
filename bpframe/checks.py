"""Range checks of a component's constructor arguments; ConfigError names the component, the argument and the value.

`who`: the component, as the message calls it. Only plain numbers are checked: a setting may be a schedule instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral

from bpframe.errors import ConfigError

MOST_WHOLE = 2**128  # seeds may be as large as a UUID; more digits are no number that anybody means
RANGES = {"float32": (1.4e-45, 3.4028234663852886e38), "float64": (5e-324, 1.7976931348623157e308)}  # least, most


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
    """The setting as an int; it must be an integer of at least `least`, and below 2**128."""
    ((name, value),) = setting.items()
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ConfigError(f"{who} needs a whole number of at least {least} as {name}, got {as_text(value)}.")
    if int(value) >= MOST_WHOLE:
        raise ConfigError(f"{who} needs a whole number below 2**128 as {name}, got {as_text(value)}.")
    return int(value)


def one_of(who: str, options: tuple[str, ...], **setting: object) -> None:
    """The setting must be one of the options."""
    ((name, value),) = setting.items()
    if value not in options:
        raise ConfigError(f"{who} needs one of {', '.join(options)} as {name}, got {value!r}.")


def fits(value: float, dtype: str) -> bool:
    """Whether a number is finite in float32 or float64, and 0 there only if it is 0."""
    least, most = RANGES[dtype]
    return -most <= value <= most and (value == 0 or abs(value) >= least)


def out_of_range(owner: str, name: str, value: float, dtype: str) -> ConfigError:
    """The error for a setting that does not fit."""
    least, most = RANGES[dtype]
    remedy = " Take another number, or dtype='float64'." if dtype == "float32" and fits(value, "float64") else ""
    return ConfigError(
        f"{owner} needs {name} to be a number of {dtype}, 0 or of a size between {least:.2g} and {most:.2g}, got "
        f"{as_text(value)}.{remedy}"
    )


def as_text(value: object) -> str:
    """The value as messages show it: a whole number of more than 40 digits by their number."""
    if isinstance(value, int) and abs(value) >= MOST_WHOLE:
        return f"a whole number of about {int(abs(value).bit_length() * math.log10(2)) + 1} digits"
    return repr(value)


def _each(who: str, settings: dict[str, object], holds: Callable[[float], bool], wanted: str) -> None:
    for name, value in settings.items():
        if isinstance(value, int | float) and not (_has_float(value) and holds(value)):
            raise ConfigError(f"{who} needs {wanted} as {name}, got {as_text(value)}.")


def _has_float(value: float) -> bool:
    """Whether a whole number is one that a float can come near to; true of all floats."""
    return not isinstance(value, int) or -RANGES["float64"][1] <= value <= RANGES["float64"][1]
