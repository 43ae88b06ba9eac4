"""Scheduled settings: a component must read settings from `h`, which follows schedules, not from itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from bpframe.errors import ConfigError
from bpframe.registry import arguments
from bpframe.registry.annotations import wanted
from bpframe.registry.builder import parameters
from bpframe.testing.laws.comparison import require, require_same_bits
from bpframe.testing.report import SkipCheck


@final
@dataclass(frozen=True)
class LevelSchedule:
    """A schedule with the constant value of a setting."""

    level: float

    def value(self, step: int) -> float:
        """`level`."""
        return self.level


def require_schedulable(component: object, result: Callable[[Any], Any]) -> None:
    """A constant schedule in the place of any float argument gives the same bits.

    A constructor may refuse schedules with a ConfigError.
    """
    names = number_names(component)
    if not names:
        raise SkipCheck("it has no float argument")
    want, refused = result(component), 0
    for name in names:
        given = arguments(component)
        try:
            scheduled = type(component)(**{**given, name: LevelSchedule(float(given[name]))})
        except ConfigError:
            refused += 1
            continue
        try:
            got = result(scheduled)
        except TypeError as error:
            require(False, f"{name} cannot follow a schedule: {error}. Read it from h, not from self.")
        require_same_bits(f"the result with a schedule for {name}", got, want)
    if refused == len(names):
        raise SkipCheck("it refuses schedules for all of its settings")


def number_names(component: object) -> list[str]:
    """The float arguments that are numbers."""
    known = parameters(type(component))
    return [name for name, value in arguments(component).items() if wanted(known[name]).number and _is_number(value)]


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)
