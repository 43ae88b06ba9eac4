"""A component around another either passes on what that one can do, or is refused in words.

Shapes: x (33, 4) with means far from 0, y (33,) of three classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import IncompatibleComponent
from bpframe.protocols import Layer
from bpframe.testing.suite import all_checks

X = np.random.default_rng(0).normal(5.0, 3.0, size=(33, 4))
Y = np.arange(33) % 3
HEAD = bp.layers.dense(3)


class Wrapper:
    """y = f(x), f any layer; nothing of its own."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def init(self, rng: Any, in_shape: Any) -> Any:
        return self.inner.init(rng, in_shape)

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return self.inner.forward(params, x, context)

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return self.inner.backward(params, cache, dy, context)


class Passing(Wrapper):
    """y = f(x), whose buffers follow the data."""

    def refresh(self, params: Any, cache: Any) -> Any:
        return self.inner.refresh(params, cache)


@dataclass(frozen=True, slots=True)
class Slotted:
    """y = f(x), with slots."""

    inner: Layer

    init = Wrapper.init
    forward = Wrapper.forward
    backward = Wrapper.backward


def trainer(first: Any, **settings: Any) -> Any:
    return bp.Trainer(bp.Network([first, HEAD]), "softmax_cross_entropy", **settings)


batch_norm, standardize = bp.layers.batch_norm(), bp.layers.standardize()


@pytest.mark.parametrize(
    ("layer", "method"),
    [
        (Wrapper(batch_norm), "refresh"),
        (Wrapper(standardize), "fit"),
        (Wrapper([("one", batch_norm)]), "refresh"),
        (Wrapper({"one": standardize}), "fit"),
        (Slotted(batch_norm), "refresh"),
        (bp.layers.residual([Wrapper(batch_norm)]), "refresh"),
        (Wrapper(bp.layers.sequential([standardize, batch_norm])), "refresh"),
        (bp.layers.dense(4, activation=batch_norm), "refresh"),
    ],
)
def test_a_layer_around_buffers_that_nobody_would_move_is_refused(layer, method):
    with pytest.raises(IncompatibleComponent, match=f"which has '{method}', but has none itself.*passes on"):
        trainer(layer)


@pytest.mark.parametrize("layer", [Wrapper(batch_norm), Wrapper(standardize)])
def test_the_kit_finds_it(layer):
    with pytest.raises(IncompatibleComponent, match="but has none itself"):
        all_checks("layer", layer)["nested capabilities"]()


def test_a_layer_that_passes_on_is_taken_and_moves_the_statistics():
    made = trainer(Passing(batch_norm))
    made.fit(X, Y, epochs=2, batch_size=33)
    np.testing.assert_allclose(made.parameters["passing_1/buffers/mean"], (1 - 0.9**2) * X.mean(axis=0), rtol=1e-5)
    all_checks("layer", Passing(batch_norm))["nested capabilities"]()


@pytest.mark.parametrize("layer", [Wrapper(HEAD), Wrapper(bp.layers.layer_norm()), bp.layers.residual([batch_norm])])
def test_layers_without_such_buffers_and_containers_of_bpframe_are_taken(layer):
    trainer(layer)


class Half:
    """g <- half of what another step makes of it."""

    scope = "element"

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def init(self, p: Any) -> Any:
        return self.inner.init(p)

    def transform(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return 0.5 * g, state


@pytest.mark.parametrize(
    ("name", "method"), [("accumulate", "period"), ("decoupled_weight_decay", "adjust"), ("clip_global_norm", "totals")]
)
def test_a_gradient_step_around_another_is_refused_where_it_hides_what_that_does(name, method):
    inner = bp.build("gradient_step", {"name": name, **({"steps": 2} if name == "accumulate" else {})})
    with pytest.raises(IncompatibleComponent, match=f"gradient_step Half holds {name}, which has '{method}'"):
        trainer(HEAD, gradient_steps=[Half(inner)])


class Twice:
    """penalty = twice that of another."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def value_and_gradient(self, p: Any, h: Any) -> Any:
        value, gradient = self.inner.value_and_gradient(p, h)
        return 2 * value, 2 * gradient


def test_a_penalty_on_activations_is_not_turned_into_one_on_weights():
    with pytest.raises(IncompatibleComponent, match="regularizer Twice holds activity, which has 'on'"):
        trainer(HEAD, regularizers=[Twice(bp.build("regularizer", "activity"))])
