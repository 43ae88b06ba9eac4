"""Programs of measures: what callbacks and metrics measure of updates, by traced programs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast, final

from bpframe.engine.flat_store import FlatStore
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.numpy.tracing.buffer_assignment import layout_of
from bpframe.engine.numpy.tracing.program_cache import ProgramCache
from bpframe.engine.numpy.tracing.recording import Recording
from bpframe.engine.numpy.tracing.traced_step import trace_settings
from bpframe.engine.update_measures import UpdateArrays, UpdateMeasures
from bpframe.protocols import Group


@final
class MeasurePrograms:
    """Makes sums of measures on groups whose store is a `FlatStore`."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self._programs = ProgramCache(part for group in groups for part in group.measures)

    def clear(self) -> None:
        """Drop the bound programs, since arrays were replaced."""
        self._programs.clear()

    def sums(self, measures: UpdateMeasures, number: int, groups: Sequence[UpdateArrays], last: bool) -> Sequence[Any]:
        """As `bpframe.engine.update_measures.Sums` says; eagerly where gradients are other arrays each time."""
        if not all(cast(FlatStore, group.store).keeps(gradients) for group, *_, gradients in groups):
            return measures.sums(number, groups)
        name, owner = (number, last), groups[0].gradients
        program = self._programs.get(name, owner)
        if program is None:
            program = self._programs.get_or_record(name, owner, TracedMeasure(measures, number, groups, last))
        return program() if program else measures.sums(number, groups)


@final
@dataclass(frozen=True, eq=False, repr=False)
class TracedMeasure:
    """One that measures, on all parameters: returns its sums.

    `last`: whether nobody reads the copies of parameters after it, so that differences may lie in their place.
    """

    measures: UpdateMeasures
    number: int
    groups: Sequence[UpdateArrays]
    last: bool

    def key(self) -> Hashable:
        """What measures, what it knows of parameters, shapes and dtypes."""
        known = tuple((each.group.group.params, each.group.group.rule) for each in self.groups)
        return self.measures.parts[self.number][0], self.last, known, tuple(map(layout_of, self._arrays()))

    def align(self) -> None:
        """Nothing to do: parameters lie in vectors, wherever they begin."""

    def arguments(self) -> Sequence[Any]:
        """Parameters before and after, gradients, and every h."""
        return [*self._arrays(), *(h for settings in self._settings() for h in settings.levels)]

    def trace(self, recording: Recording) -> Sequence[Any]:
        """The sums."""
        array: Callable[[Any], Any] = recording.array
        old: Callable[[Any], Any] = recording.scratch if self.last else array
        traced = [
            UpdateArrays(group, *([*map(old, p)], [*map(array, q)], [*map(array, g)])) for group, p, q, g in self.groups
        ]
        with trace_settings(recording, self._settings()):
            return self.measures.sums(self.number, traced)

    def _arrays(self) -> list[Any]:
        return [array for _, *lists in self.groups for arrays in lists for array in arrays]

    def _settings(self) -> list[Settings]:
        rules = [each.group.settings[each.group.rule] for each in self.groups]
        return [self.measures.parts[self.number][1], *cast(Any, rules)]
