"""The laws of an optimizer.  p and g (n,) or, for scope "array", (n, m); steps t count from 1.

What a rule may offer: `reference(p, gradients)`, its formula for one number in plain floats; `golden()`, known paths;
`lr_is_a_factor = False` where lr = 0 may move something.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.engine import optimizer_chain
from bpframe.engine.hyperparameters import over
from bpframe.protocols import Totals
from bpframe.testing.kinds.minimizers import minimizer_checks
from bpframe.testing.kinds.optimizer_capabilities import capability_checks
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import finite, require, same
from bpframe.testing.laws.descent import QUADRATIC, ROSENBROCK, STEPS, descends
from bpframe.testing.laws.purity import deterministic, untouched
from bpframe.testing.laws.references import Reference, golden, huge, referred
from bpframe.testing.laws.scheduled_settings import follows_schedules
from bpframe.testing.laws.slicing import shaped_anyhow, sliced
from bpframe.testing.laws.state_saving import state_shapes, through_a_file
from bpframe.testing.laws.trajectory import PARAM, Trajectory, numbers, set_lr, shape_of
from bpframe.testing.report import Check, Skipped

DOUBLE = precision.DTYPES[1]


def optimizer_checks(optimizer: Any, reference: Reference | None = None) -> dict[str, Check]:
    """The checks by name. `reference` takes the place of the rule's own."""
    if optimizer.scope == "objective":
        return minimizer_checks(optimizer)
    rule = optimizer_chain.rule_for(over(optimizer, STEPS), PARAM)
    reference = reference or getattr(rule, "reference", None)
    checks: dict[str, Check] = {
        "scope": partial(_scope, rule),
        "reference": partial(referred, rule, reference, precision.DTYPES[1]),
        "reference in float32": partial(referred, rule, reference, precision.DTYPES[0]),
        "state": partial(_state, rule),
        "save": partial(_saved, rule),
        "dtype": lambda: precision.kept(partial(_steps, rule)),
        "purity": partial(_untouched, rule),
        "determinism": partial(deterministic(rule), partial(_steps, rule, DOUBLE)),
        "slices": partial(sliced, rule),
        "shapes": partial(shaped_anyhow, over(optimizer, STEPS)),
        "schedules": partial(follows_schedules, rule, lambda made: _steps(made, DOUBLE)["p"]),
        "lr 0": partial(_standstill, rule),
        "quadratic": partial(descends, rule, QUADRATIC, shape_of(rule)),
        "rosenbrock": partial(descends, rule, ROSENBROCK, shape_of(rule)),
        "extremes": partial(_extremes, rule),
    }
    if hasattr(rule, "golden"):
        checks["golden"] = partial(golden, rule)
    return checks | capability_checks(optimizer, rule)


def _scope(rule: Any) -> None:
    require(rule.scope in ("element", "array"), f'scope must be "element" or "array", got {rule.scope!r}')


def _steps(rule: Any, dtype: np.dtype[Any]) -> dict[str, Any]:
    """Parameters and state after a few steps."""
    p, gradients = numbers(shape_of(rule), dtype)
    course = Trajectory(rule, [p])
    return {"p": course.follow([g] for g in gradients), "state": course.states}


def _state(rule: Any) -> None:
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


def _saved(rule: Any) -> None:
    """A run that is saved, loaded and continued has the same bits as one that was not."""
    p, gradients = numbers(shape_of(rule), DOUBLE, 12)
    whole, first = Trajectory(rule, [p]), Trajectory(rule, [p])
    path = whole.follow([g] for g in gradients)
    first.follow([g] for g in gradients[:7])
    loaded = Trajectory(rule, [p])
    state = first.states[0]
    loaded.pieces[0], loaded.states[0], loaded.t = through_a_file(first.pieces[0], state, first.t, loaded.states[0])
    same("p after saving, loading and going on", loaded.follow([g] for g in gradients[7:]), path[7:])
    same("the state after saving, loading and going on", loaded.states, whole.states)


def _untouched(rule: Any) -> None:
    """Nothing that a rule is asked to do writes into what it is given."""
    p, gradients = numbers(shape_of(rule), DOUBLE)
    course = Trajectory(rule, [p])
    course.follow([g] for g in gradients)
    h, state = course.now(), course.states[0]
    untouched("init", rule.init, p)
    if hasattr(rule, "totals"):
        h.total = untouched("totals", rule.totals, p, gradients[0], state, h)
    for name in ("probe", "observe"):
        if hasattr(rule, name):
            untouched(name, getattr(rule, name), p, gradients[0], state, h)
    if hasattr(rule, "evaluation_params"):
        untouched("evaluation_params", rule.evaluation_params, p, state, h)
    for link, total in zip(optimizer_chain.with_capability(rule, state, Totals), course.sums[-1], strict=True):
        link.settings(h).total = total
    untouched("update", rule.update, p, gradients[0], state, h)


def _standstill(rule: Any) -> None:
    """lr = 0 moves nothing; the value in h is what counts, since a schedule may have set it."""
    state = rule.init(np.zeros(shape_of(rule)))
    if not all(getattr(link.rule, "lr_is_a_factor", True) for link in optimizer_chain.chain(rule, state)):
        raise Skipped("it says that lr is no factor of its steps")
    p, gradients = numbers(shape_of(rule), DOUBLE)
    course = Trajectory(rule, [p], lr=0.0)
    if not set_lr(course.now(), 0.0):
        raise Skipped("it has no argument lr")
    for pieces in course.follow([g] for g in gradients):
        same("parameters after a step with lr 0", pieces[0], p)


def _extremes(rule: Any) -> None:
    """Zero, tiny and huge gradients leave finite parameters and state."""
    for dtype in precision.DTYPES:
        large = huge(dtype)
        p, gradients = numbers(shape_of(rule), dtype, 6)
        factors = np.array([0, 1 / large, large, 0, 1, 1], dtype).reshape(-1, *[1] * p.ndim)
        course = Trajectory(rule, [p])
        path = course.follow([g] for g in (gradients * factors).astype(dtype))
        finite("result after extreme gradients", {"p": path, "state": course.states})
