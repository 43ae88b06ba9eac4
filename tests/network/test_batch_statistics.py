"""Statistics of one batch in the place of running ones, from what a layer's `refresh` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from bpframe.network.batch_statistics import own_statistics, refresh_limit
from bpframe.network.context import EVALUATION, StepContext
from bpframe.random import HashKey
from bpframe_activations.relu import Relu
from bpframe_layers.activation import ActivationLayer
from bpframe_layers.batch_norm import BatchNorm
from bpframe_layers.dropout import Dropout
from bpframe_layers.parallel import Parallel
from bpframe_layers.residual import Residual
from bpframe_layers.sequential import Sequential

TRAINING = StepContext(True, True, HashKey(3, 4))
X = np.random.default_rng(0).normal(3.0, 2.0, size=(20, 3)) * [1.0, 50.0, 1e-3]


def trained(layer: Any, x: Any = X) -> tuple[Any, Any, Any]:
    """(parameters, y, cache) of a layer after a training pass."""
    params, _ = layer.init(np.random.default_rng(1), x.shape[1:])
    return params, *layer.forward(params, x, TRAINING)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.999])
def test_running_statistics_settle_at_those_of_the_batch(momentum):
    layer = BatchNorm(momentum)
    params, _, cache = trained(layer)
    buffers = refresh_limit(layer, params, cache)["buffers"]
    np.testing.assert_allclose(buffers["mean"], X.mean(axis=0), rtol=1e-11)
    np.testing.assert_allclose(buffers["variance"], X.var(axis=0, ddof=1), rtol=1e-11)


def test_in_float32_they_settle_as_far_as_its_digits_go():
    layer, x = BatchNorm(), X.astype(np.float32)
    params = {"scale": np.ones(3, "f4"), "shift": np.zeros(3, "f4")}
    params["buffers"] = {"mean": np.full(3, 1e3, "f4"), "variance": np.full(3, 1e-3, "f4")}
    buffers = refresh_limit(layer, params, layer.forward(params, x, TRAINING)[1])["buffers"]
    assert buffers["mean"].dtype == buffers["variance"].dtype == np.float32
    np.testing.assert_allclose(buffers["mean"], x.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(buffers["variance"], x.var(axis=0, ddof=1), rtol=1e-5)


@dataclass(frozen=True)
class Diary:
    """A layer with a running mean, a count of batches, the largest value so far, and the mean of all batches."""

    def refresh(self, params: Any, cache: Any) -> Any:
        old = params["buffers"]
        new = {
            "running": 0.75 * old["running"] + 0.25 * cache,
            "count": old["count"] + 1,
            "peak": np.maximum(old["peak"], cache),
            "mean": old["mean"] + (cache - old["mean"]) / (old["seen"] + 1),
            "seen": old["seen"] + 1,
        }
        return {**params, "buffers": new}


def test_buffers_that_are_no_running_means_stay():
    buffers = {name: np.full(3, 2.0) for name in ("running", "peak", "mean", "seen")} | {"count": np.array(7)}
    cache = np.array([1.0, 2.0, 5.0])
    after = refresh_limit(Diary(), {"buffers": buffers}, cache)["buffers"]
    np.testing.assert_allclose(after.pop("running"), cache, rtol=1e-14)
    for name, array in after.items():
        np.testing.assert_array_equal(array, buffers[name], err_msg=name)


@pytest.mark.parametrize(
    "layer",
    [
        BatchNorm(),
        Sequential((BatchNorm(), ActivationLayer(Relu()), BatchNorm(0.5))),
        Residual((BatchNorm(), Sequential((BatchNorm(),)))),
        Parallel((BatchNorm(), Residual((BatchNorm(),)))),
    ],
)
def test_evaluation_with_the_own_statistics_of_a_batch_gives_what_training_gave(layer):
    params, y, cache = trained(layer)
    own = own_statistics(layer, params, cache)
    np.testing.assert_allclose(layer.forward(own, X, EVALUATION)[0], y, rtol=1e-10, atol=1e-10)
    assert np.abs(layer.forward(params, X, EVALUATION)[0] - y).max() > 1


def test_containers_settle_what_is_inside_and_leave_the_rest():
    layer = Sequential((Dropout(0.5), BatchNorm()))
    params, _, cache = trained(layer)
    kept = Dropout(0.5).forward({}, X, TRAINING.child("dropout_1"))[0]
    buffers = refresh_limit(layer, params, cache)["batch_norm_1"]["buffers"]
    np.testing.assert_allclose(buffers["mean"], kept.mean(axis=0), rtol=1e-11)
    assert params["batch_norm_1"]["buffers"]["mean"].max() == 0
