"""Descent of an optimizer on a quadratic and on Rosenbrock's function.  p twelve numbers of any shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.engine.hyperparameters import Settings
from bpframe.protocols import Optimizer
from bpframe.testing.laws.comparison import require
from bpframe.testing.laws.trajectory import Trajectory, set_lr
from bpframe.types import HostArray, Shape

RATES = (None, 1e-2, 1e-1, 1e-3, 1.0, 1e-4)  # None: the optimizer's default
STEPS = 300


@final
@dataclass(frozen=True)
class DescentProblem:
    """A function of twelve numbers, the initial point, and the fraction of the initial value to be reached."""

    name: str
    function: Callable[[HostArray], tuple[float, HostArray]]
    start: tuple[float, ...]
    fraction: float

    def slope(self, p: HostArray) -> tuple[float, HostArray]:
        """(value, gradient in p's shape and dtype)."""
        value, gradient = self.function(np.asarray(p, dtype=np.float64).reshape(-1))
        return value, gradient.reshape(p.shape).astype(p.dtype)

    def at_start(self, shape: Shape) -> HostArray:
        """The initial p."""
        return np.resize(np.array(self.start), shape)


def _quadratic(p: HostArray) -> tuple[float, HostArray]:
    a = np.resize([1.0, 3.0, 10.0], p.shape)
    return float(np.sum(a * p * p)) / 2, a * p


def _rosenbrock(p: HostArray) -> tuple[float, HostArray]:
    x, y = p[0::2], p[1::2]
    bend = y - x * x
    slope = np.stack([-2 * (1 - x) - 400 * x * bend, 200 * bend], axis=1)
    return float(np.sum((1 - x) ** 2 + 100 * bend**2)), slope.reshape(-1)


QUADRATIC = DescentProblem("a quadratic", _quadratic, (1.0, -1.0, 0.5), 0.1)
ROSENBROCK = DescentProblem("Rosenbrock's function", _rosenbrock, (-1.2, 1.0), 0.25)


def require_descent(rule: Optimizer, problem: DescentProblem, shape: Shape) -> None:
    """CheckFailed unless 300 steps reach the problem's fraction, with the default lr or one of RATES."""
    start = problem.slope(problem.at_start(shape))[0]
    ends = []
    for lr in RATES:
        ends.append(_final_value(rule, problem, shape, lr))
        if ends[-1] <= problem.fraction * start:
            return
        if not set_lr(Settings(rule, np.float64).at(0), 0.0):
            break
    want = problem.fraction * start
    require(False, f"{problem.name} must fall from {start:.4g} to {want:.3g} in {STEPS} steps, got {min(ends):.4g}")


def _final_value(rule: Optimizer, problem: DescentProblem, shape: Shape, lr: float | None) -> float:
    """The value after STEPS steps; inf if it is not finite."""
    course = Trajectory(rule, [problem.at_start(shape)], lr=lr)
    for _ in range(STEPS):
        value = problem.slope(course.pieces[0])[0]
        if not np.isfinite(value):
            return np.inf
        course.step(lambda pieces: [problem.slope(p)[1] for p in pieces], loss=value)
    end = problem.slope(course.evaluated())[0]
    return end if np.isfinite(end) else np.inf
