"""Activations with their scalar formulas, and the points to compare them at.

The formulas here know u alone; the activations take their derivative from the value, or from what they keep.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import special

from bpframe.network.backprop import as_layer
from bpframe.network.context import EVALUATION
from bpframe_activations.arctan import Arctan
from bpframe_activations.celu import Celu
from bpframe_activations.elu import Elu
from bpframe_activations.exponential import Exponential
from bpframe_activations.gelu import Gelu
from bpframe_activations.glu import Glu
from bpframe_activations.hard_sigmoid import HardSigmoid
from bpframe_activations.hard_tanh import HardTanh
from bpframe_activations.hardshrink import Hardshrink
from bpframe_activations.hardswish import Hardswish
from bpframe_activations.identity import Identity
from bpframe_activations.isru import Isru
from bpframe_activations.leaky_relu import LeakyRelu
from bpframe_activations.log_sigmoid import LogSigmoid
from bpframe_activations.log_softmax import LogSoftmax
from bpframe_activations.mish import Mish
from bpframe_activations.quick_gelu import QuickGelu
from bpframe_activations.relu import Relu
from bpframe_activations.relu6 import Relu6
from bpframe_activations.selu import Selu
from bpframe_activations.sigmoid import Sigmoid
from bpframe_activations.silu import Silu
from bpframe_activations.softmax import Softmax
from bpframe_activations.softplus import Softplus
from bpframe_activations.softshrink import Softshrink
from bpframe_activations.softsign import Softsign
from bpframe_activations.sparsemax import Sparsemax
from bpframe_activations.squareplus import Squareplus
from bpframe_activations.swiglu import Swiglu
from bpframe_activations.tanh import Tanh
from bpframe_activations.tanhshrink import Tanhshrink
from bpframe_activations.threshold import Threshold

DTYPES = (np.float32, np.float64)
TINY = np.finfo(np.float64).tiny  # below it a float has fewer digits
Scalar = Callable[[float], float]


def density(u: float) -> float:
    return math.exp(-u * u / 2) / math.sqrt(2 * math.pi)


def logistic(u: float) -> float:
    return 1 / (1 + math.exp(-u))


def bell(u: float) -> float:
    """The slope of the logistic function."""
    return 0.25 / math.cosh(u / 2) ** 2


def log1pexp(u: float) -> float:
    return math.log1p(math.exp(u))


def tanh_gelu(u: float) -> tuple[float, float]:
    """(value, slope) of the approximation by tanh."""
    t = math.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3))
    inner = math.sqrt(2 / math.pi) * (1 + 0.134145 * u**2)
    return u * (1 + t) / 2, (1 + t) / 2 + u * (1 - t * t) * inner / 2


def mish_slope(u: float) -> float:
    """Misra's own form of it, with omega and delta."""
    e = math.exp(u)
    omega = 4 * (u + 1) + 4 * e**2 + e**3 + e * (4 * u + 6)
    return e * omega / (2 * e + e**2 + 2) ** 2


@dataclass(frozen=True)
class Case:
    """An elementwise activation, its formula, the formula of its slope, and its slope at each kink."""

    activation: Any
    phi: Scalar
    slope: Scalar
    at_kinks: tuple[tuple[float, float], ...] = ()


def leaky(slope: float) -> tuple[Scalar, Scalar]:
    return lambda u: u if u > 0 else slope * u, lambda u: 1.0 if u > 0 else slope


def elu(alpha: float) -> tuple[Scalar, Scalar]:
    return lambda u: u if u > 0 else alpha * math.expm1(u), lambda u: 1.0 if u > 0 else alpha * math.exp(u)


def celu(a: float) -> tuple[Scalar, Scalar]:
    return lambda u: u if u > 0 else a * math.expm1(u / a), lambda u: 1.0 if u > 0 else math.exp(u / a)


def softplus(beta: float) -> tuple[Scalar, Scalar]:
    return lambda u: log1pexp(beta * u) / beta, lambda u: logistic(beta * u)


def isru(alpha: float) -> tuple[Scalar, Scalar]:
    return lambda u: u / math.sqrt(1 + alpha * u * u), lambda u: (1 + alpha * u * u) ** -1.5


def squareplus(b: float) -> tuple[Scalar, Scalar]:
    """For u < 0 times and over the conjugate."""
    root: Scalar = lambda u: math.sqrt(u * u + b)  # noqa: E731  (a formula of three lines reads best in three lines)
    return (
        lambda u: (u + root(u)) / 2 if u > 0 else b / (root(u) - u) / 2,
        lambda u: (1 + u / root(u)) / 2 if u > 0 else b / (root(u) - u) / root(u) / 2,
    )


def shrink(t: float, by: float) -> tuple[Scalar, Scalar]:
    return lambda u: math.copysign(abs(u) - by, u) if abs(u) > t else 0.0, lambda u: float(abs(u) > t)


def threshold(t: float, low: float) -> tuple[Scalar, Scalar]:
    return lambda u: u if u > t else low, lambda u: float(u > t)


