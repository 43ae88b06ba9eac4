"""The laws of initializers: a float64 array of the requested shape, drawn from the generator in the argument.

An initializer may declare its variance around a mean of 0, `variance(fan_in, fan_out) -> float`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.protocols import Initializer
from bpframe.registry import arguments
from bpframe.testing.laws.comparison import require, require_shape
from bpframe.testing.laws.purity import determinism_check
from bpframe.testing.report import Check, SkipCheck
from bpframe.types import HostArray, Shape

MATRICES: tuple[Shape, ...] = ((6, 4), (4, 6), (4, 4))
ODD: tuple[Shape, ...] = ((5,), (1,), (1, 1), (0, 4), (6, 0), (0,))
LARGE = (200, 300)
ERRORS = 6.0  # standard errors that a moment of a large sample may be off


def initializer_checks(initializer: Initializer) -> dict[str, Check]:
    """The checks by name."""
    checks: dict[str, Check] = {
        "values": partial(_values, initializer),
        "shapes": partial(_shapes, initializer),
        "determinism": partial(determinism_check(initializer), partial(_example, initializer)),
    }
    if hasattr(initializer, "variance"):
        checks["moments"] = partial(_moments, initializer)
    return checks


def accepted_shape(initializer: Initializer) -> Shape:
    """A shape that it accepts: of a matrix, a vector or a list among its arguments; (6, 4) if there is none."""
    nested = [np.shape(value) for value in arguments(initializer).values() if isinstance(value, list | tuple)]
    return next((shape for shape in (*MATRICES, (5,), *nested) if _takes(initializer, shape)), MATRICES[0])


def _sample(initializer: Initializer, shape: Shape, seed: int = 0) -> HostArray:
    fans = (shape[0], shape[-1]) if len(shape) == 2 else (3, shape[0])
    array: HostArray = initializer.sample(np.random.default_rng(seed), shape, *fans)
    return array


def _takes(initializer: Initializer, shape: Shape) -> bool:
    """Whether it accepts the shape; others must raise a ValueError, such as ShapeError or ConfigError."""
    try:
        _sample(initializer, shape)
    except ValueError:
        return False
    return True


def _example(initializer: Initializer) -> HostArray:
    return _sample(initializer, accepted_shape(initializer))


def _values(initializer: Initializer) -> None:
    """float64, finite, of the requested shape."""
    shape = accepted_shape(initializer)
    _require_valid(_sample(initializer, shape), shape)


def _shapes(initializer: Initializer) -> None:
    """The same for vectors and empty arrays that it accepts."""
    taken = [shape for shape in ODD if _takes(initializer, shape)]
    for shape in taken:
        _require_valid(_sample(initializer, shape), shape)
    if not taken:
        raise SkipCheck(f"it takes none of the shapes {', '.join(map(str, ODD))}")


def _require_valid(array: Any, shape: Shape) -> None:
    require_shape("the sample", array, shape)
    require(array.dtype == np.float64, f"the sample of shape {shape} must be float64, got {array.dtype}")
    require(np.isfinite(array).all(), f"the sample of shape {shape} must be finite")


def _moments(initializer: Any) -> None:
    """Mean 0 and the declared variance in a large sample."""
    array = _sample(initializer, LARGE).reshape(-1)
    want = initializer.variance(*LARGE)
    mean, variance = float(array.mean()), float(array.var())
    spread = float(np.mean((array - mean) ** 4) - variance**2) ** 0.5
    n = array.size**0.5
    require(abs(mean) <= ERRORS * want**0.5 / n, f"the mean of {array.size} draws must be 0, got {mean:.3g}")
    require(
        abs(variance - want) <= ERRORS * max(spread, want / 100) / n,
        f"the variance of {array.size} draws must be {want:.4g}, got {variance:.4g}",
    )
