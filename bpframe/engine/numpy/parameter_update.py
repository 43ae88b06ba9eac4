"""The update of the parameters in NumPy, piece by piece: by traced programs, in parallel where a thread team is set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast, final

import numpy as np

from bpframe.engine.flat_store import FlatStore
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.numpy.tracing.codegen import BoundProgram
from bpframe.engine.numpy.tracing.program_cache import ProgramCache
from bpframe.engine.numpy.tracing.traced_step import TracedUpdate
from bpframe.ops.thread_team import MIN_UPDATE, ThreadTeam, current_team


@final
class ParameterUpdater:
    """Updates the pieces of groups whose store is a `FlatStore`."""

    def __init__(self, groups: Sequence[GroupUpdate]) -> None:
        self._programs = ProgramCache(part for group in groups for part in group.components)

    def clear(self) -> None:
        """Drop the bound programs, since arrays were replaced."""
        self._programs.clear()

    def advance(self, group: GroupUpdate, start: int, stop: int) -> Any:
        """Run the components start .. stop - 1 of a group on every piece; the sum of the penalties."""
        team, count, store = current_team(), len(group.store), cast(FlatStore, group.store)
        if team is not None and count > 1 and store.p.size >= MIN_UPDATE:
            return self._advance_in_team(team, group, start, stop)
        penalty: Any = 0.0
        for i in range(count):
            program = self._program(group, i, start, stop, 1)
            penalty += program()[0] if program else group.write(i, *group.changed(i, start, stop, *group.read(i)))
        return penalty

    def _advance_in_team(self, team: ThreadTeam, group: GroupUpdate, start: int, stop: int) -> Any:
        """The same, in as many lanes as the team has threads: lane k takes pieces k, k + lanes, ..."""
        count, lanes = len(group.store), team.size
        programs = [self._program(group, i, start, stop, lanes) for i in range(count)]
        penalties: list[Any] = [0.0] * count

        def run(lane: int) -> None:
            for i in range(lane, count, lanes):
                program = programs[i]
                result = program()[0] if program else group.write(i, *group.changed(i, start, stop, *group.read(i)))
                penalties[i] = result

        if all(programs):
            team.run([partial(run, lane) for lane in range(lanes)])
        else:
            for lane in range(lanes):
                run(lane)
        return sum(penalties, 0.0)

    def _program(self, group: GroupUpdate, i: int, start: int, stop: int, lanes: int) -> BoundProgram | None:
        """The program of those components on piece i, its gradient copied to where it is read; None: run eagerly.

        Programs of one lane run one at a time, so they share their temporaries.
        """
        if start == stop or not group.steady or group.drawing:
            return None
        store = cast(FlatStore, group.store)
        name, owner, slope = (group, i, start, stop, lanes), group.states[i], store.slope(i)
        program = self._programs.get(name, owner)
        if program is None:
            part = TracedUpdate(group, slope, i, start, stop)
            program = self._programs.get_or_record(name, owner, part, lane=i % lanes)
        if program is not None and group.g[i] is not slope:
            np.copyto(slope, group.g[i])
            group.g[i] = slope
        return program
