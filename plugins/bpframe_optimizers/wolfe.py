"""A line search for the strong Wolfe conditions.  Along a direction d (n,): value f(p + a d) and slope f'(p + a d) d.

Source: Nocedal and Wright (2006), Numerical optimization, algorithms 3.5 and 3.6, cubic interpolation equation 3.59.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from bpframe.plugin import HostArray


@final
@dataclass(frozen=True)
class Trial:
    """A step along the line, and what was found there."""

    step: float
    value: float
    slope: float
    point: HostArray
    gradient: HostArray


@final
@dataclass(frozen=True)
class Wolfe:
    """value <= start.value + c1 step start.slope (the decrease) and |slope| <= c2 |start.slope| (the curvature)."""

    start: Trial
    c1: float
    c2: float

    def decreases(self, trial: Trial, low: Trial) -> bool:
        """The first condition, and a value below the lowest so far; never where anything is not finite."""
        enough = trial.value <= self.start.value + self.c1 * trial.step * self.start.slope
        return enough and trial.value < low.value and math.isfinite(trial.value) and math.isfinite(trial.slope)

    def is_flat(self, trial: Trial) -> bool:
        """The second condition."""
        return abs(trial.slope) <= -self.c2 * self.start.slope


Line = Callable[[float], Trial]


def search(line: Line, wolfe: Wolfe, first: float, evaluations: int) -> Trial:
    """A step that meets both conditions; where the evaluations run out, the lowest that meets the first, or the start.

    Steps grow until one is too long (the value rises, or is not finite) or has a slope that points back.
    """
    low, step = wolfe.start, first
    for used in range(1, evaluations + 1):
        trial = line(step)
        if not wolfe.decreases(trial, low):
            return _zoom(line, wolfe, low, trial, evaluations - used)
        if wolfe.is_flat(trial):
            return trial
        if trial.slope >= 0:
            return _zoom(line, wolfe, trial, low, evaluations - used)
        step = _within(_lowest(low, trial), 2 * trial.step, 10 * trial.step)
        low = trial
    return low


def _zoom(line: Line, wolfe: Wolfe, low: Trial, high: Trial, evaluations: int) -> Trial:
    """The same between two steps: `low` has the lower value, and its slope points at `high`."""
    for _ in range(evaluations):
        width = high.step - low.step
        step = _within(_lowest(low, high), low.step + 0.1 * width, low.step + 0.9 * width)
        if step in (low.step, high.step):
            break  # no number lies between
        trial = line(step)
        if not wolfe.decreases(trial, low):
            high = trial
            continue
        if wolfe.is_flat(trial):
            return trial
        if trial.slope * width >= 0:
            high = low
        low = trial
    return low


def _lowest(a: Trial, b: Trial) -> float:
    """Where the cubic with these values and slopes has its minimum; nan where it has none."""
    width = b.step - a.step
    d1 = a.slope + b.slope - 3 * (b.value - a.value) / width
    square = d1 * d1 - a.slope * b.slope
    if not 0 <= square < math.inf:
        return math.nan
    d2 = math.copysign(math.sqrt(square), width)
    below = b.slope - a.slope + 2 * d2
    return b.step - width * (b.slope + d2 - d1) / below if below else math.nan


def _within(step: float, one: float, other: float) -> float:
    """The step, moved between the two bounds; for nan the first, which is the shorter or the safer one."""
    lower, upper = min(one, other), max(one, other)
    return one if math.isnan(step) else min(max(step, lower), upper)