SELU, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
CASES = [
    Case(Identity(), lambda u: u, lambda u: 1.0),
    Case(Sigmoid(), logistic, bell),
    Case(Tanh(), lambda u: math.sinh(u) / math.cosh(u), lambda u: math.cosh(u) ** -2),
    Case(Arctan(), lambda u: math.atan2(u, 1), lambda u: 1 / (1 + u * u)),
    Case(Softsign(), lambda u: u / (1 + abs(u)), lambda u: (1 + abs(u)) ** -2),
    *[Case(Isru(alpha), *isru(alpha)) for alpha in (1.0, 0.3, 4.0)],
    Case(Relu(), lambda u: (u + abs(u)) / 2, lambda u: float(u > 0), ((0.0, 0.0),)),
    Case(Relu6(), lambda u: min(max(u, 0.0), 6.0), lambda u: float(0 < u < 6), ((0.0, 0.0), (6.0, 0.0))),
    *[Case(LeakyRelu(a), *leaky(a), ((0.0, a),)) for a in (0.01, 0.2, 3.0)],
    Case(LeakyRelu(1.0), *leaky(1.0)),
    Case(Elu(), *elu(1.0)),
    *[Case(Elu(alpha), *elu(alpha), ((0.0, alpha),)) for alpha in (0.5, 2.0)],
    *[Case(Celu(alpha), *celu(alpha)) for alpha in (1.0, 0.5, 2.0)],
    Case(
        Selu(),
        lambda u: SELU * u if u > 0 else SELU * SELU_ALPHA * math.expm1(u),
        lambda u: SELU if u > 0 else SELU * SELU_ALPHA * math.exp(u),
        ((0.0, SELU * SELU_ALPHA),),
    ),
    *[Case(Softplus(beta), *softplus(beta)) for beta in (1.0, 0.5, 5.0)],
    Case(LogSigmoid(), lambda u: -log1pexp(-u), lambda u: logistic(-u)),
    *[Case(Squareplus(b), *squareplus(b)) for b in (4.0, 0.1, 4 * math.log(2) ** 2)],
    Case(Exponential(), math.exp, math.exp),
    Case(
        HardSigmoid(),
        lambda u: min(max(u / 6 + 0.5, 0.0), 1.0),
        lambda u: 1 / 6 if abs(u) < 3 else 0.0,
        ((-3.0, 0.0), (3.0, 0.0)),
    ),
    Case(HardTanh(), lambda u: min(max(u, -1.0), 1.0), lambda u: float(abs(u) < 1), ((-1.0, 0.0), (1.0, 0.0))),
    *[Case(Softshrink(t), *shrink(t, t), ((-t, 0.0), (t, 0.0))) for t in (0.5, 1.5)],
    *[Case(Hardshrink(t), *shrink(t, 0), ((-t, 0.0), (t, 0.0))) for t in (0.5, 1.5)],
    *[
        Case(Threshold(t, low), *threshold(t, low), ((t, 0.0),))
        for t, low in ((1.0, 0.0), (0.0, -2.0), (0.5, 0.5), (-1.0, -1.5))
    ],
    Case(Gelu(), lambda u: u * special.ndtr(u), lambda u: special.ndtr(u) + u * density(u)),
    Case(Gelu("tanh"), lambda u: tanh_gelu(u)[0], lambda u: tanh_gelu(u)[1]),
    Case(QuickGelu(), lambda u: u * logistic(1.702 * u), lambda u: logistic(1.702 * u) + 1.702 * u * bell(1.702 * u)),
    Case(Silu(), lambda u: u * logistic(u), lambda u: logistic(u) + u * bell(u)),
    Case(Mish(), lambda u: u * math.tanh(log1pexp(u)), mish_slope),
    Case(
        Hardswish(),
        lambda u: u * min(max(u + 3, 0.0), 6.0) / 6,
        lambda u: u / 3 + 0.5 if abs(u) < 3 else float(u > 0),
        ((-3.0, 0.0), (3.0, 1.0)),
    ),
    Case(Tanhshrink(), lambda u: u - math.tanh(u), lambda u: math.tanh(u) ** 2),
]
ROW_WISE = (Softmax(), LogSoftmax(), Sparsemax())
GATED = (Glu(), Swiglu())
EACH = pytest.mark.parametrize("dtype", DTYPES)


def both(activation: Any, u: np.ndarray, dy: Any = None, params: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """(value, what comes back for dy, or for ones); parameters as they begin, in u's dtype."""
    layer = as_layer(activation)
    made, _ = layer.init(np.random.default_rng(0), u.shape[1:])
    params = {name: leaf.astype(u.dtype) for name, leaf in made.items()} if params is None else params
    v, cache = layer.forward(params, u, EVALUATION)
    dx, _ = layer.backward(params, cache, np.ones_like(v) if dy is None else dy, EVALUATION)
    assert dx is not None
    return v, dx
