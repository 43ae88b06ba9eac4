"""The laws of gradient steps.  p and g alike, (n,) or, for scope "array", (n, m).

A gradient step may have `golden()`, gradients before and after it, computed elsewhere.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.protocols import Adjust, GradientStep, Periodic, Totals
from bpframe.testing.kinds.applies import applies_checks
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import (
    max_abs,
    require,
    require_close,
    require_finite,
    require_same_bits,
    require_shape,
)
from bpframe.testing.laws.gradient_step_run import GradientStepRun
from bpframe.testing.laws.purity import call_read_only, determinism_check
from bpframe.testing.laws.references import large_gradient
from bpframe.testing.laws.scheduled_settings import require_schedulable
from bpframe.testing.laws.state_saving import save_and_load, state_shapes
from bpframe.testing.laws.trajectory import PARAM, numbers, param_of, shape_of
from bpframe.testing.report import Check, SkipCheck, Unproven
from bpframe.types import HostArray

DOUBLE = precision.DTYPES[1]
STEPS = 8


def gradient_step_checks(step: GradientStep) -> dict[str, Check]:
    """The checks by name."""
    made = partial(_steps, step)
    checks: dict[str, Check] = {
        "scope": partial(_scope, step),
        "shape": partial(_shapes, step),
        "state": partial(_state, step),
        "save": partial(_save, step),
        "slices": partial(_slices, step),
        "dtype": lambda: precision.require_dtype_kept(made),
        "float32": lambda: precision.require_float32_close(made),
        "purity": partial(_purity, step),
        "determinism": partial(determinism_check(step), partial(made, DOUBLE)),
        "schedules": partial(require_schedulable, step, lambda other: _steps(other, DOUBLE)["g"]),
        "extremes": partial(_extremes, step),
        "golden": partial(_golden, step),
        **applies_checks(step),
    }
    if isinstance(step, Periodic):
        checks["period"] = partial(_period, step)
    return checks


def _scope(step: GradientStep) -> None:
    require(step.scope in ("element", "array"), f'scope must be "element" or "array", got {step.scope!r}')


def _steps(step: GradientStep, dtype: np.dtype[Any]) -> dict[str, Any]:
    p, gradients = numbers(shape_of(step), dtype, STEPS)
    run = GradientStepRun(step, [p])
    return {"g": [run.transform([g]) for g in gradients], "p": run.pieces, "state": run.states}


def _shapes(step: GradientStep) -> None:
    """Gradients keep their shape, also an empty one; a gradient of 0 stays finite."""
    for shape in (PARAM.shape, (5,), (1,), (0,)):
        p, gradients = numbers(shape, DOUBLE, STEPS)
        run = GradientStepRun(step, [p])
        for g in (*gradients, np.zeros(shape)):
            made = run.transform([g], param_of(shape))
            require_shape(f"a gradient of shape {shape}", made[0], shape)
            require_shape(f"p of shape {shape}", run.pieces[0], shape)
            require_finite(f"a gradient of shape {shape}", made)


def _state(step: GradientStep) -> None:
    """Arrays in dicts, the same from init and transform; for "element" of p's shape or 0-d."""
    p, gradients = numbers(shape_of(step), DOUBLE, STEPS)
    run = GradientStepRun(step, [p])
    first = state_shapes(run.states[0])
    for g in gradients:
        run.transform([g])
        last = state_shapes(run.states[0])
        require(first == last, f"transform must hand back the state that init makes, {first}, got {last}")
    for place, shape in first.items():
        require(
            step.scope == "array" or shape in (p.shape, ()), f"state {place} must have p's shape or none, got {shape}"
        )


def _save(step: GradientStep) -> None:
    """A run that is saved, loaded and continued has the same bits as one that was not."""
    p, gradients = numbers(shape_of(step), DOUBLE, STEPS)
    whole, first, loaded = (GradientStepRun(step, [p]) for _ in range(3))
    path = [whole.transform([g]) for g in gradients]
    for g in gradients[:5]:
        first.transform([g])
    loaded.pieces[0], loaded.states[0], loaded.t = save_and_load(first.pieces[0], first.states[0], 5, loaded.states[0])
    require_same_bits(
        "gradients after saving, loading and going on", [loaded.transform([g]) for g in gradients[5:]], path[5:]
    )
    require_same_bits("the state after saving, loading and going on", loaded.states, whole.states)


