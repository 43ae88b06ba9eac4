"""`Trainer.load_weights` of networks of PyTorch and Keras with convolutions, norms and gates: equal predictions."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, ShapeError

GOLDEN = np.load(Path(__file__).with_name("foreign_space_weights.npz"))
L = bp.layers
KERAS_NORM = L.batch_norm(convention="keras")
NETWORKS: dict[str, list[Any]] = {
    "torch_conv": [
        L.conv2d(4, (3, 2), padding=1, groups=2),
        "batch_norm",
        L.activation("relu"),
        "max_pool2d",
        L.conv_transpose2d(3, 2, 2),
        L.group_norm(3),
        "flatten",
        "dropout",
        L.dense(5),
    ],
    "torch_conv1d": [L.conv1d(4, activation="tanh"), "flatten", L.dense(2)],
    "torch_gru": [L.gru(4, sequences=True), L.gru(4), L.dense(2)],
    "torch_lstm": [L.lstm(4), L.dense(2)],
    "torch_rnn": [L.rnn(4), L.dense(2)],
    "keras_conv": [
        L.conv2d(4, (3, 2), padding="same", activation="relu"),
        KERAS_NORM,
        L.conv2d(8, groups=4),
        L.separable_conv2d(3, 2, depth_multiplier=2),
        L.conv_transpose2d(2, 3, 2, "same"),
        "flatten",
        L.dense(5),
    ],
    "keras_gru": [L.gru(4, sequences=True), L.gru(3), L.dense(2)],
    "keras_gru_before": [L.gru(4, reset_after=False), L.dense(2)],
    "keras_bidirectional": [L.bidirectional(L.lstm(4)), L.dense(2)],
    "keras_rnn": [L.rnn(4), L.dense(2)],
}


def source(case: str) -> Any:
    """A state dict, or what of a Keras model is asked."""
    prefix = f"{case}/weights/"
    arrays = {name.removeprefix(prefix): GOLDEN[name] for name in GOLDEN.files if name.startswith(prefix)}
    if case.startswith("torch"):
        return arrays
    weights = [SimpleNamespace(path=name) for name in arrays]
    return SimpleNamespace(weights=weights, get_weights=lambda: list(arrays.values()))


def trainer_of(layers: list[Any], case: str) -> bp.Trainer:
    network = bp.Network(layers, inputs=GOLDEN[f"{case}/x"].shape[1:])
    return bp.Trainer(network, "mse", dtype="float64")


def test_every_golden_case_is_compared():
    assert {name.split("/")[0] for name in GOLDEN.files} == NETWORKS.keys()


@pytest.mark.parametrize("case", NETWORKS)
def test_a_network_predicts_what_that_of_the_library_does(case):
    trainer = trainer_of(NETWORKS[case], case)
    if case.endswith("rnn"):  # without biases there, 0 here
        assert not trainer.parameters["rnn_1/bias"].any()
    trainer.load_weights(source(case))
    np.testing.assert_allclose(trainer.predict(GOLDEN[f"{case}/x"]), GOLDEN[f"{case}/y"], rtol=2e-5, atol=2e-5)


def test_gates_are_taken_by_the_names_of_the_library_too():
    trainer, arrays = trainer_of(NETWORKS["torch_gru"], "torch_gru"), source("torch_gru")
    before = trainer.parameters.copy()
    trainer.load_weights(arrays, {"gru_2/weight": "0.layer.weight_ih_l1", "gru_2/bias": "0.layer.bias_ih_l1"})
    r, z, candidate = np.split(arrays["0.layer.weight_ih_l1"].T, 3, axis=1)
    assert np.array_equal(trainer.parameters["gru_2/weight"], np.concatenate([z, r, candidate], axis=1))
    assert np.array_equal(trainer.parameters["gru_1/weight"], before["gru_1/weight"])


def test_rows_joined_without_a_convolution_before_them_stay_in_their_order():
    network = bp.Network(["flatten", L.dense(2)], inputs=(3, 4))
    trainer, weight = bp.Trainer(network, "mse", dtype="float64"), np.arange(24.0).reshape(2, 12)
    trainer.load_weights({"1.weight": weight, "1.bias": np.zeros(2)})
    assert np.array_equal(trainer.parameters["dense_1/weight"], weight.T)


def test_a_gru_of_the_other_reset_is_refused_and_a_kernel_that_does_not_fit_named():
    with pytest.raises(ConfigError, match=r"each of 5 parameters .*got 6"):
        trainer_of([L.gru(4, reset_after=False), L.dense(2)], "torch_gru").load_weights(
            {name: value for name, value in source("torch_gru").items() if "l1" not in name}
        )
    trainer = trainer_of([L.conv1d(4, 5, activation="tanh"), "flatten", L.dense(2)], "torch_conv1d")
    with pytest.raises(ShapeError, match=r"\(5, 3, 4\) for 'conv1d_1/weight', got \(3, 3, 4\) from '0\.weight' once"):
        trainer.load_weights(source("torch_conv1d"))
