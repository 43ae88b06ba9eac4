"""Rows of sample weight 0 count for nothing: one whole batch without draws gives what it gives without them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from tests.training.problems import same

RNG = np.random.default_rng(3)
X = RNG.normal(size=(24, 4))
Y = (X @ [1.0, -2.0, 0.5, 0.0])[:, None] + 0.1 * RNG.normal(size=(24, 1))
WEIGHT = np.ones(24)
WEIGHT[20:] = 0  # the last, so that the others are drawn the same numbers where a rule draws
KEPT = WEIGHT > 0
OUTLIERS, WILD = X.copy(), Y.copy()
OUTLIERS[~KEPT], WILD[~KEPT] = 1e6, -1e6

ENGINES = ["numpy", pytest.param("jax", marks=pytest.mark.slow)]
HIDDEN = {"name": "dense", "units": 5, "activation": "tanh", "bias": False}
DEEP = [HIDDEN, "batch_norm", HIDDEN, {"name": "batch_norm", "momentum": 0.5}, {"name": "dense", "units": 1}]
HELD = [{"name": "residual", "layers": ["batch_norm"]}, {"name": "dense", "units": 1}]
SCALED = ["standardize", HIDDEN, {"name": "dense", "units": 1}]
CASES = {
    "batch_norm": (DEEP, {}),
    "inside": (HELD, {}),
    "standardize": (SCALED, {}),
    "activity": ([HIDDEN, {"name": "dense", "units": 1}], {"regularizers": ["activity"]}),
    "squared activity": (SCALED, {"regularizers": [{"name": "activity", "inner": "l2"}]}),
    "target": (SCALED, {"standardize_target": True}),
    "sophia_g": (DEEP, {"optimizer": {"name": "sophia_g", "lr": 0.01, "every": 2}}),
    "sam": (DEEP, {"optimizer": {"name": "sam", "inner": "sgd"}}),
    "lbfgs": (SCALED, {"optimizer": "lbfgs"}),
}


def trained(case: str, x: Any, y: Any, weight: Any = None, **settings: Any) -> Any:
    layers, parts = CASES[case]
    parts = {"optimizer": "adam", "dtype": "float64", "seed": 2, **parts, **settings}
    trainer = bp.Trainer(bp.Network(layers), "mse", **parts)
    trainer.fit(x, y, epochs=12, batch_size=24, shuffle=False, sample_weight=weight)
    return trainer


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES)
def test_a_batch_gives_what_it_gives_without_the_rows_of_weight_zero(case, engine):
    masked = trained(case, OUTLIERS, WILD, WEIGHT, engine=engine)
    without = trained(case, X[KEPT], Y[KEPT], engine=engine)
    for name, array in without.parameters.items():
        np.testing.assert_allclose(masked.parameters[name], array, rtol=1e-9, atol=1e-12, err_msg=name)
    for name, curve in without.history.train.items():
        np.testing.assert_allclose(masked.history.train[name], curve, rtol=1e-9, err_msg=name)


def test_both_engines_leave_the_same_rows_out_in_shuffled_batches():
    one, two = (
        bp.Trainer(bp.Network(["batch_norm", DEEP[-1]]), "mse", "sgd", engine=engine, regularizers=["activity"])
        for engine in ("numpy", "jax")
    )
    for trainer in (one, two):
        trainer.fit(OUTLIERS, WILD, epochs=4, batch_size=6, sample_weight=WEIGHT)
    for name, array in one.parameters.items():
        np.testing.assert_allclose(two.parameters[name], array, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_rows_that_travel_to_the_device_have_the_mask_of_those_that_stay_there():
    one, two = (
        bp.Trainer(bp.Network(DEEP), "mse", engine={"name": "jax", "stream": stream}, regularizers=["activity"])
        for stream in (True, False)
    )
    for trainer in (one, two):
        trainer.fit(OUTLIERS, WILD, epochs=3, batch_size=7, sample_weight=WEIGHT)
    assert same(one, two)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_row_of_weight_zero_whose_loss_would_overflow_is_nothing(engine):
    layers = [{"name": "dense", "units": 3, "activation": "relu"}, {"name": "dense", "units": 1}]
    one, two = (bp.Trainer(bp.Network(layers), "mse", "sgd", engine=engine) for _ in range(2))
    x, y = X.copy(), Y.copy()
    x[~KEPT], y[~KEPT] = 1e18, -3e19  # whose square is beyond float32, and 0 times infinity is NaN
    one.fit(x, y, epochs=3, batch_size=5, sample_weight=WEIGHT)
    two.fit(X, Y, epochs=3, batch_size=5, sample_weight=WEIGHT)
    assert same(one, two)
    assert one.history.train["loss"] == two.history.train["loss"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_batch_of_rows_that_do_not_count_moves_no_statistics(engine):
    first = np.r_[np.zeros(4), np.ones(4)]
    masked = bp.Trainer(bp.Network(DEEP), "mse", "sgd", engine=engine, dtype="float64", regularizers=["activity"])
    masked.fit(OUTLIERS[:8], Y[:8], epochs=1, batch_size=4, shuffle=False, sample_weight=first)
    alone = bp.Trainer(bp.Network(DEEP), "mse", {"name": "sgd", "lr": 0.02}, engine=engine, dtype="float64")
    alone.fit(OUTLIERS[4:8], Y[4:8], epochs=1, batch_size=4, shuffle=False)
    for name in ("mean", "variance"):
        name = f"batch_norm_1/buffers/{name}"
        np.testing.assert_allclose(masked.parameters[name], alone.parameters[name], rtol=1e-12)


def test_a_traced_step_leaves_out_what_an_eager_one_does():
    frozen = [{"match": "batch_norm_1/*", "frozen": True}]  # so that no buffer moves and the step is traced
    eager, replayed = (
        bp.Trainer(bp.Network(DEEP[:2] + DEEP[4:]), "mse", engine=bp.engines.numpy(scripts=on), groups=frozen)
        for on in (False, True)
    )
    for trainer in (eager, replayed):
        trainer.fit(OUTLIERS, WILD, epochs=30, batch_size=8, sample_weight=WEIGHT)
    assert same(eager, replayed)


def test_other_weights_do_not_count_in_batch_statistics():
    one, two = (bp.Trainer(bp.Network(DEEP), "mse", {"name": "sgd", "lr": 0.0}, dtype="float64") for _ in range(2))
    one.fit(X, Y, epochs=2, batch_size=6, sample_weight=np.linspace(0.1, 9, 24))
    two.fit(X, Y, epochs=2, batch_size=6)
    assert same(one, two)


# ------------------------------------------------------------------------------------------------------ standardize


WHOLE = RNG.integers(0, 4, 24)


@pytest.mark.parametrize(
    "layer",
    [
        "standardize",
        {"name": "sequential", "layers": ["standardize", "standardize"]},
        {"name": "parallel", "branches": ["standardize", {"name": "sequential", "layers": ["standardize"]}]},
        {"name": "residual", "layers": ["standardize"]},
    ],
)
def test_standardize_counts_rows_by_their_sample_weights(layer):
    weighted, repeated = (
        bp.Trainer(bp.Network([layer, {"name": "dense", "units": 1}]), "mse", dtype="float64") for _ in range(2)
    )
    weighted.fit(X, Y, epochs=1, sample_weight=WHOLE)
    repeated.fit(np.repeat(X, WHOLE, axis=0), np.repeat(Y, WHOLE, axis=0), epochs=1)
    buffers = [name for name in weighted.parameters if "buffers" in name]
    for name in buffers:
        np.testing.assert_allclose(weighted.parameters[name], repeated.parameters[name], rtol=1e-12, atol=1e-14)
    assert len(buffers) >= 2


def test_standardize_knows_no_class_weights_and_the_mask_neither():
    labels, network = (Y[:, 0] > 0).astype(int), [*DEEP[:2], "standardize", {"name": "dense", "units": 2}]
    settings = {"optimizer": {"name": "sgd", "lr": 0.0}, "dtype": "float64"}
    one, two = (bp.Trainer(bp.Network(network), "softmax_cross_entropy", **settings) for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the order of these layers
        one.fit(X, labels, epochs=2, batch_size=8, class_weight={0: 0.0, 1: 3.0})
        two.fit(X, labels, epochs=2, batch_size=8)
    assert same(one, two)


def test_the_scale_of_targets_that_are_all_the_same_but_for_rows_of_weight_zero_is_one():
    y = np.full(24, 0.1)
    y[~KEPT] = 1e300
    trainer = bp.Trainer(bp.Network([{"name": "dense", "units": 1}]), "mse", dtype="float64", standardize_target=True)
    trainer.fit(X, y, epochs=1, sample_weight=WEIGHT)
    assert trainer.task.learned["target_scale"] == {"mean": [0.1], "deviation": [1.0]}


# -------------------------------------------------------------------------------------------------- foreign layers


@dataclass(frozen=True)
class MeanShift:
    """y = x - mean of the batch, which is a constant on the way back."""

    masks: bool = False
    stochastic = False

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        if not context.training:
            return x, None
        w = np.ones(len(x)) if context.mask is None or not self.masks else context.mask
        return x - (w @ x) / w.sum(), None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy, {}


@dataclass(frozen=True)
class Twice:
    """y = 2 x, row by row."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return 2 * x, None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return 2 * dy, {}


def fit_with(layer: Any, weight: Any) -> None:
    inside = bp.layers.sequential([layer])
    for one in (layer, inside):
        trainer = bp.Trainer(bp.Network([HIDDEN, one, {"name": "dense", "units": 1}]), "mse", dtype="float64")
        trainer.fit(OUTLIERS, WILD, epochs=1, sample_weight=weight)


def test_a_foreign_layer_that_takes_no_mask_is_warned_of():
    with pytest.warns(
        UserWarning, match=r"MeanShift.* joins the rows of a batch, also those of sample weight 0"
    ) as seen:
        fit_with(MeanShift(), WEIGHT)
    assert len(seen) == 2
    assert all("context.mask" in str(one.message) and one.filename == __file__ for one in seen)


@pytest.mark.parametrize(
    ("layer", "weight"),
    [(MeanShift(masks=True), WEIGHT), (Twice(), WEIGHT), (MeanShift(), WEIGHT + 1), (MeanShift(), None)],
)
def test_a_layer_that_leaves_rows_out_or_has_none_to_leave_out_is_not_warned_of(layer, weight):
    fit_with(layer, weight)
