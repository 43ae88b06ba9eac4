"""The laws of constraints: projections to the nearest allowed point.  p any shape."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.engine.hyperparameters import Settings
from bpframe.protocols import Constraint
from bpframe.protocols.traits import scope_of
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
from bpframe.testing.laws.purity import call_read_only, determinism_check
from bpframe.testing.laws.trajectory import param_of
from bpframe.testing.report import Check, SkipCheck
from bpframe.types import Array, HostArray, Shape

DOUBLE = precision.DTYPES[1]
SHAPE = (4, 3)
OTHERS = 50  # allowed points that must not be nearer


def constraint_checks(constraint: Constraint) -> dict[str, Check]:
    """The checks by name."""
    both = partial(_in_dtype, constraint)
    return {
        "projection": partial(_projection, constraint),
        "nearest": partial(_nearest, constraint),
        "slices": partial(_slices, constraint),
        "shape": partial(_shapes, constraint),
        "dtype": lambda: precision.require_dtype_kept(both),
        "float32": lambda: precision.require_float32_close(both),
        "purity": lambda: call_read_only("project", constraint.project, _p(SHAPE), _h(constraint, SHAPE)),
        "determinism": partial(determinism_check(constraint), partial(both, DOUBLE)),
        "extremes": partial(_extremes, constraint),
        **applies_checks(constraint),
    }


def _p(shape: Shape, seed: int = 0) -> HostArray:
    return np.random.default_rng(seed).normal(size=shape) * 3


def _h(constraint: Constraint, shape: Shape, dtype: np.dtype[Any] = DOUBLE) -> Any:
    settings = Settings(constraint, dtype.type)
    settings.note(param=param_of(shape))
    return settings.at(0)


def _project(constraint: Constraint, p: HostArray) -> HostArray:
    return np.asarray(constraint.project(p, _h(constraint, p.shape, p.dtype)))


def _in_dtype(constraint: Constraint, dtype: np.dtype[Any]) -> Array:
    return constraint.project(_p(SHAPE).astype(dtype), _h(constraint, SHAPE, dtype))


def _projection(constraint: Constraint) -> None:
    """Allowed points do not move: projecting twice is the same as projecting once."""
    for seed in range(5):
        once = _project(constraint, _p(SHAPE, seed))
        require_close("a second projection", _project(constraint, once), once, 1e-12, 1e-12)


def _nearest(constraint: Constraint) -> None:
    """No other allowed point is nearer than the projection."""
    allowed = [_project(constraint, _p(SHAPE, seed)) for seed in range(OTHERS)]
    for seed in range(OTHERS, OTHERS + 5):
        p = _p(SHAPE, seed)
        distance = float(np.linalg.norm(p - _project(constraint, p)))
        least = min(float(np.linalg.norm(p - other)) for other in allowed)
        require(distance <= least + 1e-9, f"the projection is {distance:.4g} from p, an allowed point only {least:.4g}")


def _slices(constraint: Constraint) -> None:
    """In scope "element", the default, p may be cut anywhere."""
    if scope_of(constraint) != "element":
        raise SkipCheck("its scope is a whole parameter")
    p = _p((12,))
    parts = [_project(constraint, p[cut]) for cut in (slice(0, 5), slice(5, 5), slice(5, None))]
    require_same_bits("the projection of slices", np.concatenate(parts), _project(constraint, p))


def _shapes(constraint: Constraint) -> None:
    for shape in (SHAPE, (5,), (1, 1), (0, 3)):
        result = _project(constraint, _p(shape))
        require_shape(f"the projection of shape {shape}", result, shape)
        require_finite(f"the projection of shape {shape}", result)


def _extremes(constraint: Constraint) -> None:
    """Finite at 0, at 1e-30 and at 1e4."""
    for dtype in precision.DTYPES:
        for size in (0.0, 1e-30, 1e4):
            p = (size * np.sign(_p(SHAPE))).astype(dtype)
            require_finite(f"the projection at {size:g}, largest value {max_abs(p):g}", _project(constraint, p))
