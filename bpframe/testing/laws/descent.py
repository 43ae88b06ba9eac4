"""Whether a rule gets down: a quadratic and Rosenbrock's valley.  p twelve numbers of any shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.engine.hyperparameters import Settings
from bpframe.testing.laws.comparison import require
from bpframe.testing.laws.trajectory import Trajectory, set_lr
from bpframe.types import HostArray, Shape

RATES = (None, 1e-2, 1e-1, 1e-3, 1.0, 1e-4)  # None: the rule's own
STEPS = 300


@final
@dataclass(frozen=True)
class Valley:
    """A function of twelve numbers, where to start, and to which fraction of its value there a rule must get."""

    name: str
    function: Callable[[HostArray], tuple[float, HostArray]]
    start: tuple[float, ...]
    fraction: float

    def slope(self, p: HostArray) -> tuple[float, HostArray]:
        """(value, gradient in p's shape and dtype)."""
        value, gradient = self.function(np.asarray(p, dtype=np.float64).reshape(-1))
        return value, gradient.reshape(p.shape).astype(p.dtype)

    def at_start(self, shape: Shape) -> HostArray:
        """The first p."""
        return np.resize(np.array(self.start), shape)


def _quadratic(p: HostArray) -> tuple[float, HostArray]:
    a = np.resize([1.0, 3.0, 10.0], p.shape)
    return float(np.sum(a * p * p)) / 2, a * p


def _rosenbrock(p: HostArray) -> tuple[float, HostArray]:
    x, y = p[0::2], p[1::2]
    bend = y - x * x
    slope = np.stack([-2 * (1 - x) - 400 * x * bend, 200 * bend], axis=1)
    return float(np.sum((1 - x) ** 2 + 100 * bend**2)), slope.reshape(-1)


QUADRATIC = Valley("a quadratic", _quadratic, (1.0, -1.0, 0.5), 0.1)
ROSENBROCK = Valley("Rosenbrock's function", _rosenbrock, (-1.2, 1.0), 0.25)


def descends(rule: Any, valley: Valley, shape: Shape) -> None:
    """CheckFailed unless 300 steps get down to the valley's fraction, at the rule's own lr or at one of a few."""
    start = valley.slope(valley.at_start(shape))[0]
    ends = []
    for lr in RATES:
        ends.append(_end(rule, valley, shape, lr))
        if ends[-1] <= valley.fraction * start:
            return
        if not set_lr(Settings(rule, np.float64).at(0), 0.0):
            break
    want = valley.fraction * start
    require(False, f"{valley.name} must fall from {start:.4g} to {want:.3g} in {STEPS} steps, got {min(ends):.4g}")


def _end(rule: Any, valley: Valley, shape: Shape, lr: float | None) -> float:
    """The value that is reached; inf where it is none."""
    course = Trajectory(rule, [valley.at_start(shape)], lr=lr)
    for _ in range(STEPS):
        value = valley.slope(course.pieces[0])[0]
        if not np.isfinite(value):
            return np.inf
        course.step(lambda pieces: [valley.slope(p)[1] for p in pieces], loss=value)
    end = valley.slope(course.evaluated())[0]
    return end if np.isfinite(end) else np.inf
