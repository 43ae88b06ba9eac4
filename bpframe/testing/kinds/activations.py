"""The laws of an activation.  u points of any shape, v = value(u) and derivative(v) alike.

One whose derivative jumps may say where, `kinks = (0.0,)`. Jumps on a grid are found without.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.network.backprop import as_layer
from bpframe.network.context import EVALUATION
from bpframe.testing.kinds.layers import layer_checks
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import finite, require, shaped
from bpframe.testing.laws.finite_differences import Problem, verify
from bpframe.testing.laws.kinks import between, kinked, sides
from bpframe.testing.laws.purity import deterministic, untouched
from bpframe.testing.report import Check, Skipped
from bpframe.types import HostArray

SHAPES = ((1, 1), (7, 3), (0, 3), (3, 0), (5,))
EXTREMES = np.array([[-1e4, -100.0, -1e-30, 0.0, 1e-30, 100.0, 1e4]])
GRID = np.arange(-320, 321) / 40  # the integers, the halves and the tenths among them
STEEP = 1e30  # a value at +-80 beyond this grows like an exponential


def activation_checks(activation: Any) -> dict[str, Check]:
    """The checks by name; those of a layer for an activation that brings its own way back."""
    kinks = {"kinks": partial(_kinks, activation)}
    if hasattr(activation, "forward"):
        return layer_checks(activation, (4,)) | (kinks if hasattr(activation, "kinks") else {})
    u = np.random.default_rng(1).normal(size=(6, 4)) * 2
    both = partial(_both, activation)
    return {
        "gradient": partial(_gradient, activation),
        **kinks,
        "shape": partial(_shapes, activation),
        "dtype": lambda: precision.kept(lambda dtype: both(u.astype(dtype))),
        "float32": lambda: precision.agreeing(lambda dtype: both(u.astype(dtype))),
        "purity": partial(_untouched, activation, u),
        "determinism": partial(deterministic(activation), partial(both, u)),
        "extremes": partial(_extremes, activation),
    }


def _both(activation: Any, u: HostArray) -> dict[str, Any]:
    v = activation.value(u)
    return {"value": v, "derivative": activation.derivative(v)}


def _gradient(activation: Any) -> None:
    for shape in SHAPES:
        verify("derivative", partial(_problem, activation, shape))


def _problem(activation: Any, shape: tuple[int, ...], seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    u, w = rng.normal(size=shape) * 2, rng.normal(size=shape)
    return Problem(
        lambda at: np.sum(w * activation.value(at)), lambda at: w * activation.derivative(activation.value(at)), u
    )


def _kinks(activation: Any) -> None:
    """At a kink, and where the grid finds one, the derivative lies between the slopes on either side."""
    declared = np.array(getattr(activation, "kinks", ()), dtype=np.float64)
    u = np.concatenate([declared, GRID])[None, :]
    layer = as_layer(activation)
    behind, ahead = sides(lambda at: layer.forward({}, at, EVALUATION)[0], u, np.ones_like(u))
    at_kink = kinked(behind, ahead)[0]
    unreal = declared[~at_kink[: len(declared)]]
    require(not len(unreal), f"the slope does not jump at u = {unreal[:1]}, which kinks names")
    if not at_kink.any():
        raise Skipped("its derivative has no jumps")
    cache = layer.forward({}, u, EVALUATION)[1]
    slope = np.asarray(layer.backward({}, cache, np.ones_like(u), EVALUATION)[0])
    points = u[0, at_kink]
    between(
        "derivative",
        slope[0, at_kink],
        behind[0, at_kink],
        ahead[0, at_kink],
        lambda index: f"at the kink u = {points[index]:g}",
    )


def _shapes(activation: Any) -> None:
    for shape in SHAPES:
        for name, array in _both(activation, np.ones(shape)).items():
            shaped(name, array, shape)


def _untouched(activation: Any, u: HostArray) -> None:
    v = untouched("value", activation.value, u)
    untouched("derivative", activation.derivative, np.array(v))


def _extremes(activation: Any) -> None:
    """Finite at +-1e4, except where the value itself is beyond every float, as that of an exponential."""
    for dtype in precision.DTYPES:
        result = _both(activation, EXTREMES.astype(dtype))
        steep = np.abs(_both(activation, (80 * np.sign(EXTREMES)).astype(dtype))["value"]) > STEEP
        overflows = steep & (np.abs(EXTREMES) > 80)
        finite("result", {name: np.where(overflows & np.isinf(array), 0, array) for name, array in result.items()})
