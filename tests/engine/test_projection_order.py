"""Constraints hold together: they project in an order in which each holds; where there is none, a fit is refused.

Sizes: 20 rows of 4 numbers, weights (4, 6) and (6, 1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError

DRAWS = np.random.default_rng(4)
X, Y = DRAWS.normal(size=(20, 4)), DRAWS.normal(size=(20, 1))
UNIT, ROWS, SIGN = bp.constraints.unit_norm(), bp.constraints.unit_norm(axis=1), bp.constraints.non_negative()
HALF, TWO = bp.constraints.max_norm(0.5), bp.constraints.max_norm(2.0)


def trainer_of(*constraints: Any, start: str = "glorot_uniform", **more: Any) -> bp.Trainer:
    layers = [bp.layers.dense(6, activation="tanh", weight_initializer=start), bp.layers.dense(1)]
    return bp.Trainer(bp.Network(layers), "mse", "adam", constraints=list(constraints), **more)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (
            (UNIT, HALF),
            r"max_norm\(limit=0.5\) leads '.*' out of the set of unit_norm\(\), and no other .* one of the two out\.$",
        ),
        ((HALF, ROWS), r"unit_norm\(axis=1\) leads .* out of the set of max_norm\(limit=0.5\)"),
    ],
)
def test_a_constraint_that_leads_out_of_an_earlier_ones_set_is_refused(pair, message, dtype, engine):
    with pytest.raises(ConfigError, match=message):
        trainer_of(*pair, dtype=dtype, engine=engine).fit(X, Y, epochs=1)


def test_of_three_constraints_the_two_that_do_not_hold_together_are_named():
    with pytest.raises(ConfigError, match=r"max_norm\(.* leads 'dense_1/weight' out of the set of unit_norm\(\)"):
        trainer_of(SIGN, UNIT, HALF).fit(X, Y, epochs=1)


def test_a_start_that_hides_the_conflict_is_refused_too():
    with pytest.raises(ConfigError, match="max_norm"):
        trainer_of(UNIT, HALF, start="zeros").fit(X, Y, epochs=1)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize(
    ("given", "held"), [((UNIT, SIGN), (SIGN, UNIT)), ((TWO, UNIT, SIGN), (TWO, SIGN, UNIT))], ids=str
)
def test_an_order_that_does_not_hold_gives_the_bits_of_the_first_that_does(given, held, engine):
    first, second = trainer_of(*given, engine=engine), trainer_of(*held, engine=engine)
    for trainer in (first, second):
        trainer.fit(X, Y, epochs=2)
        trainer.parameters["dense_1/weight"] = -trainer.parameters["dense_1/weight"] + 0.1
    for name, value in second.parameters.items():
        assert np.array_equal(first.parameters[name], value)
    assert first.parameters["dense_1/weight"].min() >= 0


def test_a_limit_that_is_lowered_between_two_fits_is_refused_and_the_trainer_goes_on_with_the_old_one():
    trainer = trainer_of(UNIT, TWO)
    trainer.fit(X, Y, epochs=1)
    trainer.constraints = [UNIT, HALF]
    with pytest.raises(ConfigError, match="max_norm"):
        trainer.fit(X, Y, epochs=1)
    trainer.constraints = [UNIT, TWO]
    assert len(trainer.fit(X, Y, epochs=1)) == 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "order", [(SIGN, UNIT), (UNIT, SIGN), (TWO, SIGN), (SIGN, TWO), (TWO, UNIT), (UNIT, TWO), (UNIT, UNIT)]
)
def test_constraints_that_hold_together_train_and_each_holds(order, dtype):
    trainer = trainer_of(*order, dtype=dtype)
    trainer.fit(X, Y, epochs=3)
    for name in ("dense_1/weight", "dense_2/weight"):
        w = trainer.parameters[name]
        lengths = np.sqrt((w.astype(np.float64) ** 2).sum(axis=0))
        assert SIGN not in order or w.min() >= 0
        assert TWO not in order or lengths.max() <= 2 + 1e-6
        assert UNIT not in order or abs(lengths[lengths > 0] - 1).max() < 1e-6


def test_lengths_of_long_float32_columns_count_as_held():
    layers = [bp.layers.dense(1)]
    trainer = bp.Trainer(bp.Network(layers), "mse", "adam", constraints=[UNIT, bp.constraints.max_norm(1.0)])
    trainer.fit(np.ones((4, 100_000), np.float32), Y[:4], epochs=1)


def test_the_question_is_not_asked_of_one_constraint(monkeypatch):
    def refuse(*_: Any) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr("bpframe.engine.projection_order.project", refuse)
    trainer_of(TWO).fit(X, Y, epochs=1)
    with pytest.raises(AssertionError, match="asked"):
        trainer_of(TWO, SIGN).fit(X, Y, epochs=1)
