"""A batch norm whose parameters are frozen works as in evaluation, and its running statistics stand still.

Shapes: x (32, 4) with means far from 0, y (32,) of three classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError
from bpframe.network.context import frozen_layers

X = np.random.default_rng(0).normal(5.0, 3.0, size=(32, 4))
Y = np.arange(32) % 3
ENGINES = pytest.mark.parametrize("engine", ["numpy", "jax"])
FROZEN = [{"match": "*batch_norm_1/*", "frozen": True}]
FLAT = [bp.layers.dense(5, activation="tanh"), bp.layers.batch_norm(), bp.layers.dense(3, label="last")]
INSIDE = [
    bp.layers.residual([bp.layers.batch_norm(), bp.layers.dense(4), bp.layers.dropout(0.3)]),
    bp.layers.parallel([bp.layers.batch_norm(), bp.layers.dense(2)]),
    bp.layers.dense(3),
]


def trainer(layers: Any, groups: Any = FROZEN, engine: Any = "numpy", **settings: Any) -> Any:
    network = bp.Network(layers, inputs=4)
    return bp.Trainer(network, "softmax_cross_entropy", groups=groups, engine=engine, dtype="float64", **settings)


def buffers(made: Any) -> dict[str, Any]:
    return {name: array for name, array in made.parameters.copy().items() if "/buffers/" in name}


def start(made: Any) -> Any:
    """Running statistics of an earlier training, as they would come with a model that is tuned further."""
    for name, array in buffers(made).items():
        made.parameters[name] = np.linspace(0.5, 2.0, array.size)
    return made


def same(one: Any, two: Any, **tolerance: float) -> None:
    for name, array in one.items():
        np.testing.assert_allclose(array, two[name], **(tolerance or {"rtol": 0}))


EAGER = {"name": "numpy", "scripts": False}
CASES = [(FLAT, "numpy"), (FLAT, EAGER), (INSIDE, "numpy"), (INSIDE, "jax")]


@pytest.mark.parametrize(("layers", "engine"), CASES, ids=["flat", "flat, eager", "inside", "inside, jax"])
def test_statistics_stand_still_where_all_parameters_of_the_layer_are_frozen(layers, engine):
    made = start(trainer(layers, engine=engine))
    before = buffers(made)
    made.fit(X, Y, epochs=15, batch_size=8)  # long enough for the step to be replayed
    same(buffers(made), before)
    if engine != "jax":
        free = start(trainer(layers, groups=(), engine=engine))
        free.fit(X, Y, epochs=1, batch_size=8)
        assert all((array != before[name]).all() for name, array in buffers(free).items())


@ENGINES
def test_the_frozen_layer_trains_the_others_as_a_fixed_affine_map_does(engine):
    made = start(trainer(FLAT, engine=engine))
    statistics = buffers(made)
    mean, variance = (statistics[f"batch_norm_1/buffers/{name}"] for name in ("mean", "variance"))
    scale = 1 / np.sqrt(variance + 1e-5)
    affine = bp.layers.dense(5, label="batch_norm_1")
    by_hand = trainer([FLAT[0], affine, FLAT[2]], groups=[{"match": "batch_norm_1/*", "frozen": True}])
    by_hand.parameters["batch_norm_1/weight"] = np.diag(scale)
    by_hand.parameters["batch_norm_1/bias"] = -mean * scale
    for name in ("dense_1/weight", "last/weight"):
        by_hand.parameters[name] = made.parameters[name]
    for one in (made, by_hand):
        one.fit(X, Y, epochs=12, batch_size=8)
    for name in ("dense_1/weight", "dense_1/bias", "last/weight", "last/bias"):
        np.testing.assert_allclose(made.parameters[name], by_hand.parameters[name], rtol=1e-9, atol=1e-12)


def test_dropout_beside_a_frozen_batch_norm_goes_on():
    everything = [{"match": "residual_1/*", "frozen": True}]
    layers = [bp.layers.residual([bp.layers.batch_norm(), bp.layers.dropout(0.5)]), bp.layers.dense(3)]
    fits = [trainer(layers, groups=everything, seed=seed) for seed in (0, 0, 1)]
    for made in fits:
        made.parameters["dense_1/weight"] = np.ones((4, 3))
        made.fit(X, Y, epochs=1, batch_size=32, shuffle=False)
    first, again, other = (made.parameters["dense_1/weight"] for made in fits)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("layer", "groups", "moves"),
    [
        (bp.layers.batch_norm(scale=False, center=False), (), True),
        (bp.layers.batch_norm(), [{"match": "batch_norm_1/scale", "frozen": True}], True),
        (bp.layers.batch_norm(scale=False), [{"match": "batch_norm_1/shift", "frozen": True}], False),
        (bp.layers.batch_norm(), [{"match": "batch_norm_1/*", "lr_multiplier": 0.0}], True),
    ],
)
def test_statistics_move_where_a_parameter_trains_or_there_is_none(layer, groups, moves):
    made = trainer([bp.layers.dense(5), layer, bp.layers.dense(3)], groups=groups)
    before = buffers(made)
    made.fit(X, Y, epochs=1)
    assert all((array != before[name]).any() == moves for name, array in buffers(made).items())


@ENGINES
def test_a_run_that_is_resumed_keeps_them_where_they_were(engine, tmp_path):
    whole, first = (start(trainer(INSIDE, engine=engine)) for _ in range(2))
    whole.fit(X, Y, epochs=6, batch_size=8)
    first.fit(X, Y, epochs=3, batch_size=8)
    first.checkpoint(tmp_path / "c.safetensors")
    second = bp.Trainer.resume(tmp_path / "c.safetensors")
    second.fit(X, Y, epochs=3, batch_size=8)
    same(second.parameters.copy(), whole.parameters.copy())


@ENGINES
def test_a_second_trainer_without_the_group_lets_them_move_again(engine):
    made = start(trainer(FLAT, engine=engine))
    made.fit(X, Y, epochs=1, batch_size=8)
    with pytest.raises(ConfigError, match=r"keeps the kinds of its groups.*make a new Trainer"):
        made.groups = ()
    free = trainer(FLAT, groups=(), engine=engine)
    free.parameters.replace(dict(made.parameters.copy()))
    before = buffers(free)
    same(before, buffers(made))
    free.fit(X, Y, epochs=1, batch_size=8)
    assert all((array != before[name]).all() for name, array in buffers(free).items())


def test_only_layers_with_buffers_and_parameters_can_be_frozen_layers():
    tree = {
        "a": {"weight": 1, "buffers": {"mean": 0}},
        "b": {"buffers": {"mean": 0}},
        "c": {"inner": {"scale": 1, "shift": 1, "buffers": {"mean": 0}}, "weight": 1},
        "d": {"weight": 1},
    }
    assert set(frozen_layers(tree, set())) == {("a",), ("c", "inner")}
    assert set(frozen_layers(tree, {("a", "weight"), ("c", "weight")})) == {("c", "inner")}
    assert set(frozen_layers(tree, {("c", "inner", "shift")})) == {("a",)}