def _slices(step: GradientStep) -> None:
    """A vector and a list of slices of it give the same bits for the same totals."""
    if step.scope != "element":
        raise SkipCheck("its scope is a whole parameter")
    p, gradients = numbers((12,), DOUBLE, STEPS)
    cuts = (slice(0, 1), slice(1, 4), slice(4, 4), slice(4, None))
    whole = GradientStepRun(step, [p])
    path = [whole.transform([g])[0] for g in gradients]
    parts = GradientStepRun(step, [p[cut] for cut in cuts], whole.sums)
    require_same_bits(
        "gradients cut into slices",
        [np.concatenate(parts.transform([g[cut] for cut in cuts])) for g in gradients],
        path,
    )
    require_same_bits("p cut into slices", np.concatenate(parts.pieces), whole.pieces[0])
    for own, wanted in zip(parts.sums, whole.sums, strict=True):
        for name, total in wanted.items():
            require_close(f"the sum {name} over slices", own[name], total, 1e-12, 1e-12 * max_abs(total))


def _purity(step: GradientStep) -> None:
    p, gradients = numbers(shape_of(step), DOUBLE, STEPS)
    run = GradientStepRun(step, [p])
    run.transform([gradients[0]])
    h, state = run.h(), run.states[0]
    call_read_only("init", step.init, p)
    if isinstance(step, Totals):
        h.total = call_read_only("totals", step.totals, p, gradients[1], state, h)
    call_read_only("transform", step.transform, p, gradients[1], state, h)
    if isinstance(step, Adjust):
        call_read_only("adjust", step.adjust, p, h)


def _extremes(step: GradientStep) -> None:
    """Zero, tiny and huge gradients leave finite gradients, parameters and state."""
    for dtype in precision.DTYPES:
        large = large_gradient(dtype)
        p, gradients = numbers(shape_of(step), dtype, 6)
        run = GradientStepRun(step, [p])
        for factor, g in zip((0, 1 / large, large, 0, 1, 1), gradients, strict=True):
            made = run.transform([(g * dtype.type(factor)).astype(dtype)])
            require_finite(f"result of a gradient times {factor:g}", {"g": made, "p": run.pieces, "state": run.states})


def _golden(step: Any) -> None:
    """Gradients as in `golden()`, tuples of (arguments, p, gradient of each step, gradient handed on, p after each).

    The last part may be left out where p stays.
    """
    cases = list(step.golden()) if hasattr(step, "golden") else []
    if not cases:
        raise Unproven("it carries no golden() gradients, without which its formula may be off by a factor")
    for arguments, p, gradients, wanted, *moved in cases:
        run = GradientStepRun(type(step)(**arguments), [np.asarray(p, dtype=np.float64)])
        path = list[HostArray]()
        for g, want in zip(np.asarray(gradients, dtype=np.float64), wanted, strict=True):
            (made,) = run.transform([g])
            path.append(run.pieces[0])
            require_close(f"the gradient handed on with {arguments}", made, want, 1e-10, 1e-10 * max_abs(want))
        for got, want in zip(path, moved[0] if moved else [p] * len(path), strict=True):
            require_close(f"p after the step with {arguments}", got, want, 1e-10, 1e-10 * max_abs(want))


def _period(step: Any) -> None:
    """An integer number of steps after which it starts over: the same gradients give the same result again."""
    require(isinstance(step.period, int) and step.period >= 1, f"period must be a whole number, got {step.period!r}")
    p, gradients = numbers(shape_of(step), DOUBLE, step.period)
    run = GradientStepRun(step, [p])
    first, second = ([run.transform([g]) for g in gradients][-1] for _ in range(2))
    require_same_bits("what a second period of the same gradients gives", second, first)
