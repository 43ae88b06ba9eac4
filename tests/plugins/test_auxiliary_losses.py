"""Losses inside layers join the penalty, and their slopes go back, alone and inside layers that hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe import tree
from bpframe.errors import CheckFailed, ConfigError, IncompatibleComponent, ShapeError
from bpframe.network.context import EVALUATION, StepContext
from bpframe.protocols import Auxiliary
from bpframe.random import epoch_key
from bpframe.testing import check_gradient, check_layer
from bpframe_layers.dense import Dense
from bpframe_layers.gaussian_latent import GaussianLatent
from bpframe_layers.mixture_of_experts import MixtureOfExperts
from bpframe_layers.parallel import Parallel
from bpframe_layers.residual import Residual
from bpframe_layers.sequential import Sequential
from tests.plugins.layer_cases import TRAINING, drawn, rows

LATENT, EXPERTS = GaussianLatent(2, 0.7), (Dense(3), Dense(3), Dense(3), Dense(3))
MIXED = MixtureOfExperts(EXPERTS, balance=0.5)
HOLDERS = [
    LATENT,
    MIXED,
    MixtureOfExperts(EXPERTS, 1),
    MixtureOfExperts((Sequential((Dense(4), LATENT)), Dense(2))),
    Sequential((Dense(4), LATENT, Dense(3), LATENT)),
    Residual((Dense(3), LATENT, Dense(5))),
    Parallel((LATENT, Sequential((Dense(3), LATENT)), Dense(2))),
    Sequential((Residual((Parallel((LATENT, MIXED)),)),)),
]


@pytest.mark.parametrize("layer", HOLDERS, ids=repr)
def test_slopes_are_those_of_the_value_also_where_layers_hold_each_other(layer):
    report = check_layer(layer)
    assert {"auxiliary", "auxiliary, rows that do not count", "linearity", "gradient of x"} <= set(report.passed)


def objective(made: Any, params: Any, x: Any, y: Any) -> tuple[float, float]:
    """(mean loss, auxiliary loss) of the first step, layer by layer."""
    v, auxiliary = x, 0.0
    for label, layer in made.network.layers:
        context = StepContext(True, True, epoch_key(0, 0).child(0), (label,))
        v, cache = layer.forward(params[label], v, context)
        if isinstance(layer, Auxiliary):
            auxiliary += float(layer.auxiliary(params[label], cache, context)[0])
    return float(made.task.loss.value_and_delta(v, y)[0].mean()), auxiliary


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_the_objective_has_it_and_a_step_goes_down_its_slope(engine):
    x = np.random.default_rng(0).normal(size=(12, 5))
    y = x[:, :1]
    network = bp.Network([bp.layers.dense(4), bp.layers.gaussian_latent(2, strength=0.7), bp.layers.dense(1)])
    made = bp.Trainer(network, "mse", bp.optimizers.sgd(lr=0.1), engine=engine, dtype="float64")
    made.trace(x, y)  # makes parameters
    start = made.network.params(made.parameters.copy())
    made.fit(x, y, epochs=1, batch_size=12, shuffle=False)
    loss, auxiliary = objective(made, start, x, y)
    assert auxiliary > 0.01
    assert made.history.train["loss"][0] == pytest.approx(loss, rel=1e-10)
    assert made.history.train["objective"][0] == pytest.approx(loss + auxiliary, rel=1e-10)
    for path, leaf in tree.leaves(start):

        def value(at: Any, path: Any = path) -> float:
            params = tree.transform(start, np.array)
            tree.assign(params, path, at)
            return sum(objective(made, params, x, y))

        moved = made.parameters["/".join(path)]
        check_gradient(value, lambda at, moved=moved, leaf=leaf: (leaf - moved) / 0.1, leaf)


def test_the_divergence_is_that_of_a_normal_distribution_from_the_standard_one():
    params, x = drawn(LATENT, (3,)), rows(LATENT, (3,), 5)
    value = LATENT.auxiliary(params, LATENT.forward(params, x, TRAINING)[1], TRAINING)[0]
    moments = x @ params["weight"] + params["bias"]
    draws = np.random.default_rng(1).normal(size=(200_000, 1, 2))
    mean, deviation = moments[:, :2], np.exp(moments[:, 2:] / 2)
    sample = mean + deviation * draws
    log_ratio = -np.log(deviation) - draws**2 / 2 + sample**2 / 2  # log N(mean, deviation^2) - log N(0, 1)
    assert value == pytest.approx(0.7 * log_ratio.sum(axis=-1).mean(), rel=0.01)


def test_latents_have_their_mean_and_deviation_in_training_and_are_their_mean_in_evaluation():
    params, x = drawn(LATENT, (3,)), np.repeat(rows(LATENT, (3,), 1), 20_000, axis=0)
    moments = (x @ params["weight"] + params["bias"])[0]
    y = LATENT.forward(params, x, TRAINING)[0]
    np.testing.assert_allclose(y.mean(axis=0), moments[:2], atol=0.03)
    np.testing.assert_allclose(y.std(axis=0), np.exp(moments[2:] / 2), rtol=0.03)
    np.testing.assert_array_equal(LATENT.forward(params, x, EVALUATION)[0][0], moments[:2])


@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_a_mixture_is_the_sum_of_its_chosen_experts_by_their_gates(top_k):
    layer = MixtureOfExperts(EXPERTS, top_k, balance=0.5)
    params, x = drawn(layer, (5,)), rows(layer, (5,), 7)
    y, cache = layer.forward(params, x, TRAINING)
    z = x @ params["gate"]["weight"]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    wanted, routed = np.zeros((7, 3)), np.zeros(4)
    for row in range(7):
        best = np.argsort(-z[row])[:top_k]
        routed[best] += 1
        for e in best:
            gate = p[row, e] / (1 if top_k == 1 else p[row, best].sum())
            own = params[f"dense_{e + 1}"]
            wanted[row] += gate * (x[row] @ own["weight"] + own["bias"])
    np.testing.assert_allclose(y, wanted, rtol=1e-12)
    value = layer.auxiliary(params, cache, TRAINING)[0]
    assert value == pytest.approx(0.5 * 4 * np.sum(routed / (7 * top_k) * p.mean(axis=0)), rel=1e-12)


def test_the_balance_evens_out_which_experts_rows_go_to():
    x = np.random.default_rng(0).normal(size=(200, 4)) + 1.0
    shares = []
    for balance in (0.0, 0.3):
        layer = bp.layers.mixture_of_experts([bp.layers.dense(1)] * 4, top_k=1, balance=balance)
        made = bp.Trainer(bp.Network([layer]), "mse", bp.optimizers.adam(lr=0.02), seed=1)
        made.fit(x, x[:, :1], epochs=30, verbose=0)
        chosen = np.argmax(x @ made.parameters["mixture_of_experts_1/gate/weight"], axis=1)
        shares.append(np.bincount(chosen, minlength=4).max() / 200)
    assert shares[1] < 0.5 < shares[0]


# -------------------------------------------------------------------------------------------------- what is refused


class Wrapper:
    """y = f(x), without what f adds to the objective."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def init(self, rng: Any, in_shape: Any) -> Any:
        return self.inner.init(rng, in_shape)

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return self.inner.forward(params, x, context)

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return self.inner.backward(params, cache, dy, context)


