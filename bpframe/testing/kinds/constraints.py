"""The laws of a constraint: a projection to the nearest allowed point.  p any shape."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.engine.hyperparameters import Settings
from bpframe.protocols.traits import scope_of
from bpframe.testing.kinds.applies import applies_checks
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import close, finite, require, same, scale, shaped
from bpframe.testing.laws.purity import deterministic, untouched
from bpframe.testing.laws.trajectory import param_of
from bpframe.testing.report import Check, Skipped
from bpframe.types import HostArray, Shape

DOUBLE = precision.DTYPES[1]
SHAPE = (4, 3)
OTHERS = 50  # allowed points that must not be nearer


def constraint_checks(constraint: Any) -> dict[str, Check]:
    """The checks by name."""
    both = partial(_in_dtype, constraint)
    return {
        "projection": partial(_projection, constraint),
        "nearest": partial(_nearest, constraint),
        "slices": partial(_slices, constraint),
        "shape": partial(_shapes, constraint),
        "dtype": lambda: precision.kept(both),
        "float32": lambda: precision.agreeing(both),
        "purity": lambda: untouched("project", constraint.project, _p(SHAPE), _h(constraint, SHAPE)),
        "determinism": partial(deterministic(constraint), partial(both, DOUBLE)),
        "extremes": partial(_extremes, constraint),
        **applies_checks(constraint),
    }


def _p(shape: Shape, seed: int = 0) -> HostArray:
    return np.random.default_rng(seed).normal(size=shape) * 3


def _h(constraint: Any, shape: Shape, dtype: np.dtype[Any] = DOUBLE) -> Any:
    settings = Settings(constraint, dtype.type)
    settings.note(param=param_of(shape))
    return settings.at(0)


def _project(constraint: Any, p: HostArray) -> HostArray:
    return np.asarray(constraint.project(p, _h(constraint, p.shape, p.dtype)))


def _in_dtype(constraint: Any, dtype: np.dtype[Any]) -> HostArray:
    made: HostArray = constraint.project(_p(SHAPE).astype(dtype), _h(constraint, SHAPE, dtype))
    return made


def _projection(constraint: Any) -> None:
    """An allowed point stays where it is: projecting twice is projecting once."""
    for seed in range(5):
        once = _project(constraint, _p(SHAPE, seed))
        close("a second projection", _project(constraint, once), once, 1e-12, 1e-12)


def _nearest(constraint: Any) -> None:
    """No other allowed point is nearer than the projection."""
    allowed = [_project(constraint, _p(SHAPE, seed)) for seed in range(OTHERS)]
    for seed in range(OTHERS, OTHERS + 5):
        p = _p(SHAPE, seed)
        distance = float(np.linalg.norm(p - _project(constraint, p)))
        least = min(float(np.linalg.norm(p - other)) for other in allowed)
        require(distance <= least + 1e-9, f"the projection is {distance:.4g} from p, an allowed point only {least:.4g}")


def _slices(constraint: Any) -> None:
    """In scope "element", which it has unless it says otherwise, p may be cut anywhere."""
    if scope_of(constraint) != "element":
        raise Skipped("its scope is a whole parameter")
    p = _p((12,))
    parts = [_project(constraint, p[cut]) for cut in (slice(0, 5), slice(5, 5), slice(5, None))]
    same("the projection of slices", np.concatenate(parts), _project(constraint, p))


def _shapes(constraint: Any) -> None:
    for shape in (SHAPE, (5,), (1, 1), (0, 3)):
        made = _project(constraint, _p(shape))
        shaped(f"the projection of shape {shape}", made, shape)
        finite(f"the projection of shape {shape}", made)


def _extremes(constraint: Any) -> None:
    """Finite at 0, at 1e-30 and at 1e4."""
    for dtype in precision.DTYPES:
        for size in (0.0, 1e-30, 1e4):
            p = (size * np.sign(_p(SHAPE))).astype(dtype)
            finite(f"the projection at {size:g}, largest value {scale(p):g}", _project(constraint, p))
