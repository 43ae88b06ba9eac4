"""A plain ValueError of a plugin about shapes or targets is the user's mistake, with the component's name.

Shapes: x (6, 3), y (6,).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import DataError, ShapeError
from bpframe.sklearn import MLPRegressor

X, Y = np.random.default_rng(0).normal(size=(6, 3)), np.arange(6.0)


class Square:
    """loss = sum of r^2 / 2, for targets above 0 and two scores each."""

    link = "identity"
    error: type[Exception] = ValueError

    def target_width(self, outputs: int) -> int:
        if outputs != 2:
            raise self.error("two scores are wanted")
        return 1

    def encode_target(self, y: Any, learned: Any) -> Any:
        if (y <= 0).any():
            raise self.error("y must lie above 0")
        return y.reshape(-1, 1)

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        r = scores - target
        return 0.5 * np.sum(r * r, axis=-1), r


class Odd:
    """y = x, rows of an even width."""

    error: type[Exception] = ValueError

    def init(self, rng: Any, in_shape: Any) -> Any:
        if in_shape[0] % 2:
            raise self.error("an even width is wanted")
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return x, None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy, {}


class Picky:
    """w = 0, square matrices alone."""

    def sample(self, rng: Any, shape: Any, fan_in: int, fan_out: int) -> Any:
        if shape[0] != shape[-1]:
            raise ValueError("a square is wanted")
        return np.zeros(shape)


def fit(*layers: Any, loss: Any = "mse", y: Any = Y) -> Any:
    return bp.Trainer(bp.Network(list(layers)), loss).fit(X, y, epochs=1)


def test_init_of_a_layer_names_the_layer_and_the_rows_it_was_given():
    words = r"^layer 2 \('odd_1'\): odd cannot take rows of shape \(5,\): an even width is wanted\. The layer before it"
    with pytest.raises(ShapeError, match=words):
        fit(bp.layers.dense(5), Odd(), bp.layers.dense(1))
    with pytest.raises(ShapeError, match=r"layer 1 \('odd_1'\): odd cannot take"):
        fit(bp.layers.sequential([Odd()]), bp.layers.dense(1))
    with pytest.raises(ShapeError, match="odd cannot take"):
        bp.Network([Odd()]).summary(3)


def test_an_initializer_names_itself_and_the_parameter_s_shape():
    words = r"^layer 1 \('dense_1'\): picky cannot fill a parameter of shape \(3, 1\): a square is wanted"
    with pytest.raises(ShapeError, match=words):
        fit(bp.layers.dense(1, weight_initializer=Picky()))


def test_the_width_of_targets_is_a_shape_error_of_the_loss():
    with pytest.raises(ShapeError, match=r"^square cannot use 3 scores: two scores are wanted"):
        fit(bp.layers.dense(3), loss=Square())


def test_encoded_targets_are_a_data_error_of_the_loss_at_every_door():
    with pytest.raises(DataError, match=r"^y cannot be used by square: y must lie above 0"):
        fit(bp.layers.dense(2), loss=Square())
    made = bp.Trainer(bp.Network([bp.layers.dense(2)]), Square(), metrics=[])
    with pytest.raises(DataError, match=r"^validation y cannot be used by square"):
        made.fit(X, Y + 1, epochs=1, validation=(X, Y))
    made.fit(X, Y + 1, epochs=1)
    with pytest.raises(DataError, match=r"^y cannot be used by square: y must lie above 0"):
        made.evaluate(X, Y)
    heads = bp.losses.heads([Square(), "mse"], [2, 1], names=["one", "two"])
    with pytest.raises(DataError, match=r"^y of head 'one': y cannot be used by square"):
        fit(bp.layers.dense(3), loss=heads, y={"one": Y, "two": Y})


def test_estimators_find_the_number_of_scores_and_pass_the_data_error_on():
    with pytest.raises(DataError, match="y cannot be used by square"):
        MLPRegressor(loss=Square()).fit(X, Y)


@pytest.mark.parametrize("error", [TypeError, KeyError, ZeroDivisionError])
def test_any_other_error_of_the_programs_own_component_passes_with_a_note(error):
    loss, layer = Square(), Odd()
    loss.error = layer.error = error
    for layers, given, where in (
        ([bp.layers.dense(3)], {"loss": loss}, "loss Square in target_width"),
        ([bp.layers.dense(2)], {"loss": loss}, "loss Square in encode_target"),
        ([layer, bp.layers.dense(1)], {}, "layer Odd in init"),
    ):
        with pytest.raises(error) as caught:
            fit(*layers, **given)
        assert caught.value.__notes__ == [f"Raised by {where}."]
