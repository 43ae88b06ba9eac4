"""Recurrent layers give the outputs and gradients of PyTorch and Keras, on numbers of the real libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe import tree
from bpframe.errors import ConfigError, ShapeError
from bpframe.testing import check_layer
from bpframe_activations.relu import Relu
from bpframe_layers.gru import Gru
from bpframe_layers.lstm import Lstm
from bpframe_layers.rnn import Rnn
from tests.plugins.layer_cases import TRAINING, Array, drawn

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "recurrent.npz")
X, DY = GOLDEN["x"], GOLDEN["dy"]
M = DY.shape[-1]
LAYERS = [Gru(4), Gru(4, reset_after=False), Lstm(4, mask_value=0.0), Rnn(4), Rnn(4, Relu(), mask_value=0.0)]


def gates(array: Array, order: str) -> list[Array]:
    """The parts of the last axis, as the library orders them, in the order of ours."""
    parts = dict(zip(order, np.split(array, len(order), axis=-1), strict=True))
    return [parts[name] for name in {3: "zrc", 4: "ifgo", 1: "h"}[len(order)]]


def of_torch(case: str, order: str, prefix: str = "") -> dict[str, list[Array]]:
    """Weights (or gradients, "d"): transposed, gate by gate, ours of input and recurrent; both biases."""
    names = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
    return {name: gates(GOLDEN[f"{case}/{prefix}{name}"].T, order) for name in names}


def of_keras(case: str, order: str, prefix: str = "") -> dict[str, list[Array]]:
    """The same of Keras, whose bias has a row for each of input and recurrent where the reset comes after."""
    names = "kernel", "recurrent_kernel", "bias"
    weight, recurrent, bias = (GOLDEN[f"{case}/{prefix}{name}"] for name in names)
    inputs, inner = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
    parts = zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), (weight, recurrent, inputs, inner), strict=True)
    return {name: gates(array, order) for name, array in parts}


def params_of(there: dict[str, list[Array]], candidate_bias: bool) -> dict[str, Any]:
    """Our parameters: both biases added up, but for that of the candidate where the reset comes after."""
    inner = [np.zeros_like(b) if candidate_bias and k == 2 else b for k, b in enumerate(there["bias_hh"])]
    params: dict[str, Any] = {
        "weight": np.concatenate(there["weight_ih"], axis=1),
        "bias": np.concatenate([a + b for a, b in zip(there["bias_ih"], inner, strict=True)]),
        "recurrent": {"weight": np.concatenate(there["weight_hh"], axis=1)},
    }
    if candidate_bias:
        params["recurrent"]["bias"] = there["bias_hh"][2]
    return params


CASES = {  # with the tolerance: Keras computes tanh in float32
    "torch_gru": (Gru(M, sequences=True), of_torch, "rzc", 1e-12),
    "torch_lstm": (Lstm(M, sequences=True), of_torch, "ifgo", 1e-12),
    "torch_rnn": (Rnn(M, sequences=True), of_torch, "h", 1e-12),
    "keras_gru": (Gru(M, sequences=True), of_keras, "zrc", 2e-6),
    "keras_gru_before": (Gru(M, sequences=True, reset_after=False), of_keras, "zrc", 2e-6),
    "keras_lstm": (Lstm(M, sequences=True), of_keras, "ifgo", 2e-6),
}


@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients_are_those_of_the_library(case):
    layer, arrays, order, rtol = CASES[case]
    after = isinstance(layer, Gru) and layer.reset_after
    params = params_of(arrays(case, order), after)
    y, cache = layer.forward(params, X, TRAINING)
    np.testing.assert_allclose(y, GOLDEN[f"{case}/y"], rtol=rtol, atol=rtol)
    dx, gradients = layer.backward(params, cache, DY, TRAINING)
    np.testing.assert_allclose(dx, GOLDEN[f"{case}/dx"], rtol=rtol, atol=rtol)
    there = arrays(case, order, "d")
    inner = gradients["recurrent"]
    np.testing.assert_allclose(gradients["weight"], np.concatenate(there["weight_ih"], axis=1), rtol, rtol)
    np.testing.assert_allclose(gradients["bias"], np.concatenate(there["bias_ih"]), rtol, rtol)
    np.testing.assert_allclose(inner["weight"], np.concatenate(there["weight_hh"], axis=1), rtol, rtol)
    if after:
        np.testing.assert_allclose(inner["bias"], there["bias_hh"][2], rtol, rtol)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_recurrent_layer_keeps_the_laws_of_the_kit(layer):
    assert {"gradient of x", "gradient of parameters", "few rows"} <= set(check_layer(layer).passed)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", ["gru", "lstm", "rnn"])
def test_the_last_output_is_that_of_the_last_step_and_reverse_is_a_row_read_backwards(name, reverse):
    last = bp.build("layer", {"name": name, "units": 3, "reverse": reverse})
    every = bp.build("layer", {"name": name, "units": 3, "reverse": reverse, "sequences": True})
    plain = bp.build("layer", {"name": name, "units": 3, "sequences": True})
    params, x = drawn(last, (5, 2)), np.random.default_rng(0).normal(size=(4, 5, 2))
    outputs = every.forward(params, x, TRAINING)[0]
    np.testing.assert_array_equal(last.forward(params, x, TRAINING)[0], outputs[:, 0 if reverse else -1])
    there = plain.forward(params, x[:, ::-1] if reverse else x, TRAINING)[0]
    np.testing.assert_allclose(outputs, there[:, ::-1] if reverse else there, rtol=1e-14)


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize(
    "settings", [{"name": "gru"}, {"name": "gru", "reset_after": False}, {"name": "lstm"}, {"name": "rnn"}], ids=str
)
def test_masked_steps_are_as_if_they_were_not_there(settings, sequences):
    layer = bp.build("layer", {**settings, "units": 3, "mask_value": -9.0, "sequences": sequences})
    plain = bp.build("layer", {**settings, "units": 3, "sequences": sequences})
    params, x = drawn(layer, (4, 2)), np.random.default_rng(0).normal(size=(5, 4, 2))
    padded = np.full((5, 7, 2), -9.0)
    places = [0, 2, 3, 5]  # masked: in the middle, and behind
    padded[:, places] = x
    (y, cache), (wanted, kept) = (part.forward(params, rows, TRAINING) for part, rows in ((layer, padded), (plain, x)))
    dy = np.random.default_rng(1).normal(size=wanted.shape)
    if sequences:
        np.testing.assert_allclose(y[:, [1, 4, 6]], wanted[:, [0, 2, 3]], rtol=1e-14)
        np.testing.assert_allclose(y[:, places], wanted, rtol=1e-14)
        back = np.zeros(y.shape)
        back[:, [1, 2, 4, 6]] = dy  # a slope in what a masked step hands on is one in the state before it
    else:
        np.testing.assert_allclose(y, wanted, rtol=1e-14)
        back = dy
    dx, gradients = layer.backward(params, cache, back, TRAINING)
    own, also = plain.backward(params, kept, dy, TRAINING)
    np.testing.assert_allclose(dx[:, places], own, rtol=1e-12)
    assert not dx[:, [1, 4, 6]].any()
    for path, leaf in tree.leaves(also):
        np.testing.assert_allclose(tree.at(gradients, path), leaf, rtol=1e-12, atol=1e-14)


def test_gates_start_as_rotations_and_the_forget_gate_open():
    params, _ = Lstm(6).init(np.random.default_rng(0), (5, 2))
    for k in range(4):
        u = params["recurrent"]["weight"][:, 6 * k : 6 * k + 6]
        np.testing.assert_allclose(u @ u.T, np.eye(6), atol=1e-14)
    np.testing.assert_array_equal(params["bias"], np.repeat([0.0, 1.0, 0.0, 0.0], 6))


def test_a_trained_gru_tells_the_order_of_two_pulses():
    rng = np.random.default_rng(0)
    x, y = np.zeros((200, 12, 2)), np.arange(200) % 2
    early, late = rng.integers(0, 6, 200), rng.integers(6, 12, 200)
    x[np.arange(200), early, y], x[np.arange(200), late, 1 - y] = 1.0, 1.0
    network = bp.Network([bp.layers.gru(8, sequences=True), bp.layers.gru(8), bp.layers.dense(2)])
    trainer = bp.Trainer(network, "softmax_cross_entropy", bp.optimizers.adam(lr=0.02))
    trainer.fit(x[:150], y[:150], epochs=30, batch_size=25)
    assert trainer.evaluate(x[150:], y[150:])["accuracy"] == 1.0


@pytest.mark.parametrize("name", ["gru", "lstm", "rnn"])
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (0, 2)])
def test_rows_that_are_no_sequences_are_refused(name, shape):
    with pytest.raises(ShapeError, match=rf"{name} needs rows of steps and numbers, \(T, n\), got"):
        bp.build("layer", {"name": name, "units": 3}).init(np.random.default_rng(0), shape)


@pytest.mark.parametrize("name", ["gru", "lstm", "rnn"])
def test_settings_out_of_range_are_refused(name):
    with pytest.raises(ConfigError, match=f"{name} needs a whole number of at least 1 as units, got 0"):
        bp.build("layer", {"name": name, "units": 0})
    with pytest.raises(ConfigError, match="slope follows from its value"):
        bp.layers.rnn(3, activation="gelu")
