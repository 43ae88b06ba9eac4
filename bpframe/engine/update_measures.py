"""Measures of updates: what callbacks and metrics look at, a parameter at a time, summed by name over the model.

A measure is made of each parameter before and after an update, and of the gradient that the update was given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast, final

import numpy as np

from bpframe import ops
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.hyperparameters import Settings
from bpframe.protocols import Group, Losses, Measure, Param
from bpframe.protocols.traits import measure_period
from bpframe.types import Array, HostArray, Params

Known = tuple[tuple[Param, Any], ...]  # trained parameters, each with its rule
When = Callable[[Any, Callable[[Any], Any], Any], Any]
LOSSES = 3  # numbers that each step reports besides measures: loss, penalty, weight


class Before(NamedTuple):
    """A group with its parameters and its gradients as they are before an update."""

    group: GroupUpdate
    parameters: Sequence[Array]
    gradients: Sequence[Array]


class UpdateArrays(NamedTuple):
    """A group with its parameters around an update, and the gradients that it was given."""

    group: GroupUpdate
    before: Sequence[Array]
    after: Sequence[Array]
    gradients: Sequence[Array]


Sums = Callable[["UpdateMeasures", int, Sequence[UpdateArrays], bool], Sequence[Any]]


def sums_as_arrays(measures: UpdateMeasures, number: int, groups: Sequence[UpdateArrays], last: bool) -> Sequence[Any]:
    """The sums of one that measures, of the dtype of the parameters; `last`: whether no other looks at this update."""
    like = next(p for group in groups for p in group.before)
    return _like(like, measures.sums(number, groups))


@final
class UpdateMeasures:
    """What measures the updates of groups; `names` of the sums, in the order of their values.

    `make`: how an engine has sums made, as `sums_as_arrays` does. `always`: they are asked of no update but such as
    each of them looks at.
    """

    always = False

    def __init__(
        self, groups: Iterable[GroupUpdate], trained: Sequence[GroupUpdate], make: Sums = sums_as_arrays
    ) -> None:
        own = [group.group for group in groups]
        self.parts = [(part, Settings(part, float)) for part in _measuring(own)]
        self._trained, self._make, self.names = trained, make, measure_names(own)
        self._periods, self._nothing = periods_of(own), [math.nan] * sum(map(len, self.names))

    def due(self, step: Any) -> list[Any]:
        """Whether each looks at the update that follows `step` steps: the first, and every so many from there on."""
        return [self.always or period == 1 or step % period == 0 for period in self._periods]

    def before(self, gradients: Params, due: Sequence[Any]) -> list[Before]:
        """What they will compare with; nothing where it is known that none looks."""
        if all(each is False for each in due):
            return []
        return [Before(group, *group.store.before(gradients, bool(group.barriers))) for group in self._trained]

    def values(
        self, before: Sequence[Before], due: Sequence[Any], step: Any, batch_info: Mapping[str, Any], when: When
    ) -> list[Any]:
        """The sums of all names, NaN of those that do not look; `when` chooses as an engine does."""
        looked = next((p for _, parameters, _ in before for p in parameters), None)
        if looked is None:
            return self._nothing
        found: list[Any] = []
        for k, looks in enumerate(due):
            none = [math.nan] * len(self.names[k])
            last = all(each is False for each in due[k + 1 :])
            change = partial(self._noted, k, before, last, {"step": step + 1, **batch_info})
            if looks is False:
                found += none
            elif looks is True:
                found += change(none)
            else:
                found += when(looks, change, _like(looked, none))
        return found

    def _noted(
        self, number: int, before: Sequence[Before], last: bool, known: Mapping[str, Any], _: list[Any]
    ) -> Sequence[Any]:
        """The sums of one that measures, once its settings know of the step."""
        self.parts[number][1].note(**known)
        groups = [UpdateArrays(group, p, group.store.parameters(), g) for group, p, g in before]
        return self._make(self, number, groups, last)

    def sums(self, number: int, groups: Sequence[UpdateArrays]) -> list[Any]:
        """The sums of one that measures, in the order of its names."""
        part, settings = self.parts[number]
        sums: dict[str, Any] = {}
        for group, *arrays in groups:
            settings.note(rule=group.settings[group.rule].h)
            for param, old, new, g in zip(group.group.params, *arrays, strict=True):
                settings.note(param=param)
                for name, value in part.measure(old, new, g, settings.h).items():
                    sums[name] = sums[name] + value if name in sums else value
        return [sums[name] for name in self.names[number]]


def periods_of(groups: Iterable[Group]) -> list[int]:
    """The period of each that measures."""
    return [measure_period(part) for part in _measuring(groups)]


def _measuring(groups: Iterable[Group]) -> list[Any]:
    return [part for group in groups for part in group.measures]


def measure_names(groups: Sequence[Group]) -> list[list[str]]:
    """The names of the sums of each that measures, found by measuring parameters that rest at 0."""
    known = tuple((param, group.rule) for group in groups if group.rule is not None for param in group.params)
    return [list(_known_names(part, known)) for part in _measuring(groups)]


def _known_names(part: Any, known: Known) -> Sequence[str]:
    try:
        return _names(part, known)
    except TypeError:  # it cannot be hashed
        return _names.__wrapped__(part, known)


@lru_cache(maxsize=64)  # asked whenever a session takes over groups
def _names(part: Measure, known: Known) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for param, rule in known for name in _at_rest(part, param, rule)))


@np.errstate(all="ignore")
def _at_rest(part: Measure, param: Param, rule: Any) -> Mapping[str, Any]:
    zero, h, of_rule = np.zeros(param.shape), Settings(part, float).h, Settings(rule, float)
    for owner, name, _ in of_rule.slots:
        if getattr(owner, name) is None:  # a schedule, whose length may be open
            setattr(owner, name, 1.0)
    vars(h).update(step=1, loss=0.0, weight=1.0, param=param, rule=of_rule.h)
    return part.measure(zero, zero, zero, h)


def reported_names(names: Sequence[Sequence[str]]) -> list[list[str]]:
    """The names by which an engine reports sums: two that measure may use one name."""
    return [[f"{k}:{name}" for name in own] for k, own in enumerate(names)]


def all_names(groups: Sequence[Group]) -> list[str]:
    """The names of all sums as an engine reports them."""
    return [name for names in reported_names(measure_names(groups)) for name in names]


def losses(rows: HostArray, names: Sequence[str], sums: HostArray | None = None) -> Losses:
    """What steps report, from a row (3 + m,) each: loss, penalty, weight, and the measures of these names.

    `sums` (steps, K): those over the rows of each.
    """
    columns = np.reshape(rows, (-1, LOSSES + len(names))).T
    loss, penalty, weight, *measures = cast(list[Sequence[float]], list(columns))
    return Losses(loss, penalty, weight, sums, dict(zip(names, measures, strict=True)))


def _like(p: Array, values: Iterable[Any]) -> list[Any]:
    """Values as arrays without axes, of the dtype of p."""
    xp = ops.namespace(p)
    return [xp.asarray(value, dtype=p.dtype) for value in values]
