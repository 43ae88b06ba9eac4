"""A foreign component that breaks its protocol at a later step than the dry run saw is named, on every engine's way.

Shapes: x (40, 3), y (40, 1), batches of 8 rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import BrokenComponent, IncompatibleComponent, PluginError
from bpframe.network.guards import is_foreign, view

X = np.random.default_rng(0).normal(size=(40, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]])
LATE = 12  # calls that are right


class Late:
    """Right in its first calls; `fault(result, *arguments)` from then on."""

    def __init__(self, fault: Any = lambda result, *arguments: result) -> None:
        self.fault, self.calls = fault, 0

    def late(self, result: Any, *arguments: Any) -> Any:
        self.calls += 1
        return result if self.calls < LATE else self.fault(result, *arguments)


class Loss(Late):
    """loss = r^2 / 2."""

    link = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        r = scores - target
        return self.late((0.5 * np.sum(r * r, axis=-1), r), scores, target)


class Layer(Late):
    """y = scale x."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {"scale": np.ones(in_shape)}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return self.late((params["scale"] * x, x), x, params["scale"])

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        gradients = {"scale": np.sum(dy * cache, axis=0)}
        return self.late((params["scale"] * dy, gradients), dy, params["scale"])


class Rule(Late):
    """p <- p - 0.01 g."""

    scope = "element"

    def init(self, p: Any) -> Any:
        return {}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return self.late((p - p.dtype.type(0.01) * g, state), p, g)


