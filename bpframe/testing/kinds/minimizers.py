"""The laws of a minimizer, an optimizer that is given the objective itself.  p (n,), always in float64."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.engine.hyperparameters import Settings, over
from bpframe.testing.laws.comparison import finite, require, same, shaped
from bpframe.testing.laws.descent import QUADRATIC, ROSENBROCK, STEPS, Valley
from bpframe.testing.laws.purity import deterministic, untouched
from bpframe.testing.laws.scheduled_settings import follows_schedules
from bpframe.testing.laws.state_saving import state_shapes, through_a_file
from bpframe.testing.report import Check
from bpframe.types import HostArray

N = 12
Made = tuple[HostArray, Any]


def minimizer_checks(minimizer: Any) -> dict[str, Check]:
    """The checks by name."""
    rule = over(minimizer, STEPS)
    return {
        "state": partial(_state, rule),
        "save": partial(_saved, rule),
        "dtype": partial(_dtype, rule),
        "purity": partial(_untouched, rule),
        "determinism": partial(deterministic(rule), partial(_steps, rule)),
        "shapes": partial(_shapes, rule),
        "schedules": partial(follows_schedules, rule, lambda made: _steps(made)["p"]),
        "quadratic": partial(_descends, rule, QUADRATIC, 1e-6),
        "rosenbrock": partial(_descends, rule, ROSENBROCK, 1e-3),
        "flat": partial(_flat, rule),
    }


def _go(rule: Any, valley: Valley, p: HostArray, steps: int, state: Any = None, first: int = 0) -> Made:
    """(p, state) after some steps into a valley."""
    state = rule.init(p) if state is None else state
    settings = Settings(rule, p.dtype.type)
    for t in range(first, first + steps):
        p, state = rule.update(p, valley.slope, state, settings.at(t))
    return p, state


def _steps(rule: Any) -> dict[str, Any]:
    p, state = _go(rule, ROSENBROCK, ROSENBROCK.at_start((N,)), 4)
    return {"p": p, "state": state}


def _dtype(rule: Any) -> None:
    p = _steps(rule)["p"]
    require(p.dtype == np.float64, f"p must keep dtype float64, got {p.dtype}")


def _state(rule: Any) -> None:
    """Arrays in dicts, the same from init and update."""
    p = ROSENBROCK.at_start((N,))
    first, last = state_shapes(rule.init(p)), state_shapes(_go(rule, ROSENBROCK, p, 4)[1])
    require(first == last, f"update must hand back the state that init makes, {first}, got {last}")


def _saved(rule: Any) -> None:
    """A run that is saved, loaded and continued has the same bits as one that was not."""
    start = ROSENBROCK.at_start((N,))
    whole = _go(rule, ROSENBROCK, start, 8)
    p, state = _go(rule, ROSENBROCK, start, 5)
    p, state, step = through_a_file(p, state, 5, rule.init(start))
    same("p and state after saving, loading and going on", _go(rule, ROSENBROCK, p, 3, state, step), whole)


def _untouched(rule: Any) -> None:
    p, state = _go(rule, ROSENBROCK, ROSENBROCK.at_start((N,)), 3)
    h = Settings(rule, np.float64).at(3)
    untouched("init", rule.init, p)
    untouched("update", lambda at, own: rule.update(at, ROSENBROCK.slope, own, h), p, state)


def _shapes(rule: Any) -> None:
    """A vector of any length, none included, keeps it."""
    for n in (0, 1, 2):
        p, _ = _go(rule, QUADRATIC, QUADRATIC.at_start((n,)) if n else np.zeros(0), 2)
        shaped(f"p of {n} numbers", p, (n,))
        finite(f"p of {n} numbers", p)


def _descends(rule: Any, valley: Valley, fraction: float) -> None:
    """100 steps get down to a small fraction of the start."""
    start = valley.at_start((N,))
    before, after = valley.slope(start)[0], valley.slope(_go(rule, valley, start, 100)[0])[0]
    require(
        after <= fraction * before,
        f"{valley.name} must fall from {before:.4g} to {fraction * before:.3g} in 100 steps, got {after:.4g}",
    )


def _flat(rule: Any) -> None:
    """Where the gradient is 0 it stays."""
    level = Valley("a plain", lambda p: (1.0, np.zeros_like(p)), (1.0,), 1.0)
    p, state = _go(rule, level, np.ones(N), 3)
    same("p where the gradient is 0", p, np.ones(N))
    finite("the state where the gradient is 0", state)
