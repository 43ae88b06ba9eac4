"""Update curves: what callbacks and metrics measure of updates, as columns of the history.

Shapes: k steps of a block or an epoch, c curves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np

from bpframe.engine.update_measures import measure_names, reported_names
from bpframe.errors import ConfigError, IncompatibleComponent
from bpframe.protocols import Group, Losses, Measure, MeasureCurves
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import shared_curves
from bpframe.registry.safe_text import object_text
from bpframe.types import HostArray


def measuring(parts: Iterable[Any]) -> tuple[Measure, ...]:
    """Those that measure updates."""
    return tuple(part for part in parts if implements(part, Measure))


@final
class UpdateCurves:
    """The curves of what measures updates in `groups`; `names` of the curves, in the order of rows."""

    def __init__(self, parts: Sequence[Measure], groups: Sequence[Group], taken: Collection[str]) -> None:
        """`taken`: the names of curves that the history has besides."""
        if parts and any(group.rule is not None and group.rule.scope == "objective" for group in groups):
            raise ConfigError(
                f"{object_text(parts[0])} measures each update of gradients, and an optimizer that minimizes the "
                "objective itself makes none. Leave it out."
            )
        self._parts = tuple(parts)
        self._sums = measure_names(self.groups(groups))
        none = [dict.fromkeys(names, np.full(1, np.nan)) for names in self._sums]
        each = [list(_curves(part, sums)) for part, sums in zip(parts, none, strict=True)]
        _refuse_one_name_for_two(parts, each, taken)
        self.names = list(dict.fromkeys(name for names in each for name in names))

    def groups(self, groups: Sequence[Group]) -> list[Group]:
        """Groups, the first of which brings what measures all to an engine."""
        return [replace(groups[0], measures=self._parts), *groups[1:]] if groups and self._parts else list(groups)

    def rows(self, losses: Losses) -> HostArray:
        """(c, k) from what steps report; ConfigError where their engine does not measure."""
        if not self.names:
            return np.empty((0, len(losses)))
        rows: dict[str, HostArray] = {}
        for names, keys, part in zip(self._sums, reported_names(self._sums), self._parts, strict=True):
            if missing := [key for key in keys if key not in losses.measures]:
                raise ConfigError(
                    f"{object_text(part)} needs an engine that measures updates: {missing[0]} is missing."
                )
            sums = {name: np.asarray(losses.measures[key]) for name, key in zip(names, keys, strict=True)}
            for name, row in _curves(part, sums).items():
                rows[name] = np.where(np.isnan(rows[name]), row, rows[name]) if name in rows else row
        return np.array([*rows.values()], dtype=np.float64).reshape(len(self.names), len(losses))

    def by_name(self, rows: HostArray) -> dict[str, HostArray]:
        """The curves (k,) of rows (c, k)."""
        return dict(zip(self.names, rows, strict=True)) if self.names else {}

    def means(self, rows: HostArray) -> dict[str, float]:
        """The mean of each over the steps that were measured; NaN where none was."""
        return {name: _mean(row[~np.isnan(row)]) for name, row in self.by_name(rows).items()}


def _refuse_one_name_for_two(parts: Sequence[Measure], names: Sequence[Sequence[str]], taken: Collection[str]) -> None:
    """ConfigError for a curve that two make, unless each of them shares it, or that is `taken`."""
    own = dict.fromkeys(taken, False)
    for part, made in zip(parts, names, strict=True):
        shared = shared_curves(part)
        for name in made:
            shares = name.partition("/")[0] in shared
            if name in own and not (shares and own[name]):
                raise ConfigError(f"The history needs a name of its own for each curve, got '{name}' twice.")
            own[name] = shares


def _mean(values: HostArray) -> float:
    return float(values.mean()) if values.size else float("nan")


@np.errstate(all="ignore")
def _curves(part: Measure, sums: Mapping[str, HostArray]) -> dict[str, HostArray]:
    """What a part makes of its sums, (k,) each."""
    if not implements(part, MeasureCurves):
        return dict(sums)
    made = {name: np.asarray(curve) for name, curve in part.curves(sums).items()}
    shapes = {np.shape(value) for value in sums.values()}
    if bad := [name for name, curve in made.items() if curve.shape not in shapes]:
        raise IncompatibleComponent(
            f"{object_text(part)}: curves needs a value a step, got {made[bad[0]].shape} values."
        )
    return made
