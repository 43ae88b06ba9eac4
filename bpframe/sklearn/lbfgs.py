"""SciPy's L-BFGS-B as one step: the solver "lbfgs" of scikit-learn.  p (n,) all parameters."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, final

import numpy as np
import scipy.optimize  # type: ignore[import-untyped, unused-ignore]  # it has no types

from bpframe.sklearn.verbose_print import verbose_print
from bpframe.types import HostArray, Hyper, Objective, State


@final
@dataclass
class MinimizationLog:
    """The record of a minimisation: the objective after each iteration in `curve`, and SciPy's result at the end."""

    curve: list[float]
    verbose: bool = False
    result: Any = None

    def record(self, iteration: int, value: float) -> None:
        """Append the objective of an iteration; print it if `verbose`."""
        self.curve.append(value)
        if self.verbose:
            verbose_print(f"Iteration {iteration:d}, loss = {value:.8f}")


@final
@dataclass(frozen=True)
class ScipyLbfgs:
    """A complete minimisation in one update: until the gradient is below `tol`, or a limit is reached.

    `log` records each iteration and the result. `max_time` is in seconds.
    Source: Byrd, Lu, Nocedal and Zhu (1995), A limited memory algorithm for bound constrained optimization.
    """

    max_iter: int
    max_fun: int
    tol: float
    log: MinimizationLog = field(compare=False)
    max_time: float | None = None
    scope: ClassVar[Literal["objective"]] = "objective"
    whole_batch: ClassVar[bool] = True

    def init(self, p: HostArray) -> State:
        """Empty: there is no state between updates."""
        return {}

    def update(self, p: HostArray, f: Objective, state: State, h: Hyper) -> tuple[HostArray, State]:
        """(p at the end, {})."""
        latest, count, start = [np.inf], [0], time.perf_counter()

        def objective(at: HostArray) -> tuple[float, HostArray]:
            value, gradient = f(at)
            latest[0] = value
            return value, gradient

        def after_iteration(at: HostArray) -> None:
            count[0] += 1
            self.log.record(count[0], float(latest[0]))  # the line search ends where it looked last
            if self.max_time is not None and time.perf_counter() - start > self.max_time:
                raise StopIteration

        options = {"maxfun": self.max_fun, "maxiter": self.max_iter, "gtol": self.tol}
        result = scipy.optimize.minimize(
            objective, p, method="L-BFGS-B", jac=True, options=options, callback=after_iteration
        )
        self.log.result = result
        return result.x, state
