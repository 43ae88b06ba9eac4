"""Layers that hold layers are the composition by hand, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe import tree
from bpframe.errors import ConfigError, ShapeError
from bpframe.network.context import StepContext
from bpframe.protocols import Fit, Refresh, Statistics
from bpframe_activations.relu import Relu
from bpframe_activations.tanh import Tanh
from bpframe_layers.activation import ActivationLayer
from bpframe_layers.batch_norm import BatchNorm
from bpframe_layers.dense import Dense
from bpframe_layers.dropout import Dropout
from bpframe_layers.parallel import Parallel
from bpframe_layers.reshape import Reshape
from bpframe_layers.residual import Residual
from bpframe_layers.sequential import Sequential
from bpframe_layers.standardize import Standardize
from tests.plugins.layer_cases import BLOCK, KEY, ROW, TRAINING, Array, drawn, given, rows


def dense_pass(params: Any, x: Array, dy: Array) -> tuple[Array, Array, Any]:
    """(y, dx, gradients) of tanh(x w + b), by hand."""
    y = np.tanh(x @ params["weight"] + params["bias"])
    delta = dy * (1 - y**2)
    return y, delta @ params["weight"].T, {"weight": x.T @ delta, "bias": delta.sum(axis=0)}


def same(found: Any, want: Any) -> None:
    """Two trees of arrays agree."""
    found, want = tree.flatten(found), tree.flatten(want)
    assert found.keys() == want.keys()
    for name, array in want.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-12, atol=1e-14)


def both_ways(layer: Any, params: Any, x: Array, dy: Array) -> Any:
    """{y, dx, gradients} as one tree."""
    y, cache = layer.forward(params, x, TRAINING)
    dx, gradients = layer.backward(params, cache, dy, TRAINING)
    return {"y": y, "dx": dx, **gradients}


def test_sequential_and_residual_are_the_composition_by_hand():
    layers = (Dense(4, Tanh()), Dense(5, Tanh()))
    params, x, dy = drawn(Sequential(layers), ROW), rows(Dense(1), ROW), rows(Dense(1), ROW, seed=1)
    middle = np.tanh(x @ params["dense_1"]["weight"] + params["dense_1"]["bias"])
    y, dmiddle, second = dense_pass(params["dense_2"], middle, dy)
    _, dx, first = dense_pass(params["dense_1"], x, dmiddle)
    same(both_ways(Sequential(layers), params, x, dy), {"y": y, "dx": dx, "dense_1": first, "dense_2": second})
    same(both_ways(Residual(layers), params, x, dy), {"y": x + y, "dx": dy + dx, "dense_1": first, "dense_2": second})


def test_parallel_is_its_branches_side_by_side_or_added_by_hand():
    x, dy = rows(Dense(1), ROW), rows(Dense(1), (6,), seed=1)
    uneven, even = Parallel((Dense(2, Tanh()), Dense(4, Tanh()))), Parallel((Dense(6, Tanh()), Dense(6, Tanh())), "sum")
    for layer, parts in ((uneven, (dy[:, :2], dy[:, 2:])), (even, (dy, dy))):
        params = drawn(layer, ROW)
        one, two = (dense_pass(params[f"dense_{k}"], x, part) for k, part in enumerate(parts, start=1))
        y = np.concatenate([one[0], two[0]], axis=1) if layer is uneven else one[0] + two[0]
        same(both_ways(layer, params, x, dy), {"y": y, "dx": one[1] + two[1], "dense_1": one[2], "dense_2": two[2]})


def test_layers_in_a_sequential_train_to_the_bits_of_the_same_layers_in_the_network():
    layers = ["standardize", bp.layers.dense(8, activation="tanh"), "batch_norm", bp.layers.dense(6), "layer_norm"]
    flat, nested = bp.Network(layers), bp.Network([bp.layers.sequential(layers[:3]), bp.layers.sequential(layers[3:])])
    x = np.random.default_rng(0).normal(3, 2, size=(50, 4))
    y = np.random.default_rng(1).integers(0, 6, 50)
    one, two = (bp.Trainer(n, "softmax_cross_entropy", {"name": "adam", "lr": 0.01}) for n in (flat, nested))
    for trainer in (one, two):
        trainer.trace(x, y)
    places = ("standardize_1", "dense_1", "batch_norm_1"), ("dense_2", "layer_norm_1")
    inside = {label: f"sequential_{k}/{label}" for k, labels in enumerate(places, start=1) for label in labels}
    inside["dense_2"] = "sequential_2/dense_1"  # numbers start again in each
    names = {name: inside[name.split("/")[0]] + name[name.index("/") :] for name in one.parameters}
    for name, inner in names.items():
        two.parameters[inner] = one.parameters[name]
    for trainer in (one, two):
        trainer.fit(x, y, epochs=4, batch_size=16)
    assert one.history.train["loss"] == two.history.train["loss"]
    for name, inner in names.items():
        np.testing.assert_array_equal(two.parameters[inner], one.parameters[name])
    assert (one.parameters["batch_norm_1/buffers/mean"] != 0).all()


def test_running_statistics_inside_layers_follow_training_at_every_depth():
    deep = bp.layers.residual([bp.layers.parallel([bp.layers.sequential(["batch_norm"]), "dropout"], join="sum")])
    x = np.random.default_rng(0).normal(5, 2, size=(20, 3))
    trainer = bp.Trainer(bp.Network([deep, bp.layers.dense(1)]), loss="mse", dtype="float64")
    trainer.fit(x, x[:, 0], epochs=3, batch_size=20)
    name = "residual_1/parallel_1/sequential_1/batch_norm_1/buffers"
    np.testing.assert_allclose(trainer.parameters[f"{name}/mean"], (1 - 0.9**3) * x.mean(axis=0), rtol=1e-12)
    spread = 0.9**3 + (1 - 0.9**3) * x.var(axis=0, ddof=1)
    np.testing.assert_allclose(trainer.parameters[f"{name}/variance"], spread, rtol=1e-12)


def test_a_layer_that_holds_layers_has_the_capabilities_and_traits_of_those():
    for hold in (
        lambda *inside: Sequential(inside),
        lambda *inside: Residual(inside),
        lambda *inside: Parallel(inside),
    ):
        plain = hold(Dense(3))
        assert not isinstance(plain, Refresh | Statistics | Fit)
        assert not plain.stochastic
        assert isinstance(hold(Dense(3), hold(BatchNorm())), Refresh)
        assert isinstance(hold(Dense(3), hold(BatchNorm())), Statistics)
        assert isinstance(hold(hold(Standardize()), Dense(3)), Fit)
        assert hold(hold(Dropout())).stochastic


def test_each_layer_inside_draws_for_itself_by_its_label():
    x = np.ones((3, 40))
    layer = Parallel((Dropout(), Dropout(), Sequential((Dropout(), ActivationLayer(Relu())))))
    one, two, three = np.split(given(layer, x), 3, axis=1)
    assert (one != two).any()
    assert (one != three).any()
    for y, key in ((one, KEY.child("dropout_1")), (three, KEY.child("sequential_1").child("dropout_1"))):
        np.testing.assert_array_equal(y, given(Dropout(), x, context=StepContext(True, True, key)))
    spared = layer.forward({}, x, StepContext(True, False, KEY))[0]
    np.testing.assert_array_equal(spared, np.concatenate([one, two, three], axis=1))


class Spy:
    """The identity, which notes whether it was asked for dx on the way back."""

    def __init__(self, trained: bool, buffers: bool = False) -> None:
        self.trained, self.buffers = trained, buffers
        self.asked: list[bool] = []

    def init(self, rng: Any, in_shape: Any) -> Any:
        params = {"shift": np.zeros(1)} if self.trained else {}
        return {**params, **({"buffers": {"mean": np.zeros(1)}} if self.buffers else {})}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return x, None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        self.asked.append(context.need_dx)
        return (dy if context.need_dx else None), ({"shift": dy.sum()[None]} if self.trained else {})


@pytest.mark.parametrize("hold", [Sequential, Residual])
def test_without_need_dx_the_way_back_ends_at_the_lowest_layer_with_something_to_train(hold):
    spies = (Spy(False, buffers=True), Spy(True), Spy(False), Spy(True))
    layer = hold(spies)
    params, _ = layer.init(np.random.default_rng(0), ROW)
    params = tree.nest(tree.flatten(params))  # as a trainer hands them out: without empty branches
    for need_dx in (True, False):
        context = StepContext(True, need_dx, KEY)
        y, cache = layer.forward(params, np.ones((2, 5)), context)
        dx, gradients = layer.backward(params, cache, y, context)
        assert (dx is not None) == need_dx
        assert tree.flatten(gradients).keys() == {"spy_2/shift", "spy_4/shift"}
    assert [spy.asked for spy in spies] == [[True], [True, False], [True, True], [True, True]]


def test_labels_inside_are_made_as_in_a_network():
    layers = [bp.layers.dense(5), "dropout", bp.layers.dense(5, label="middle"), {"name": "dense", "units": 5}]
    for layer in (bp.layers.sequential(layers), bp.layers.residual(layers), bp.layers.parallel(layers)):
        params, _ = layer.init(np.random.default_rng(0), ROW)
        assert tuple(params) == bp.Network(layers).labels == ("dense_1", "dropout_1", "middle", "dense_3")


@pytest.mark.parametrize("hold", ["sequential", "residual", "parallel"])
def test_layers_inside_need_different_labels_and_there_must_be_one(hold):
    make, twice = getattr(bp.layers, hold), [bp.layers.dense(2, label="a"), bp.layers.dense(2, label="a")]
    with pytest.raises(ConfigError, match=f"{hold} needs a different label for each layer"):
        make(twice)
    with pytest.raises(ConfigError, match=f"{hold} needs at least one"):
        make([])


def test_shapes_that_do_not_fit_inside_are_told_with_the_way_to_the_layer():
    bad = bp.layers.sequential(["flatten", bp.layers.reshape([2, 3]), bp.layers.reshape([5])])
    with pytest.raises(
        ShapeError, match=r"^layer 1 \('sequential_1'\): layer 3 \('reshape_2'\): .* before it, 'reshape_1'"
    ):
        bp.Network([bad]).init(0, (6,))
    with pytest.raises(ShapeError, match=r"residual needs layers that keep the shape of a row, \(6,\), .* \(2,\)"):
        bp.layers.residual([bp.layers.dense(2)]).init(np.random.default_rng(0), (6,))
    with pytest.raises(ShapeError, match=r"branch 'reshape_1': reshape needs"):
        bp.layers.parallel([bp.layers.reshape([5])]).init(np.random.default_rng(0), BLOCK)
    with pytest.raises(ShapeError, match=r"join 'sum' needs outputs of one shape, got \[\(2,\), \(3,\)\]"):
        Parallel((Dense(2), Dense(3)), "sum").init(np.random.default_rng(0), ROW)
    with pytest.raises(ShapeError, match="join 'concat' needs outputs of one shape but for the last axis"):
        Parallel((Reshape((1, 5)), Dense(3))).init(np.random.default_rng(0), ROW)
