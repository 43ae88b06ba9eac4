"""The laws of schedules: functions of the number of updates, and of nothing else."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.protocols import After, Over, Schedule
from bpframe.testing.laws.comparison import require, require_same_bits
from bpframe.testing.laws.purity import call_read_only, determinism_check
from bpframe.testing.report import Check
from bpframe.types import HostArray

RUN = 100  # updates of the run, for schedules that depend on its length
STEPS = (0, 1, 2, 3, 10, 49, 50, 51, 99, 100, 101, 1000, 10**6)
CURVES: tuple[list[float], ...] = ([], [1.0], [1.0, 0.5, 0.4], [1.0] * 30, [0.3, 0.2, *[0.25] * 25])


def schedule_checks(schedule: Schedule) -> dict[str, Check]:
    """The checks by name."""
    made = _bind(schedule)
    checks: dict[str, Check] = {
        "values": partial(_finite_values, made),
        "determinism": partial(determinism_check(made), partial(_values, made)),
        "resume": partial(_no_memory, made),
    }
    if isinstance(schedule, Over):
        checks["over"] = partial(_over, schedule)
    if isinstance(schedule, After):
        checks["after"] = partial(_after, schedule)
    return checks


def _values(schedule: Schedule) -> HostArray:
    return np.array([schedule.value(step) for step in STEPS])


def _finite_values(schedule: Schedule) -> None:
    """A finite float at every step."""
    for step in STEPS:
        value = schedule.value(step)
        require(isinstance(value, float), f"value({step}) must be a float, got {value!r}")
        require(np.isfinite(value), f"value({step}) must be finite, got {value!r}")


def _no_memory(schedule: Schedule) -> None:
    """Values do not depend on the order of calls, as after a resume."""
    forwards = _values(schedule)
    backwards = np.array([schedule.value(step) for step in reversed(STEPS)])[::-1]
    require_same_bits("values asked for backwards", backwards, forwards)


def _over(schedule: Over) -> None:
    """`over` sets the length once: a second call changes nothing, nor does the first change the schedule itself."""
    once = schedule.over(RUN)
    again = once.over(RUN // 2) if isinstance(once, Over) else once
    require_same_bits("values after a second `over`", _values(again), _values(once))
    require_same_bits("values of a second schedule from the same open one", _values(schedule.over(RUN)), _values(once))


def _after(schedule: After) -> None:
    """`after` depends on the curve only, for any curve, and does not change it."""
    require(isinstance(schedule.monitor, str), f"monitor must name a curve, got {schedule.monitor!r}")
    bound = _bind(schedule)
    forwards = [_values(_bind(call_read_only("after", bound.after, np.array(curve)))) for curve in CURVES]
    backwards = [_values(_bind(bound.after(list(curve)))) for curve in reversed(CURVES)]
    require_same_bits("values after the same curves, asked for in another order", backwards[::-1], forwards)
    require(np.all(np.isfinite(forwards)), "values after a curve must be finite")


def _bind(schedule: Any) -> Any:
    """The schedule, bound to the length of a run if it depends on that."""
    return schedule.over(RUN) if isinstance(schedule, Over) else schedule
