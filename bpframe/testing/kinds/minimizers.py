"""The laws of minimizers, optimizers that call the objective themselves.  p (n,), always in float64.

A minimizer may have `golden()`, paths computed elsewhere.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.engine.hyperparameters import Settings, over
from bpframe.protocols import Minimizer
from bpframe.testing.laws.comparison import require, require_close, require_finite, require_same_bits, require_shape
from bpframe.testing.laws.descent import QUADRATIC, ROSENBROCK, STEPS, DescentProblem
from bpframe.testing.laws.purity import call_read_only, determinism_check
from bpframe.testing.laws.scheduled_settings import require_schedulable
from bpframe.testing.laws.state_saving import save_and_load, state_shapes
from bpframe.testing.report import Check, Unproven
from bpframe.types import HostArray

N = 12
Result = tuple[HostArray, Any]


def minimizer_checks(minimizer: Minimizer) -> dict[str, Check]:
    """The checks by name."""
    rule = over(minimizer, STEPS)
    return {
        "state": partial(_state, rule),
        "save": partial(_save, rule),
        "dtype": partial(_dtype, rule),
        "purity": partial(_purity, rule),
        "determinism": partial(determinism_check(rule), partial(_steps, rule)),
        "shapes": partial(_shapes, rule),
        "schedules": partial(require_schedulable, rule, lambda made: _steps(made)["p"]),
        "quadratic": partial(_descends, rule, QUADRATIC, 1e-6),
        "rosenbrock": partial(_descends, rule, ROSENBROCK, 1e-3),
        "flat": partial(_flat, rule),
        "golden": partial(_golden, rule),
    }


def _run(
    rule: Minimizer, problem: DescentProblem, p: HostArray, steps: int, state: Any = None, first: int = 0
) -> Result:
    """(p, state) after some steps into a problem."""
    state = rule.init(p) if state is None else state
    settings = Settings(rule, p.dtype.type)
    for t in range(first, first + steps):
        p, state = rule.update(p, problem.slope, state, settings.at(t))
    return p, state


def _steps(rule: Minimizer) -> dict[str, Any]:
    p, state = _run(rule, ROSENBROCK, ROSENBROCK.at_start((N,)), 4)
    return {"p": p, "state": state}


def _dtype(rule: Minimizer) -> None:
    p = _steps(rule)["p"]
    require(p.dtype == np.float64, f"p must keep dtype float64, got {p.dtype}")


def _state(rule: Minimizer) -> None:
    """Arrays in dicts, the same from init and update."""
    p = ROSENBROCK.at_start((N,))
    first, last = state_shapes(rule.init(p)), state_shapes(_run(rule, ROSENBROCK, p, 4)[1])
    require(first == last, f"update must hand back the state that init makes, {first}, got {last}")


def _save(rule: Minimizer) -> None:
    """A run that is saved, loaded and continued has the same bits as one that was not."""
    start = ROSENBROCK.at_start((N,))
    whole = _run(rule, ROSENBROCK, start, 8)
    p, state = _run(rule, ROSENBROCK, start, 5)
    p, state, step = save_and_load(p, state, 5, rule.init(start))
    require_same_bits(
        "p and state after saving, loading and going on", _run(rule, ROSENBROCK, p, 3, state, step), whole
    )


def _purity(rule: Minimizer) -> None:
    p, state = _run(rule, ROSENBROCK, ROSENBROCK.at_start((N,)), 3)
    h = Settings(rule, np.float64).at(3)
    call_read_only("init", rule.init, p)
    call_read_only("update", lambda at, own: rule.update(at, ROSENBROCK.slope, own, h), p, state)


def _shapes(rule: Minimizer) -> None:
    """A vector of any length, none included, keeps it."""
    for n in (0, 1, 2):
        p, _ = _run(rule, QUADRATIC, QUADRATIC.at_start((n,)) if n else np.zeros(0), 2)
        require_shape(f"p of {n} numbers", p, (n,))
        require_finite(f"p of {n} numbers", p)


def _descends(rule: Minimizer, problem: DescentProblem, fraction: float) -> None:
    """100 steps reduce the value to a small fraction of the initial one."""
    start = problem.at_start((N,))
    before, after = problem.slope(start)[0], problem.slope(_run(rule, problem, start, 100)[0])[0]
    require(
        after <= fraction * before,
        f"{problem.name} must fall from {before:.4g} to {fraction * before:.3g} in 100 steps, got {after:.4g}",
    )


def _flat(rule: Minimizer) -> None:
    """p does not move if the gradient is 0."""
    level = DescentProblem("a plain", lambda p: (1.0, np.zeros_like(p)), (1.0,), 1.0)
    p, state = _run(rule, level, np.ones(N), 3)
    require_same_bits("p where the gradient is 0", p, np.ones(N))
    require_finite("the state where the gradient is 0", state)


def _golden(rule: Any) -> None:
    """Paths as in `golden()`, tuples of (arguments, objective, p, p after each step)."""
    cases = list(rule.golden()) if hasattr(rule, "golden") else []
    if not cases:
        raise Unproven("it carries no golden() paths: plain steps down the gradient keep all other laws, too")
    for arguments, objective, start, path in cases:
        made, p = type(rule)(**arguments), np.asarray(start, dtype=np.float64)
        state, settings = made.init(p), Settings(made, np.float64)
        for t, want in enumerate(path):
            p, state = made.update(p, objective, state, settings.at(t))
            require_close(f"p after step {t + 1} with {arguments}", p, want, 1e-10, 1e-10)
