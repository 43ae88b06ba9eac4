"""A rule against its formula written down a second time, number by number, and against paths that others walked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from bpframe.testing.laws.comparison import close, finite
from bpframe.testing.laws.trajectory import N, Trajectory, numbers
from bpframe.testing.report import Skipped

STEPS = 50
Reference = Callable[[float, Iterable[float]], Iterator[float]]


def referred(rule: Any, reference: Reference | None, dtype: np.dtype[Any]) -> None:
    """50 steps of random gradients, zeros, tiny and huge ones among them; nobody observes or goes elsewhere."""
    if rule.scope != "element":
        raise Skipped("a reference for single numbers needs the scope element")
    if reference is None:
        raise Skipped("it carries no reference(p, gradients)")
    large = huge(dtype)
    p, gradients = numbers((N,), dtype, STEPS)
    gradients[3::7] = 0
    gradients[5, ::2], gradients[30, 1::4] = 1 / large, large
    course = Trajectory(rule, [p], observed=False)
    got = np.array([pieces[0] for pieces in course.follow([g] for g in gradients)])
    want = np.array([list(reference(float(p[i]), map(float, gradients[:, i]))) for i in range(N)]).T
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    reach = np.maximum.accumulate(np.maximum(abs(want), abs(p)))  # rounding grows with the largest value so far
    close("p after each step", got, want, tolerance, tolerance * reach)
    finite("the state after extreme gradients", course.states[0])


def golden(rule: Any) -> None:
    """`golden()` gives (arguments, p, gradients a step, p after each step): known paths, met to 1e-10."""
    for arguments, p, gradients, path in rule.golden():
        p, gradients, want = (np.asarray(a, dtype=np.float64) for a in (p, gradients, path))
        made = type(rule)(**arguments)
        got = np.array([pieces[0] for pieces in Trajectory(made, [p], observed=False).follow([g] for g in gradients)])
        close(f"p after each step with {arguments}", got, want, 1e-10, 1e-10 * float(np.max(np.abs(want))))


def huge(dtype: np.dtype[Any]) -> float:
    """A gradient whose square the dtype can still hold."""
    return 1e15 if dtype == np.float32 else 1e30