def test_a_layer_that_hides_an_auxiliary_loss_is_refused():
    with pytest.raises(IncompatibleComponent, match="holds gaussian_latent, which has 'auxiliary', but has none"):
        bp.Trainer(bp.Network([Wrapper(LATENT), bp.layers.dense(1)]), "mse")


class Wrong(Wrapper):
    """With an auxiliary loss that is wrong in one way."""

    def __init__(self, inner: Any, fault: str = "slope") -> None:
        self.inner, self.fault = inner, fault

    def auxiliary(self, params: Any, cache: Any, context: Any) -> Any:
        value, dx, gradients = LATENT.auxiliary(params, cache, context)
        if self.fault == "slope":
            return value, 1.01 * dx, gradients
        if self.fault == "value":
            return value + np.zeros(3), dx, gradients
        return value, dx, {"weight": gradients["weight"][:1]}


@pytest.mark.parametrize("fault", ["value", "weight"])
@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_one_of_another_shape_is_named(fault, engine):
    made = bp.Trainer(bp.Network([Wrong(LATENT, fault), bp.layers.dense(1)]), "mse", engine=engine)
    with pytest.raises(IncompatibleComponent, match=f"Wrong.*auxiliary, .*{fault}.* must be"):
        made.fit(np.ones((8, 3)), np.ones(8), epochs=1)


def test_the_kit_finds_a_slope_that_is_off_by_a_hundredth():
    with pytest.raises(CheckFailed, match="auxiliary, dx"):
        check_layer(Wrong(LATENT))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"experts": [Dense(3)]}, "at least two experts, got 1"),
        ({"experts": EXPERTS, "top_k": 5}, "a top_k of at most its 4 experts, got 5"),
        ({"experts": EXPERTS, "top_k": 0}, "a whole number of at least 1 as top_k, got 0"),
        ({"experts": EXPERTS, "balance": -1.0}, "at least 0"),
        ({"experts": [bp.layers.dense(3, label="gate"), Dense(3)]}, "the label 'gate' itself"),
    ],
)
def test_settings_of_a_mixture_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        bp.layers.mixture_of_experts(**settings)


def test_experts_of_different_width_are_refused():
    with pytest.raises(ShapeError, match=r"experts that give rows of one shape, \(m,\), got \[\(3,\), \(2,\)\]"):
        MixtureOfExperts((Dense(3), Dense(2))).init(np.random.default_rng(0), (5,))
