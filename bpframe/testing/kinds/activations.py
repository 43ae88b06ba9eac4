"""The laws of activations.  u points of any shape, v = value(u) and derivative(v) alike.

An activation may declare the points at which its derivative jumps, `kinks = (0.0,)`. Jumps on a grid are found anyway.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.network.backprop import as_layer
from bpframe.network.context import EVALUATION
from bpframe.protocols import Activation
from bpframe.testing.kinds.layers import layer_checks
from bpframe.testing.kinds.ranges import range_checks
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import require, require_finite, require_shape
from bpframe.testing.laws.finite_differences import GradientProblem, verify_gradient
from bpframe.testing.laws.kinks import one_sided_slopes, require_subgradient, slope_jumps
from bpframe.testing.laws.purity import call_read_only, determinism_check
from bpframe.testing.report import Check, SkipCheck
from bpframe.types import HostArray

SHAPES = ((1, 1), (7, 3), (0, 3), (3, 0), (5,))
EXTREMES = np.array([[-1e4, -100.0, -1e-30, 0.0, 1e-30, 100.0, 1e4]])
GRID = np.arange(-320, 321) / 40  # includes integers, halves and tenths
STEEP = 1e30  # a value at +-80 beyond this grows like an exponential


def activation_checks(activation: Activation) -> dict[str, Check]:
    """The checks by name; those of a layer for an activation with forward and backward of its own."""
    kinks = {"kinks": partial(_kinks, activation)}
    if hasattr(activation, "forward"):
        layer: Any = activation
        return layer_checks(layer, (4,)) | (kinks if hasattr(activation, "kinks") else {})
    u = np.random.default_rng(1).normal(size=(6, 4)) * 2
    both = partial(_both, activation)
    return {
        "gradient": partial(_gradient, activation),
        **kinks,
        "shape": partial(_shapes, activation),
        "dtype": lambda: precision.require_dtype_kept(lambda dtype: both(u.astype(dtype))),
        "float32": lambda: precision.require_float32_close(lambda dtype: both(u.astype(dtype))),
        "purity": partial(_purity, activation, u),
        "determinism": partial(determinism_check(activation), partial(both, u)),
        "extremes": partial(_extremes, activation),
        **range_checks(activation, lambda: np.asarray(activation.value(np.concatenate([GRID, EXTREMES[0]])))),
    }


def _both(activation: Activation, u: HostArray) -> dict[str, Any]:
    v = activation.value(u)
    return {"value": v, "derivative": activation.derivative(v)}


def _gradient(activation: Activation) -> None:
    for shape in SHAPES:
        verify_gradient("derivative", partial(_problem, activation, shape))


def _problem(activation: Activation, shape: tuple[int, ...], seed: int) -> GradientProblem:
    rng = np.random.default_rng(seed)
    u, w = rng.normal(size=shape) * 2, rng.normal(size=shape)
    return GradientProblem(
        lambda at: np.sum(np.asarray(w * activation.value(at))),
        lambda at: w * activation.derivative(activation.value(at)),
        u,
    )


def _kinks(activation: Activation) -> None:
    """At a kink, and where the grid finds one, the derivative lies between the slopes on either side."""
    declared = np.array(getattr(activation, "kinks", ()), dtype=np.float64)
    u = np.concatenate([declared, GRID])[None, :]
    layer = as_layer(activation)
    behind, ahead = one_sided_slopes(lambda at: layer.forward({}, at, EVALUATION)[0], u, np.ones_like(u))
    at_kink = slope_jumps(behind, ahead)[0]
    unreal = declared[~at_kink[: len(declared)]]
    require(not len(unreal), f"the slope does not jump at u = {unreal[:1]}, which kinks names")
    if not at_kink.any():
        raise SkipCheck("its derivative has no jumps")
    cache = layer.forward({}, u, EVALUATION)[1]
    slope = np.asarray(layer.backward({}, cache, np.ones_like(u), EVALUATION)[0])
    points = u[0, at_kink]
    require_subgradient(
        "derivative",
        slope[0, at_kink],
        behind[0, at_kink],
        ahead[0, at_kink],
        lambda index: f"at the kink u = {points[index]:g}",
    )


def _shapes(activation: Activation) -> None:
    for shape in SHAPES:
        for name, array in _both(activation, np.ones(shape)).items():
            require_shape(name, array, shape)


def _purity(activation: Activation, u: HostArray) -> None:
    v = call_read_only("value", activation.value, u)
    call_read_only("derivative", activation.derivative, np.array(v))


def _extremes(activation: Activation) -> None:
    """Finite at +-1e4, unless the value itself overflows, as an exponential does."""
    for dtype in precision.DTYPES:
        result = _both(activation, EXTREMES.astype(dtype))
        steep = np.abs(_both(activation, (80 * np.sign(EXTREMES)).astype(dtype))["value"]) > STEEP
        overflows = steep & (np.abs(EXTREMES) > 80)
        require_finite(
            "result", {name: np.where(overflows & np.isinf(array), 0, array) for name, array in result.items()}
        )
