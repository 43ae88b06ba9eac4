"""Gradients against central differences in float64.

The slope of f at x along a direction d of length 1 is (f(x + eps d) - f(x - eps d)) / (2 eps), with
eps = 1e-5 max(1, max |x|). It is compared along 3 random directions, and along each coordinate of an x of at most
200 numbers. Where slopes over eps and eps / 10 differ, x is too near a kink to tell, and another x is drawn.
Shapes: x and its gradient alike, any; k directions (k, *x.shape), k slopes (k,).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np

from bpframe.errors import CheckFailed
from bpframe.testing.laws.comparison import close, require, scale, shaped
from bpframe.testing.report import Report, Skipped, run_checks
from bpframe.types import HostArray

EPS = 1e-5
COORDINATES = 200  # the largest x of which every coordinate is looked at
DRAWS = 20  # how many points are tried before one is called smooth nowhere
ROUNDING = 4 * float(np.finfo(np.float64).eps)


@final
@dataclass(frozen=True)
class Problem:
    """A function of an array with one number as its value, what is said to be its gradient, and where to look."""

    function: Callable[[HostArray], Any]
    gradient: Callable[[HostArray], Any]
    x: HostArray

    def slopes(self, directions: HostArray, shrink: float = 1.0) -> tuple[HostArray, HostArray]:
        """(central differences (k,), what rounding may do to each (k,))."""
        eps = EPS * max(1.0, scale(self.x)) * shrink
        ends = [[float(self.function(self.x + s * eps * d)) for s in (1, -1)] for d in directions]
        ahead, behind = np.reshape(ends, (-1, 2)).T
        return (ahead - behind) / (2 * eps), ROUNDING * np.maximum(abs(ahead), abs(behind)) / eps


@final
@dataclass(frozen=True)
class Probe:
    """Directions, and how far a slope along them may be off: rtol of itself and atol of the largest slope.

    `axes`: they are those of the coordinates, in order.
    """

    directions: HostArray
    rtol: float
    atol: float
    axes: bool = False

    @staticmethod
    def random(x: HostArray, seed: int = 0) -> Probe:
        """3 random directions."""
        d = np.random.default_rng(seed).normal(size=(3, *x.shape))
        return Probe(d / np.sqrt(np.sum(d * d, axis=tuple(range(1, d.ndim)), keepdims=True)), 1e-6, 1e-8)

    @staticmethod
    def coordinates(x: HostArray) -> Probe:
        """Each coordinate of x."""
        return Probe(np.eye(x.size).reshape(-1, *x.shape), 1e-5, 1e-7, axes=True)

    def smooth(self, problem: Problem) -> bool:
        """Whether no kink is near: the slopes over a tenth of the distance are the same."""
        wide, rounding = problem.slopes(self.directions)
        narrow, more = problem.slopes(self.directions, 0.1)
        allowed = self.rtol * abs(wide) + self.atol * scale(wide) + rounding + more
        return bool(np.all(abs(wide - narrow) <= allowed))

    def compare(self, name: str, problem: Problem) -> None:
        """CheckFailed where the gradient disagrees with the differences."""
        gradient = problem.gradient(problem.x.copy())
        shaped(name, gradient, problem.x.shape)
        want, rounding = problem.slopes(self.directions)
        got = np.sum(self.directions * np.asarray(gradient), axis=tuple(range(1, self.directions.ndim)))
        if self.axes:
            want, got, rounding = (a.reshape(problem.x.shape) for a in (want, got, rounding))
        else:
            name += " along random direction "
        close(name, got, want, self.rtol, self.atol * scale(want) + rounding)


def verify(name: str, problem_at: Callable[[int], Problem]) -> None:
    """CheckFailed unless the gradient is right at the first smooth of up to 20 points, drawn by their number."""
    for seed in range(DRAWS):
        problem = problem_at(seed)
        if not problem.x.size:
            return shaped(name, problem.gradient(problem.x), problem.x.shape)
        probes = [Probe.random(problem.x, seed)]
        if problem.x.size <= COORDINATES:
            probes.append(Probe.coordinates(problem.x))
        if all(probe.smooth(problem) for probe in probes):
            for probe in reversed(probes):
                probe.compare(name, problem)
            return None
    raise CheckFailed(f"{name} cannot be checked: values are not smooth near any of {DRAWS} random points")


def check_gradient(function: Callable[[HostArray], Any], gradient: Callable[[HostArray], Any], x: Any) -> Report:
    """A report, or CheckFailed where gradient(x), x's shape, is not the gradient of function(x), a number.

    For functions of your own, in float64: check_gradient(lambda w: np.sum(w**3), lambda w: 3 * w**2, [0.5, 2.0]).
    """
    problem = Problem(function, gradient, np.array(x, dtype=np.float64))
    name = getattr(function, "__qualname__", repr(function))
    return run_checks(
        name, {"directions": partial(_directions, problem), "coordinates": partial(_coordinates, problem)}
    )


def _directions(problem: Problem) -> None:
    _look(Probe.random(problem.x), problem)


def _coordinates(problem: Problem) -> None:
    if problem.x.size > COORDINATES:
        raise Skipped(f"x has {problem.x.size} numbers, more than {COORDINATES}")
    _look(Probe.coordinates(problem.x), problem)


def _look(probe: Probe, problem: Problem) -> None:
    try:
        probe.compare("gradient", problem)
    except CheckFailed as error:
        require(probe.smooth(problem), f"{error}. But the function is not smooth near x: try another x")
        raise
