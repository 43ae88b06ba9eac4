"""The laws of an initializer: a float64 array of the shape that is asked for, drawn from the generator that is given.

One that knows its variance may say so, `variance(fan_in, fan_out) -> float`, around a mean of 0.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.registry import arguments
from bpframe.testing.laws.comparison import require, shaped
from bpframe.testing.laws.purity import deterministic
from bpframe.testing.report import Check, Skipped
from bpframe.types import HostArray, Shape

MATRICES: tuple[Shape, ...] = ((6, 4), (4, 6), (4, 4))
ODD: tuple[Shape, ...] = ((5,), (1,), (1, 1), (0, 4), (6, 0), (0,))
LARGE = (200, 300)
ERRORS = 6.0  # standard errors that a moment of a large sample may be off


def initializer_checks(initializer: Any) -> dict[str, Check]:
    """The checks by name."""
    checks: dict[str, Check] = {
        "values": partial(_values, initializer),
        "shapes": partial(_shapes, initializer),
        "determinism": partial(deterministic(initializer), partial(_drawn, initializer)),
    }
    if hasattr(initializer, "variance"):
        checks["moments"] = partial(_moments, initializer)
    return checks


def fitting_shape(initializer: Any) -> Shape:
    """A shape that it takes: of a matrix, or that of the numbers among its own arguments; (6, 4) if there is none."""
    nested = [np.shape(value) for value in arguments(initializer).values() if isinstance(value, list | tuple)]
    return next((shape for shape in (*MATRICES, (5,), *nested) if _takes(initializer, shape)), MATRICES[0])


def _sample(initializer: Any, shape: Shape, seed: int = 0) -> HostArray:
    fans = (shape[0], shape[-1]) if len(shape) == 2 else (3, shape[0])
    array: HostArray = initializer.sample(np.random.default_rng(seed), shape, *fans)
    return array


def _takes(initializer: Any, shape: Shape) -> bool:
    """A shape that makes no sense is refused with a ValueError; ShapeError and ConfigError are such."""
    try:
        _sample(initializer, shape)
    except ValueError:
        return False
    return True


def _drawn(initializer: Any) -> HostArray:
    return _sample(initializer, fitting_shape(initializer))


def _values(initializer: Any) -> None:
    """float64, finite, of the shape asked for."""
    shape = fitting_shape(initializer)
    _sound(_sample(initializer, shape), shape)


def _shapes(initializer: Any) -> None:
    """Vectors and empty arrays too, where it takes them."""
    taken = [shape for shape in ODD if _takes(initializer, shape)]
    for shape in taken:
        _sound(_sample(initializer, shape), shape)
    if not taken:
        raise Skipped(f"it takes none of the shapes {', '.join(map(str, ODD))}")


def _sound(array: Any, shape: Shape) -> None:
    shaped("the sample", array, shape)
    require(array.dtype == np.float64, f"the sample of shape {shape} must be float64, got {array.dtype}")
    require(np.isfinite(array).all(), f"the sample of shape {shape} must be finite")


def _moments(initializer: Any) -> None:
    """Mean 0 and the variance that it names, in a large sample."""
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
