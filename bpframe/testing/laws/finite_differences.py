"""Gradients compared with central finite differences in float64.

The slope of f at x along a direction d of length 1 is (f(x + eps d) - f(x - eps d)) / (2 eps), with
eps = 1e-5 max(1, max |x|). It is compared along 3 random directions, and along each coordinate of an x of at most
200 numbers. If slopes over eps and eps / 10 differ, x is too close to a kink, and another x is drawn.
Shapes: x and its gradient alike, any; k directions (k, *x.shape), k slopes (k,).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np

from bpframe.errors import CheckFailed
from bpframe.testing.laws.comparison import max_abs, require, require_close, require_shape
from bpframe.testing.report import CheckReport, SkipCheck, run_checks
from bpframe.types import HostArray

EPS = 1e-5
COORDINATES = 200  # the largest x of which every coordinate is checked
DRAWS = 20  # points tried before a function is called not smooth
ROUNDING = 4 * float(np.finfo(np.float64).eps)


@final
@dataclass(frozen=True)
class GradientProblem:
    """A scalar function of an array, its supposed gradient, and the point x to check."""

    function: Callable[[HostArray], Any]
    gradient: Callable[[HostArray], Any]
    x: HostArray

    def slopes(self, directions: HostArray, shrink: float = 1.0) -> tuple[HostArray, HostArray]:
        """(central differences (k,), bound of the rounding error of each (k,))."""
        eps = EPS * max(1.0, max_abs(self.x)) * shrink
        ends = [[float(self.function(self.x + s * eps * d)) for s in (1, -1)] for d in directions]
        ahead, behind = np.reshape(ends, (-1, 2)).T
        return (ahead - behind) / (2 * eps), ROUNDING * np.maximum(abs(ahead), abs(behind)) / eps


@final
@dataclass(frozen=True)
class Directions:
    """Directions, and the tolerance of slopes along them: rtol of the slope and atol of the largest slope.

    `axes`: they are the coordinate axes, in order.
    """

    directions: HostArray
    rtol: float
    atol: float
    axes: bool = False

    @staticmethod
    def random(x: HostArray, seed: int = 0) -> Directions:
        """3 random directions."""
        d = np.random.default_rng(seed).normal(size=(3, *x.shape))
        return Directions(d / np.sqrt(np.sum(d * d, axis=tuple(range(1, d.ndim)), keepdims=True)), 1e-6, 1e-8)

    @staticmethod
    def coordinates(x: HostArray) -> Directions:
        """Each coordinate of x."""
        return Directions(np.eye(x.size).reshape(-1, *x.shape), 1e-5, 1e-7, axes=True)

    def smooth(self, problem: GradientProblem) -> bool:
        """Whether no kink is near: slopes over a tenth of the distance are the same."""
        wide, rounding = problem.slopes(self.directions)
        narrow, more = problem.slopes(self.directions, 0.1)
        allowed = self.rtol * abs(wide) + self.atol * max_abs(wide) + rounding + more
        return bool(np.all(abs(wide - narrow) <= allowed))

    def compare(self, name: str, problem: GradientProblem) -> None:
        """CheckFailed if the gradient disagrees with the differences."""
        gradient = problem.gradient(problem.x.copy())
        require_shape(name, gradient, problem.x.shape)
        want, rounding = problem.slopes(self.directions)
        got = np.sum(self.directions * np.asarray(gradient), axis=tuple(range(1, self.directions.ndim)))
        if self.axes:
            want, got, rounding = (a.reshape(problem.x.shape) for a in (want, got, rounding))
        else:
            name += " along random direction "
        require_close(name, got, want, self.rtol, self.atol * max_abs(want) + rounding)


def verify_gradient(name: str, problem_at: Callable[[int], GradientProblem]) -> None:
    """CheckFailed unless the gradient is right at the first smooth one of up to 20 points, whose number is the seed."""
    for seed in range(DRAWS):
        problem = problem_at(seed)
        if not problem.x.size:
            return require_shape(name, problem.gradient(problem.x), problem.x.shape)
        direction_sets = [Directions.random(problem.x, seed)]
        if problem.x.size <= COORDINATES:
            direction_sets.append(Directions.coordinates(problem.x))
        if all(directions.smooth(problem) for directions in direction_sets):
            for directions in reversed(direction_sets):
                directions.compare(name, problem)
            return None
    raise CheckFailed(f"{name} cannot be checked: values are not smooth near any of {DRAWS} random points")


def check_gradient(function: Callable[[HostArray], Any], gradient: Callable[[HostArray], Any], x: Any) -> CheckReport:
    """A report, or CheckFailed if gradient(x), x's shape, is not the gradient of function(x), a number.

    For any function, in float64: check_gradient(lambda w: np.sum(w**3), lambda w: 3 * w**2, [0.5, 2.0]).
    """
    problem = GradientProblem(function, gradient, np.array(x, dtype=np.float64))
    name = getattr(function, "__qualname__", repr(function))
    return run_checks(
        name, {"directions": partial(_directions, problem), "coordinates": partial(_coordinates, problem)}
    )


def _directions(problem: GradientProblem) -> None:
    _compare(Directions.random(problem.x), problem)


def _coordinates(problem: GradientProblem) -> None:
    if problem.x.size > COORDINATES:
        raise SkipCheck(f"x has {problem.x.size} numbers, more than {COORDINATES}")
    _compare(Directions.coordinates(problem.x), problem)


def _compare(directions: Directions, problem: GradientProblem) -> None:
    try:
        directions.compare("gradient", problem)
    except CheckFailed as error:
        require(directions.smooth(problem), f"{error}. But the function is not smooth near x: try another x")
        raise
