"""Optimizers compared with references: a scalar implementation of their formula, and golden paths.

Without either nothing tells a formula from one that is off by a factor: both descend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from bpframe.protocols import EvaluationParams, Observe, Optimizer, Probe
from bpframe.testing.laws.comparison import max_abs, require_close, require_finite
from bpframe.testing.laws.trajectory import N, Trajectory, numbers
from bpframe.testing.report import SkipCheck, Unproven
from bpframe.types import HostArray

STEPS = 50
Reference = Callable[[float, Iterable[float]], Iterator[float]]


def require_reference(rule: Optimizer, reference: Reference | None, dtype: np.dtype[Any]) -> None:
    """Compare 50 steps on random, zero, tiny and huge gradients, without observing or probing."""
    if rule.scope != "element":
        raise SkipCheck("a reference for single numbers needs the scope element")
    if reference is None:
        if hasattr(rule, "golden"):
            raise SkipCheck("golden data stands for reference(p, gradients)")
        raise Unproven("it carries neither reference(p, gradients) nor golden(), so that its formula may be another")
    large = large_gradient(dtype)
    p, gradients = numbers((N,), dtype, STEPS)
    gradients[3::7] = 0
    gradients[5, ::2], gradients[30, 1::4] = 1 / large, large
    course = Trajectory(rule, [p], shown=())
    got = np.array([pieces[0] for pieces in course.follow([g] for g in gradients)])
    want = np.array([list(reference(float(p[i]), map(float, gradients[:, i]))) for i in range(N)]).T
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    reach = np.maximum.accumulate(np.maximum(abs(want), abs(p)))  # rounding grows with the largest value so far
    require_close("p after each step", got, want, tolerance, tolerance * reach)
    require_finite("the state after extreme gradients", course.states[0])


def require_golden_paths(rule: Any) -> None:
    """Compare with `golden()`, tuples of (arguments, p, gradient of each step, p after each step), to 1e-10.

    Further parts, in this order: of a rule that observes, the gradient that it is shown before each step; of one that
    probes, the point of each step; of one that predicts with other parameters, these after each step.
    """
    cases = list(rule.golden()) if hasattr(rule, "golden") else []
    if not cases:
        raise Unproven(f"it carries no golden() paths, which alone could tell its formula: its scope is {rule.scope!r}")
    for arguments, start, gradients, path, *more in cases:
        p, further = np.asarray(start, dtype=np.float64), dict(zip(_capabilities(rule), more, strict=False))
        course = Trajectory(type(rule)(**arguments), [p], shown=[[np.asarray(g)] for g in further.get(Observe, ())])
        got, predicting = [], []
        for g in np.asarray(gradients, dtype=np.float64):
            got += course.follow([[g]])[0]
            predicting.append(course.evaluated())
        _require_path(f"p after each step with {arguments}", got, path)
        if Probe in further:
            _require_path(f"the point of each probe with {arguments}", [at for (at,) in course.probed], further[Probe])
        if EvaluationParams in further:
            _require_path(f"what predicts after each step with {arguments}", predicting, further[EvaluationParams])


def require_further_part(rule: Any, capability: type, what: str) -> None:
    """Unproven where no case of `golden()` has the further part of a capability, which would tell."""
    place = 4 + _capabilities(rule).index(capability)
    if not any(len(case) > place for case in (rule.golden() if hasattr(rule, "golden") else ())):
        raise Unproven(f"no case of golden() has a part number {place + 1}, {what}")


def _capabilities(rule: object) -> list[type]:
    """Those of which golden cases have a further part, in order."""
    return [capability for capability in (Observe, Probe, EvaluationParams) if isinstance(rule, capability)]


def _require_path(name: str, got: Sequence[HostArray], path: object) -> None:
    want = np.asarray(path, dtype=np.float64)
    require_close(name, np.array(got), want, 1e-10, 1e-10 * max_abs(want))


def large_gradient(dtype: np.dtype[Any]) -> float:
    """A gradient whose square does not overflow in the dtype."""
    return 1e15 if dtype == np.float32 else 1e30
