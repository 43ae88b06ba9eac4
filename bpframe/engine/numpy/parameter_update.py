"""The update of the parameters in NumPy: each piece by its script, on all threads of a team where one is at work."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, final

import numpy as np

from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.numpy.tracing.codegen import Script
from bpframe.engine.numpy.tracing.program_cache import Scripts
from bpframe.engine.numpy.tracing.traced_step import MovePart
from bpframe.ops import thread_team


@final
class Moves:
    """Moves the pieces of groups whose store is a `FlatStore`."""

    def __init__(self, groups: Sequence[GroupUpdate]) -> None:
        self._scripts = Scripts(part for group in groups for part in group.components)

    def forget(self) -> None:
        """Bind every script anew, since arrays are others now."""
        self._scripts.forget()

    def advance(self, group: GroupUpdate, start: int, stop: int) -> Any:
        """Run the components start .. stop - 1 of a group on every piece; the sum of the penalties."""
        crew, count = thread_team.present(), len(group.store)
        if crew is not None and count > 1:
            return self._shared(crew, group, start, stop)
        penalty: Any = 0.0
        for i in range(count):
            script = self._script(group, i, start, stop, 1)
            penalty += script()[0] if script else group.write(i, *group.changed(i, start, stop, *group.read(i)))
        return penalty

    def _shared(self, crew: thread_team.Team, group: GroupUpdate, start: int, stop: int) -> Any:
        """The same, every thread of the team on pieces of its own."""
        count, lanes = len(group.store), crew.size
        scripts = [self._script(group, i, start, stop, lanes) for i in range(count)]
        penalties: list[Any] = [0.0] * count

        def run(lane: int) -> None:
            for i in range(lane, count, lanes):
                script = scripts[i]
                penalties[i] = script()[0] if script else group.write(i, *group.changed(i, start, stop, *group.read(i)))

        if all(scripts):
            crew.share([partial(run, lane) for lane in range(lanes)])
        else:
            for lane in range(lanes):
                run(lane)
        return sum(penalties, 0.0)

    def _script(self, group: GroupUpdate, i: int, start: int, stop: int, lanes: int) -> Script | None:
        """The script of that move of piece i, if there is one or it is time for it; its gradient lies where it reads.

        What lies between the lines of a script takes memory that those of its lane share, which run one at a time.
        """
        if start == stop or not group.steady:
            return None
        store: Any = group.store
        scripts, name, of, slope = self._scripts, (group, i, start, stop, lanes), group.states[i], store.slope(i)
        script = scripts.found(name, of)
        if script is None:
            script = scripts.sought(name, of, MovePart(group, slope, i, start, stop), lane=i % lanes)
        if script is not None and group.g[i] is not slope:
            np.copyto(slope, group.g[i])
            group.g[i] = slope
        return script
