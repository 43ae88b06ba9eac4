"""Small problems, trainers of them, and components that a program registers itself.

Sizes: 23 rows of 4 numbers, 3 classes or 2 quantities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import bpframe as bp

DRAWS = np.random.default_rng(42)
X = DRAWS.normal(size=(23, 4))
LABELS = np.argmax(X[:, :3] + 0.3 * DRAWS.normal(size=(23, 3)), axis=1)
Y = X @ DRAWS.normal(size=(4, 2)) + 0.1 * DRAWS.normal(size=(23, 2))
XV = DRAWS.normal(size=(9, 4))
YV = DRAWS.normal(size=(9, 2))
WEIGHT = DRAWS.integers(0, 4, 23).astype(float)
Parameters = dict[str, Any]


def classifier(**settings: Any) -> Any:
    network = bp.Network([bp.layers.dense(6, activation="tanh"), bp.layers.dense(3)])
    defaults = {"loss": "softmax_cross_entropy", "optimizer": {"name": "sgd", "lr": 0.2}, "dtype": "float64", "seed": 1}
    return bp.Trainer(network, **{**defaults, **settings})


def regressor(layers: Any = None, **settings: Any) -> Any:
    network = bp.Network(layers or [bp.layers.dense(6, activation="tanh"), bp.layers.dense(2)])
    defaults = {"loss": "mse", "optimizer": {"name": "sgd", "lr": 0.1}, "dtype": "float64", "seed": 1}
    return bp.Trainer(network, **{**defaults, **settings})


def linear(**settings: Any) -> Any:
    return regressor([bp.layers.dense(2)], **settings)


def same(one: Any, two: Any) -> bool:
    """Whether two trainers hold the same bits."""
    a, b = one.parameters.copy(), two.parameters.copy()
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def close(one: Any, two: Any, rtol: float = 1e-12) -> None:
    for name, array in one.parameters.items():
        np.testing.assert_allclose(two.parameters[name], array, rtol=rtol, atol=1e-13)


def start_of(trainer: Any) -> Parameters:
    """The initial weights of a linear trainer, taken before it learns."""
    twin = linear(seed=trainer.seed)
    twin.trace(X, Y)
    return {"w": twin.parameters["dense_1/weight"].copy(), "b": twin.parameters["dense_1/bias"].copy()}


NAMES = np.array(["ant", "bee", "caterpillar"])


@dataclass(frozen=True)
class Halve:
    """A gradient step: half the gradient."""

    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> Any:
        return {}

    def transform(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return g * 0.5, state


@dataclass(frozen=True)
class Ball:
    """A constraint: every number of a weight within +-radius."""

    radius: float = 0.25

    def project(self, p: Any, h: Any) -> Any:
        return p.__array_namespace__().clip(p, -h.radius, h.radius)


@dataclass(frozen=True)
class Backwards:
    """A sampler: the last `rows` rows, from the end."""

    rows: int = 6

    def order(self, rng: Any, target: Any, weight: Any) -> Any:
        return np.arange(len(target))[::-1][: self.rows]


@dataclass(frozen=True)
class FourthPower:
    """A loss: the sum of fourth powers of the residuals."""

    scale: float = 1.0
    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        r = scores - target
        return self.scale * (r**4).sum(axis=-1), self.scale * 4 * r**3
