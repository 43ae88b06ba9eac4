"""The laws of optimizers.  p and g (n,) or, for scope "array", (n, m); steps t count from 1.

An optimizer may have `reference(p, gradients)`, its formula for one number in Python floats; `golden()`, published
paths; `lr_is_a_factor = False` if parameters may move with lr = 0.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.engine import optimizer_chain
from bpframe.engine.hyperparameters import over
from bpframe.protocols import Optimizer, Totals
from bpframe.protocols.traits import lr_is_a_factor
from bpframe.testing.kinds.minimizers import minimizer_checks
from bpframe.testing.kinds.optimizer_capabilities import capability_checks
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import require, require_finite, require_same_bits
from bpframe.testing.laws.descent import QUADRATIC, ROSENBROCK, STEPS, require_descent
from bpframe.testing.laws.purity import call_read_only, determinism_check
from bpframe.testing.laws.references import Reference, large_gradient, require_golden_paths, require_reference
from bpframe.testing.laws.scheduled_settings import require_schedulable
from bpframe.testing.laws.slicing import require_any_shape, require_slice_invariance
from bpframe.testing.laws.state_saving import save_and_load, state_shapes
from bpframe.testing.laws.trajectory import PARAM, Trajectory, numbers, set_lr, shape_of
from bpframe.testing.report import Check, SkipCheck

DOUBLE = precision.DTYPES[1]


def optimizer_checks(optimizer: Any, reference: Reference | None = None) -> dict[str, Check]:
    """The checks by name. `reference` replaces the optimizer's own."""
    if optimizer.scope == "objective":
        return minimizer_checks(optimizer)
    rule = optimizer_chain.rule_for(over(optimizer, STEPS), PARAM)
    reference = reference or getattr(rule, "reference", None)
    checks: dict[str, Check] = {
        "scope": partial(_scope, rule),
        "reference": partial(require_reference, rule, reference, precision.DTYPES[1]),
        "reference in float32": partial(require_reference, rule, reference, precision.DTYPES[0]),
        "state": partial(_state, rule),
        "save": partial(_save, rule),
        "dtype": lambda: precision.require_dtype_kept(partial(_steps, rule)),
        "purity": partial(_purity, rule),
        "determinism": partial(determinism_check(rule), partial(_steps, rule, DOUBLE)),
        "slices": partial(require_slice_invariance, rule),
        "shapes": partial(require_any_shape, over(optimizer, STEPS)),
        "schedules": partial(require_schedulable, rule, lambda made: _steps(made, DOUBLE)["p"]),
        "lr 0": partial(_standstill, rule),
        "quadratic": partial(require_descent, rule, QUADRATIC, shape_of(rule)),
        "rosenbrock": partial(require_descent, rule, ROSENBROCK, shape_of(rule)),
        "extremes": partial(_extremes, rule),
    }
    if hasattr(rule, "golden") or rule.scope == "array":
        checks["golden"] = partial(require_golden_paths, rule)
    return checks | capability_checks(optimizer, rule)


def _scope(rule: Optimizer) -> None:
    require(rule.scope in ("element", "array"), f'scope must be "element" or "array", got {rule.scope!r}')


def _steps(rule: Optimizer, dtype: np.dtype[Any]) -> dict[str, Any]:
    """Parameters and state after a few steps."""
    p, gradients = numbers(shape_of(rule), dtype)
    course = Trajectory(rule, [p])
    return {"p": course.follow([g] for g in gradients), "state": course.states}


def _state(rule: Optimizer) -> None:
    """Arrays in dicts, the same from init and update; for "element" of p's shape or 0-d."""
    p, gradients = numbers(shape_of(rule), DOUBLE)
    course = Trajectory(rule, [p])
    first = state_shapes(course.states[0])
    course.follow([g] for g in gradients)
    last = state_shapes(course.states[0])
    require(first == last, f"update must hand back the state that init makes, {first}, got {last}")
    for place, shape in last.items():
        allowed = rule.scope == "array" or shape in (p.shape, ())
        require(allowed, f"state {place} must have p's shape {p.shape} or none, got {shape}")


def _save(rule: Optimizer) -> None:
    """A run that is saved, loaded and continued has the same bits as one that was not."""
    p, gradients = numbers(shape_of(rule), DOUBLE, 12)
    whole, first = Trajectory(rule, [p]), Trajectory(rule, [p])
    path = whole.follow([g] for g in gradients)
    first.follow([g] for g in gradients[:7])
    loaded = Trajectory(rule, [p])
    state = first.states[0]
    loaded.pieces[0], loaded.states[0], loaded.t = save_and_load(first.pieces[0], state, first.t, loaded.states[0])
    require_same_bits("p after saving, loading and going on", loaded.follow([g] for g in gradients[7:]), path[7:])
    require_same_bits("the state after saving, loading and going on", loaded.states, whole.states)


def _purity(rule: Optimizer) -> None:
    """No method of an optimizer writes into its arguments."""
    p, gradients = numbers(shape_of(rule), DOUBLE)
    course = Trajectory(rule, [p])
    course.follow([g] for g in gradients)
    h, state = course.now(), course.states[0]
    call_read_only("init", rule.init, p)
    if hasattr(rule, "totals"):
        h.total = call_read_only("totals", rule.totals, p, gradients[0], state, h)
    for name in ("probe", "observe"):
        if hasattr(rule, name):
            call_read_only(name, getattr(rule, name), p, gradients[0], state, h)
    if hasattr(rule, "evaluation_params"):
        call_read_only("evaluation_params", rule.evaluation_params, p, state, h)
    for link, total in zip(optimizer_chain.with_capability(rule, state, Totals), course.sums[-1], strict=True):
        link.settings(h).total = total
    call_read_only("update", rule.update, p, gradients[0], state, h)


def _standstill(rule: Optimizer) -> None:
    """lr = 0 moves nothing; the value in h counts, since a schedule may have set it."""
    state = rule.init(np.zeros(shape_of(rule)))
    if not all(lr_is_a_factor(link.rule) for link in optimizer_chain.chain(rule, state)):
        raise SkipCheck("it says that lr is no factor of its steps")
    p, gradients = numbers(shape_of(rule), DOUBLE)
    course = Trajectory(rule, [p], lr=0.0)
    if not set_lr(course.now(), 0.0):
        raise SkipCheck("it has no argument lr")
    for pieces in course.follow([g] for g in gradients):
        require_same_bits("parameters after a step with lr 0", pieces[0], p)


def _extremes(rule: Optimizer) -> None:
    """Zero, tiny and huge gradients leave finite parameters and state."""
    for dtype in precision.DTYPES:
        large = large_gradient(dtype)
        p, gradients = numbers(shape_of(rule), dtype, 6)
        factors = np.array([0, 1 / large, large, 0, 1, 1], dtype).reshape(-1, *[1] * p.ndim)
        course = Trajectory(rule, [p])
        path = course.follow([g] for g in (gradients * factors).astype(dtype))
        require_finite("result after extreme gradients", {"p": path, "state": course.states})
