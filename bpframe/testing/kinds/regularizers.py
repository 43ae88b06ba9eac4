"""The laws of regularizers.  p any shape, penalty 0-d, its gradient like p."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.engine.hyperparameters import Settings
from bpframe.protocols import Regularizer
from bpframe.testing.kinds.applies import applies_checks
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import require, require_close, require_finite, require_shape
from bpframe.testing.laws.finite_differences import GradientProblem, verify_gradient
from bpframe.testing.laws.kinks import one_sided_slopes, require_subgradient
from bpframe.testing.laws.purity import call_read_only, determinism_check
from bpframe.testing.laws.scheduled_settings import require_schedulable
from bpframe.testing.report import Check
from bpframe.types import HostArray, Shape

DOUBLE = precision.DTYPES[1]
SHAPE = (4, 3)


def regularizer_checks(regularizer: Regularizer) -> dict[str, Check]:
    """The checks by name."""
    both = partial(_both, regularizer)
    return {
        "gradient": partial(verify_gradient, "gradient", partial(_problem, regularizer)),
        "kinks": partial(_kinks, regularizer),
        "pieces": partial(_pieces, regularizer),
        "shape": partial(_shapes, regularizer),
        "dtype": lambda: precision.require_dtype_kept(both),
        "float32": lambda: precision.require_float32_close(both),
        "purity": lambda: call_read_only("penalty", regularizer.value_and_gradient, _p(SHAPE), _h(regularizer)),
        "determinism": partial(determinism_check(regularizer), partial(both, DOUBLE)),
        "schedules": partial(require_schedulable, regularizer, partial(_both, dtype=DOUBLE)),
        **applies_checks(regularizer),
    }


def _p(shape: Shape, seed: int = 0) -> HostArray:
    return np.random.default_rng(seed).normal(size=shape)


def _h(regularizer: Regularizer, dtype: np.dtype[Any] = DOUBLE) -> Any:
    return Settings(regularizer, dtype.type).at(0)


def _value(regularizer: Regularizer, p: HostArray) -> Any:
    return regularizer.value_and_gradient(p, _h(regularizer))[0]


def _both(regularizer: Regularizer, dtype: np.dtype[Any]) -> dict[str, Any]:
    value, gradient = regularizer.value_and_gradient(_p(SHAPE).astype(dtype), _h(regularizer, dtype))
    return {"penalty": value, "gradient": gradient}


def _problem(regularizer: Regularizer, seed: int) -> GradientProblem:
    h = _h(regularizer)
    return GradientProblem(
        lambda at: regularizer.value_and_gradient(at, h)[0],
        lambda at: regularizer.value_and_gradient(at, h)[1],
        _p(SHAPE, seed),
    )


def _kinks(regularizer: Regularizer) -> None:
    """At 0, where penalties like l1 have a kink, the gradient is a subgradient."""
    zero = np.zeros(SHAPE)
    slope = np.asarray(regularizer.value_and_gradient(zero, _h(regularizer))[1])
    axes = np.eye(zero.size).reshape(-1, *SHAPE)
    for d in (*axes, *(_p(SHAPE, seed) for seed in range(5))):
        behind, ahead = one_sided_slopes(lambda at: _value(regularizer, at), zero, d)
        require_subgradient("the gradient", np.sum(slope * d), behind, ahead, lambda _: "along a direction at 0")


def _pieces(regularizer: Regularizer) -> None:
    """Penalties of slices add up; that of an empty slice is 0."""
    p = _p(SHAPE)
    parts = [float(_value(regularizer, p[rows])) for rows in (slice(0, 1), slice(1, 1), slice(1, None))]
    require_close("the penalty of pieces", np.array(sum(parts)), np.asarray(_value(regularizer, p)), 1e-12)
    require(parts[1] == 0, f"the penalty of an empty piece must be 0, got {parts[1]}")


def _shapes(regularizer: Regularizer) -> None:
    for shape in (SHAPE, (5,), (1,), (0, 3)):
        value, gradient = regularizer.value_and_gradient(_p(shape), _h(regularizer))
        require_shape(f"the penalty of shape {shape}", value, ())
        require_shape(f"the gradient of shape {shape}", gradient, shape)
        require_finite(f"the result of shape {shape}", [value, gradient])
