"""The laws of a regularizer.  p any shape, penalty 0-d, its gradient like p."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.engine.hyperparameters import Settings
from bpframe.testing.kinds.applies import applies_checks
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import close, finite, require, shaped
from bpframe.testing.laws.finite_differences import Problem, verify
from bpframe.testing.laws.kinks import between, sides
from bpframe.testing.laws.purity import deterministic, untouched
from bpframe.testing.laws.scheduled_settings import follows_schedules
from bpframe.testing.report import Check
from bpframe.types import HostArray, Shape

DOUBLE = precision.DTYPES[1]
SHAPE = (4, 3)


def regularizer_checks(regularizer: Any) -> dict[str, Check]:
    """The checks by name."""
    both = partial(_both, regularizer)
    return {
        "gradient": partial(verify, "gradient", partial(_problem, regularizer)),
        "kinks": partial(_kinks, regularizer),
        "pieces": partial(_pieces, regularizer),
        "shape": partial(_shapes, regularizer),
        "dtype": lambda: precision.kept(both),
        "float32": lambda: precision.agreeing(both),
        "purity": lambda: untouched("penalty", regularizer.value_and_gradient, _p(SHAPE), _h(regularizer)),
        "determinism": partial(deterministic(regularizer), partial(both, DOUBLE)),
        "schedules": partial(follows_schedules, regularizer, partial(_both, dtype=DOUBLE)),
        **applies_checks(regularizer),
    }


def _p(shape: Shape, seed: int = 0) -> HostArray:
    return np.random.default_rng(seed).normal(size=shape)


def _h(regularizer: Any, dtype: np.dtype[Any] = DOUBLE) -> Any:
    return Settings(regularizer, dtype.type).at(0)


def _value(regularizer: Any, p: HostArray) -> Any:
    return regularizer.value_and_gradient(p, _h(regularizer))[0]


def _both(regularizer: Any, dtype: np.dtype[Any]) -> dict[str, Any]:
    value, gradient = regularizer.value_and_gradient(_p(SHAPE).astype(dtype), _h(regularizer, dtype))
    return {"penalty": value, "gradient": gradient}


def _problem(regularizer: Any, seed: int) -> Problem:
    h = _h(regularizer)
    return Problem(
        lambda at: regularizer.value_and_gradient(at, h)[0],
        lambda at: regularizer.value_and_gradient(at, h)[1],
        _p(SHAPE, seed),
    )


def _kinks(regularizer: Any) -> None:
    """At 0, where penalties like l1 have a kink, the gradient is a subgradient."""
    zero = np.zeros(SHAPE)
    slope = np.asarray(regularizer.value_and_gradient(zero, _h(regularizer))[1])
    axes = np.eye(zero.size).reshape(-1, *SHAPE)
    for d in (*axes, *(_p(SHAPE, seed) for seed in range(5))):
        behind, ahead = sides(lambda at: _value(regularizer, at), zero, d)
        between("the gradient", np.sum(slope * d), behind, ahead, lambda _: "along a direction at 0")


def _pieces(regularizer: Any) -> None:
    """Penalties of pieces add up; that of nothing is 0."""
    p = _p(SHAPE)
    parts = [float(_value(regularizer, p[rows])) for rows in (slice(0, 1), slice(1, 1), slice(1, None))]
    close("the penalty of pieces", np.array(sum(parts)), np.asarray(_value(regularizer, p)), 1e-12)
    require(parts[1] == 0, f"the penalty of an empty piece must be 0, got {parts[1]}")


def _shapes(regularizer: Any) -> None:
    for shape in (SHAPE, (5,), (1,), (0, 3)):
        value, gradient = regularizer.value_and_gradient(_p(shape), _h(regularizer))
        shaped(f"the penalty of shape {shape}", value, ())
        shaped(f"the gradient of shape {shape}", gradient, shape)
        finite(f"the result of shape {shape}", [value, gradient])
