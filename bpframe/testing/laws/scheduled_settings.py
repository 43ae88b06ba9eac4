"""Settings may follow a schedule: a component reads them from `h`, not from itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from bpframe.errors import ConfigError
from bpframe.registry import arguments
from bpframe.registry.annotations import wanted
from bpframe.registry.builder import parameters
from bpframe.testing.laws.comparison import require, same
from bpframe.testing.report import Skipped


@final
@dataclass(frozen=True)
class Held:
    """A schedule that stays where the setting was."""

    level: float

    def value(self, step: int) -> float:
        """`level`."""
        return self.level


def follows_schedules(component: Any, result: Callable[[Any], Any]) -> None:
    """A schedule in the place of any float argument that holds its value gives the same bits.

    A constructor may refuse one with a ConfigError.
    """
    known = parameters(type(component))
    names = [name for name, value in arguments(component).items() if wanted(known[name]).number and _plain(value)]
    if not names:
        raise Skipped("it has no float argument")
    want, refused = result(component), 0
    for name in names:
        given = arguments(component)
        try:
            scheduled = type(component)(**{**given, name: Held(float(given[name]))})
        except ConfigError:
            refused += 1
            continue
        try:
            got = result(scheduled)
        except TypeError as error:
            require(False, f"{name} cannot follow a schedule: {error}. Read it from h, not from self.")
        same(f"the result with a schedule for {name}", got, want)
    if refused == len(names):
        raise Skipped("it refuses schedules for all of its settings")


def _plain(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)
