"""The laws of an activation.  u points of any shape, v = value(u) and derivative(v) alike."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.registry import registry
from bpframe.testing import precision
from bpframe.testing.comparison import finite, shaped
from bpframe.testing.gradients import Problem, verify
from bpframe.testing.layers import layer_checks
from bpframe.testing.purity import deterministic, untouched
from bpframe.testing.report import Check, Report, run_checks
from bpframe.types import HostArray

SHAPES = ((1, 1), (7, 3), (0, 3))
EXTREMES = np.array([[-1e4, -100.0, -1e-30, 0.0, 1e-30, 100.0, 1e4]])


def check_activation(activation: Any) -> Report:
    """A report, or CheckFailed: derivative(value(u)) is the slope at u, and nothing else goes wrong."""
    return run_checks(f"activation {activation!r}", activation_checks(activation))


def activation_checks(activation: Any) -> dict[str, Check]:
    """The checks by name; those of a layer for an activation that brings its own way back."""
    if hasattr(activation, "forward"):
        return layer_checks(activation, (4,), "activation")
    u = np.random.default_rng(1).normal(size=(6, 4)) * 2
    both = partial(_both, activation)
    return {
        "protocol": partial(registry.check, "activation", activation, None),
        "gradient": partial(_gradient, activation),
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


def _shapes(activation: Any) -> None:
    for shape in SHAPES:
        for name, array in _both(activation, np.ones(shape)).items():
            shaped(name, array, shape)


def _untouched(activation: Any, u: HostArray) -> None:
    v = untouched("value", activation.value, u)
    untouched("derivative", activation.derivative, np.array(v))


def _extremes(activation: Any) -> None:
    for dtype in precision.DTYPES:
        finite("result", _both(activation, EXTREMES.astype(dtype)))