class Step(Late):
    """g <- g / 2."""

    scope = "element"

    def init(self, p: Any) -> Any:
        return {}

    def transform(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return self.late((p.dtype.type(0.5) * g, state), p, g)


class Penalty(Late):
    """penalty = sum p^2 / 2."""

    def value_and_gradient(self, p: Any, h: Any) -> Any:
        return self.late((0.5 * np.sum(p * p), p.copy()), p, p)


class Ball(Late):
    """|p| <= 1."""

    def project(self, p: Any, h: Any) -> Any:
        return self.late(np.clip(p, -1, 1), p, p)


def write(place: int) -> Any:
    def fault(result: Any, *arguments: Any) -> Any:
        arguments[place][...] = 0
        return result

    return fault


def fit(layers: Any = (), loss: Any = "mse", optimizer: Any = "sgd", epochs: int = 8, **settings: Any) -> Any:
    made = bp.Trainer(bp.Network([*layers, bp.layers.dense(1)]), loss, optimizer, dtype="float64", **settings)
    made.fit(X, Y, epochs=epochs, batch_size=8)
    return made


PARTS: dict[str, tuple[type[Late], Any]] = {
    "loss": (Loss, lambda part: {"loss": part}),
    "layer": (Layer, lambda part: {"layers": [bp.layers.dense(3), part]}),
    "layer first": (Layer, lambda part: {"layers": [part]}),
    "layer in a container": (Layer, lambda part: {"layers": [bp.layers.sequential([part])]}),
    "optimizer": (Rule, lambda part: {"optimizer": part}),
    "optimizer in another": (Rule, lambda part: {"optimizer": {"name": "ema", "inner": part}}),
    "gradient step": (Step, lambda part: {"gradient_steps": [part]}),
    "regularizer": (Penalty, lambda part: {"regularizers": [part]}),
    "constraint": (Ball, lambda part: {"constraints": [part]}),
}


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("kind", PARTS)
def test_a_late_write_to_an_argument_is_an_error_of_the_component(kind, place):
    cls, settings = PARTS[kind]
    with pytest.raises(BrokenComponent, match=rf"{cls.__name__} fails in .*read-only"):
        fit(**settings(cls(write(place))))


@pytest.mark.parametrize("kind", PARTS)
def test_components_that_keep_their_protocol_train_to_the_bits_of_a_run_without_guards(kind, monkeypatch):
    cls, settings = PARTS[kind]
    guarded = fit(**settings(cls()))
    for module in ("bpframe.network.gradients", "bpframe.engine.update_guards"):
        monkeypatch.setattr(f"{module}.is_foreign", lambda kind, part: False)
    for name, array in fit(**settings(cls())).parameters.items():
        np.testing.assert_array_equal(guarded.parameters[name], array)


FIRST = slice(0, 1)
SHAPES = {
    "a value for all rows": (
        "loss",
        lambda r, *_: (r[0].sum(), r[1]),
        r"loss Loss: .* values, must be \(8,\)",
    ),
    "one value of a row": ("loss", lambda r, *_: (r[0][FIRST], r[1]), r"values, must be \(8,\), got \(1,\)"),
    "a slope of one row": ("loss", lambda r, *_: (r[0], r[1][FIRST]), r"delta, must be \(8, 1\), got \(1, 1\)"),
    "a vector of slopes": ("loss", lambda r, *_: (r[0], r[1][:, 0]), r"delta, must be \(8, 1\), got \(8,\)"),
    "one row": ("layer", lambda r, *_: (r[0][FIRST], r[1]), r"layer Layer: (forward|backward, dx,) must be \(8, 3\)"),
    "one row inside": ("layer in a container", lambda r, *_: (r[0][FIRST], r[1]), "layer Layer: (forward|backward)"),
    "one parameter": ("optimizer", lambda r, *_: (r[0][FIRST], r[1]), r"optimizer Rule: update, p, must be \(4,\)"),
    "one number": (
        "gradient step",
        lambda r, *_: (r[0][FIRST], r[1]),
        "gradient_step Step: transform, g,",
    ),
    "one slope": ("regularizer", lambda r, *_: (r[0], r[1][FIRST]), "regularizer Penalty: value_and_gradient, grad"),
    "one place": ("constraint", lambda r, *_: r[FIRST], r"constraint Ball: project must be \(3,\), got \(1,\)"),
}


@pytest.mark.parametrize("what", SHAPES)
def test_a_late_result_of_another_shape_is_named_with_the_component(what):
    kind, fault, words = SHAPES[what]
    cls, settings = PARTS[kind]
    with pytest.raises(IncompatibleComponent, match=words):
        fit(**settings(cls(fault)))


class OnFew:
    """loss = r^2 / 2; a slope of one row for more than 5 rows, in array functions that a compiler takes."""

    link = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        r = scores - target
        return 0.5 * r[:, 0] * r[:, 0], r[:1] if len(r) > 5 else r


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_slope_that_is_wrong_for_larger_batches_is_the_loss_s_on_both_engines(engine):
    with pytest.raises(IncompatibleComponent, match=r"loss OnFew: value_and_delta, delta, must be \(8, 1\)"):
        fit(loss=OnFew(), engine=engine)


class Reading:
    """A metric of predictions that writes into one of its arguments."""

    of, best = "predictions", "min"

    def __init__(self, place: int) -> None:
        self.place = place

    def value(self, *arguments: Any) -> float:
        arguments[self.place][...] = 0
        return 0.0


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_metric_cannot_write_to_what_it_measures(place):
    with pytest.raises(BrokenComponent, match=r"Reading fails in value.*read-only"):
        fit(metrics=[Reading(place)])


class Encoding(Loss):
    """loss = r^2 / 2, whose targets write into y."""

    def encode_target(self, y: Any, learned: Any) -> Any:
        y[...] = 0
        return y


class Fitted(Layer):
    """y = scale x, which writes into the rows that it is fitted to."""

    def fit(self, params: Any, x: Any) -> Any:
        x[...] = 0
        return params


@pytest.mark.parametrize("settings", [{"loss": Encoding()}, {"layers": [Fitted()]}])
def test_the_user_s_own_rows_and_targets_cannot_be_written_to(settings):
    before = X.copy(), Y.copy()
    with pytest.raises(PluginError, match="read-only"):
        fit(**settings)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(Y, before[1])


def test_only_foreign_components_and_what_holds_them_are_guarded():
    assert not is_foreign("layer", bp.layers.sequential([bp.layers.dense(3, activation="tanh")]))
    assert is_foreign("layer", bp.layers.sequential([Layer()]))
    assert is_foreign("loss", Loss())
    assert not is_foreign("loss", bp.losses.heads(["mse"], [1]))
    assert is_foreign("loss", bp.losses.heads([Loss()], [1]))


def test_a_view_shares_its_numbers_and_anything_else_is_itself():
    array = np.zeros(3)
    assert np.shares_memory(view(array), array)
    assert not view(array).flags.writeable
    assert array.flags.writeable
    assert view(4.0) == 4.0
