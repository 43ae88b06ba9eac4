"""Tuning points: the same quasi-random points of the unit cube for every rule, in the space that the rule declares.

Source: Halton (1960), On the efficiency of certain quasi-random sequences of points, Numerische Mathematik 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bpframe.errors import ConfigError
from bpframe.protocols.traits import tuning_space_of

PRIMES = (2, 3, 5, 7, 11, 13)
DECADES = 3  # of the learning rate round its default, where a rule declares nothing
ASIDE = ("source", "schedule")  # keys of a space that are no settings
Settings = dict[str, Any]  # by dotted path


def halton(index: int, base: int) -> float:
    """The digits of an index, from 1, in a base, mirrored at the point: 1/2, 1/4, 3/4, 1/8, ... in base 2."""
    value, place = 0.0, 1.0
    while index:
        index, digit = divmod(index, base)
        place /= base
        value += digit * place
    return value


def tuning_points(ranges: Mapping[str, Any], first: int, count: int) -> list[Settings]:
    """The settings at so many points of the sequence, from number `first` (from 1) on; each range has its own base."""
    return [
        {name: _value(spread, halton(i, base)) for (name, spread), base in zip(ranges.items(), PRIMES, strict=False)}
        for i in range(first, first + count)
    ]


def tuning_ranges(rule: Any, path: str = "") -> tuple[dict[str, Any], str, bool]:
    """(ranges by dotted path, where they come from, whether the rate follows a schedule) of a rule.

    ConfigError for a rule that has neither a space nor a learning rate, or a space of another form.
    """
    space = tuning_space_of(rule)
    inner = getattr(rule, "inner", None)
    if space is None and inner is None:
        lr = getattr(rule, "lr", None)
        if not isinstance(lr, int | float) or not 0 < lr < math.inf:
            raise ConfigError(
                f"{type(rule).__name__} needs a tuning_space to be tuned, or a learning rate `lr` above 0, got {lr!r}."
            )
        half = 10 ** (DECADES / 2)
        return {f"{path}lr": (lr / half, lr * half)}, "three decades round the default, as it declares no space", True
    ranges = {
        f"{path}{name}": _checked(rule, name, spread) for name, spread in (space or {}).items() if name not in ASIDE
    }
    source, scheduled = str((space or {}).get("source", "")), (space or {}).get("schedule", "") is not None
    if inner is not None:
        more, inner_source, inner_scheduled = tuning_ranges(inner, f"{path}inner.")
        ranges, source = ranges | more, "; ".join(filter(None, (source, inner_source)))
        scheduled = scheduled and inner_scheduled
    if len(ranges) > len(PRIMES):
        raise ConfigError(f"{type(rule).__name__} needs a tuning_space of at most {len(PRIMES)} settings.")
    return ranges, source, scheduled


def _checked(rule: Any, name: str, spread: Any) -> Any:
    pair = isinstance(spread, tuple) and len(spread) == 2 and all(isinstance(end, int | float) for end in spread)
    if (pair and 0 < spread[0] < spread[1] < math.inf) or (isinstance(spread, list) and spread):
        return spread
    raise ConfigError(
        f"tuning_space of {type(rule).__name__} needs (low, high) with 0 < low < high, or a list of values, "
        f"as '{name}', got {spread!r}."
    )


def _value(spread: Any, u: float) -> Any:
    """The value at u in [0, 1) of a range; rounded to 6 digits, so that it reads well and is the same everywhere."""
    if isinstance(spread, Sequence) and not isinstance(spread, tuple):
        return spread[int(u * len(spread))]
    low, high = spread
    return float(f"{low * (high / low) ** u:.6g}")
