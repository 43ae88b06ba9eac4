"""The monitor: curves by layer, faults that are planted and named with their figure, and healthy trainings.

x (N, n) rows, y (N,) classes or numbers; the figures are computed anew from what hooks see.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, TrainingWarning
from bpframe.testing.suite import check
from tests.training.test_update_measures import Recorder, Steps

ENGINES = ("numpy", "jax")
SOFTMAX = "softmax_cross_entropy"
X, Y = bp.datasets.digits()
TRAIN, VALIDATION = (X[:900], Y[:900]), (X[900:1100], Y[900:1100])
RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(600, 6))
SUMS = NORMAL @ RNG.normal(size=6)


def dense(*units: int, activation: str | None = "relu", **arguments: Any) -> list[Any]:
    """Dense layers, the last of which gives scores."""
    *hidden, scores = units
    layers = [bp.layers.dense(n, activation=activation, **arguments) for n in hidden]
    return [*layers, bp.layers.dense(scores)]


def fitted(layers: list[Any], loss: str, rule: Any, data: tuple[Any, Any], **options: Any) -> bp.Trainer:
    """A trainer under watch, after its fit; what is said is a TrainingWarning and nothing else."""
    parts = {name: options.pop(name) for name in ("engine", "dtype", "standardize_target") if name in options}
    watch = [bp.callbacks.monitor(every=options.pop("every", 5)), *options.pop("callbacks", [])]
    made = bp.Trainer(bp.Network(layers), loss, rule, callbacks=watch, **parts)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made.fit(*data, verbose=0, **{"epochs": 3, **options})
    assert [one.category for one in caught] == [TrainingWarning] * len(caught)
    assert [str(one.message) for one in caught] == said(made)
    return made


def said(made: bp.Trainer) -> list[str]:
    return [sentence for _, sentence in made.history.notes]


# --------------------------------------------------------------------------------------------------------------- curves


@pytest.mark.parametrize("engine", ENGINES)
def test_curves_are_norms_spreads_and_ratios_of_parameters_that_hooks_see(engine):
    recorder, steps, layers = Recorder(), Steps(), dense(5, 1, activation="tanh")
    options: dict[str, Any] = {"engine": engine, "dtype": "float64", "every": 1, "batch_size": 40}
    fitted(layers, "mse", {"name": "sgd", "lr": 0.01}, (NORMAL, SUMS), callbacks=[recorder], **options)
    fitted(layers, "mse", {"name": "sgd", "lr": 0.01}, (NORMAL, SUMS), callbacks=[steps], **options)
    for k, (old, new) in enumerate(zip(steps.seen, steps.seen[1:], strict=False)):
        for layer in ("dense_1", "dense_2"):
            p = np.concatenate([old[f"{layer}/weight"].ravel(), old[f"{layer}/bias"]])
            u = np.concatenate([new[f"{layer}/weight"].ravel(), new[f"{layer}/bias"]]) - p
            matrix, change = old[f"{layer}/weight"], new[f"{layer}/weight"] - old[f"{layer}/weight"]
            expected = {
                "parameter_norm": np.linalg.norm(p),
                "gradient_norm": np.linalg.norm(u) / 0.01,
                "update_norm": np.linalg.norm(u),
                "parameter_spread": matrix.std(),
                "gradient_spread": change.std() / 0.01,
                "update_spread": change.std(),
                "update_ratio": np.linalg.norm(u) / np.linalg.norm(p),
            }
            for name, value in expected.items():
                assert recorder.of(f"{name}/{layer}")[k] == pytest.approx(value, rel=1e-6), name
    assert k == 3 * 15 - 1


def test_the_spread_of_a_large_matrix_is_known_to_a_hundredth():
    shifted = bp.initializers.normal(stddev=0.5, mean=0.1)
    made = fitted(dense(200, 1, weight_initializer=shifted), "mse", "sgd", TRAIN, epochs=1, every=1000)
    start = bp.Trainer(made.network, "mse", "sgd", seed=made.seed)
    start.trace(X[:1], Y[:1])
    matrix = start.parameters["dense_1/weight"]
    assert matrix.size > 3 * 4096
    assert made.history.train["parameter_spread/dense_1"][0] == pytest.approx(matrix.std(), rel=0.01)


def test_a_layer_of_zeros_has_no_ratio_until_it_moved():
    layers = [bp.layers.dense(4, activation="tanh"), bp.layers.dense(1, weight_initializer="zeros")]
    recorder = Recorder()
    fitted(layers, "mse", "sgd", (NORMAL, SUMS), every=1, callbacks=[recorder], epochs=1)
    ratios = recorder.of("update_ratio/dense_2")
    assert np.isnan(ratios[0])
    assert np.isfinite(ratios[1:]).all()


def test_shares_of_dead_and_saturated_units_are_those_of_the_rows():
    init = bp.initializers.normal(stddev=2.0)
    layers = [bp.layers.dense(40, activation="tanh", weight_initializer=init), *dense(30, 1, weight_initializer=init)]
    made = fitted(layers, "mse", {"name": "sgd", "lr": 1e-12}, (NORMAL, SUMS), epochs=1)
    p = made.parameters
    rows = NORMAL[np.linspace(0, len(NORMAL) - 1, 128).astype(int)]
    v = np.tanh(rows @ p["dense_1/weight"] + p["dense_1/bias"])
    u = v @ p["dense_2/weight"] + p["dense_2/bias"]
    flat = (1 / np.cosh(np.arctanh(np.clip(v, -1 + 1e-12, 1 - 1e-12))) ** 2 < 0.05).mean(axis=0) > 0.75
    train = made.history.train
    assert train["saturated/dense_1"] == [pytest.approx(flat.mean())]
    assert 0 < flat.mean() < 1
    assert train["dead/dense_2"] == [pytest.approx((u <= 0).all(axis=0).mean())]
    assert "saturated/dense_2" not in train


def test_engines_see_and_say_the_same():
    data, options = (X[:300] * 50, Y[:300]), {"dtype": "float64", "epochs": 4, "validation": VALIDATION}
    one, other = (fitted(dense(16, 10), SOFTMAX, "adam", data, engine=engine, **options) for engine in ENGINES)
    assert one.history.notes == other.history.notes != []
    for name, curve in one.history.train.items():
        np.testing.assert_allclose(other.history.train[name], curve, rtol=1e-7, err_msg=name)


# --------------------------------------------------------------------------------------------------------------- faults


def test_units_that_never_fire_are_named_with_their_share():
    shift = bp.initializers.uniform(-12.0, 2.0)
    made = fitted(dense(64, 10, bias_initializer=shift), SOFTMAX, "sgd", (NORMAL, Y[:600]), epochs=1)
    p = made.parameters
    rows = NORMAL[np.linspace(0, 599, 128).astype(int)]
    dead = (rows @ p["dense_1/weight"] + p["dense_1/bias"] <= 0).all(axis=0).mean()
    assert said(made) == [f"layer dense_1: {dead:.0%} of its units never fire; try a smaller lr or leaky_relu"]


def test_saturated_units_are_named_with_their_share():
    wide = bp.initializers.normal(stddev=20.0)
    layers = dense(64, 10, activation="tanh", weight_initializer=wide)
    made = fitted(layers, SOFTMAX, {"name": "adam", "lr": 1e-3}, (NORMAL, Y[:600]))
    start = made.history.train["saturated/dense_1"][0]
    assert said(made)[0].startswith(f"layer dense_1: {start:.0%} of its units are saturated, where tanh is flat; try")
    assert start > 0.5


def test_gradients_that_vanish_are_named_with_their_ratio():
    layers = [bp.layers.standardize(), *dense(*[32] * 8, 10, activation="sigmoid")]
    made = fitted(layers, SOFTMAX, {"name": "adam", "lr": 1e-3}, TRAIN, epochs=1)
    (sentence,) = said(made)
    ratio = float(sentence.partition(" is ")[2].partition(" times")[0])
    train = made.history.train
    slopes = [train[f"gradient_norm/dense_{k}"][0] / train[f"parameter_norm/dense_{k}"][0] for k in (1, 9)]
    assert sentence.startswith("layer dense_1: its gradient, over its weights")
    assert ratio == pytest.approx(slopes[0] / slopes[1], rel=0.5)  # a median there, means here
    assert ratio < 1e-4


def test_gradients_that_explode_from_layer_to_layer_are_named_with_their_ratio():
    layers = dense(*[64] * 5, 10, activation="leaky_relu", weight_initializer=bp.initializers.normal(stddev=2.0))
    made = fitted(layers, SOFTMAX, {"name": "adam", "lr": 1e-5}, (NORMAL, Y[:600]), epochs=1)
    start = bp.Trainer(made.network, SOFTMAX, "sgd", seed=made.seed)
    rows = np.linspace(0, 599, 128).astype(int)
    trace = start.trace(NORMAL[rows], Y[rows])
    sizes = [np.sqrt(np.mean(trace[name].delta ** 2)) for name in ("dense_1", "dense_6")]
    expected = f"layer dense_1: the gradient in its outputs is {sizes[0] / sizes[1]:,.0f} times that in the outputs of"
    assert said(made)[0].startswith(expected)


def test_a_gradient_that_explodes_and_a_loss_that_rises_are_named_with_their_figures():
    rate = {"name": "piecewise", "boundaries": [8], "values": [0.01, 2.5]}
    options: dict[str, Any] = {"epochs": 8, "batch_size": 150, "every": 1, "dtype": "float64"}
    made = fitted(dense(1), "mse", {"name": "sgd", "lr": rate}, (NORMAL, SUMS), **options)
    losses, text = made.history.train["loss"], " ".join(said(made))
    risen = next(k for k, loss in enumerate(losses) if loss > 2 * losses[0])
    assert f"the training loss rose from {losses[0]:.3g} to {losses[risen]:.3g} in {risen + 1} epochs" in text
    assert "the norm of the gradient reached" in text
    assert "times the most of the first epoch; try clip_global_norm" in text


def test_a_learning_rate_that_is_too_high_is_named_with_its_update():
    recorder = Recorder()
    layers = [bp.layers.standardize(), *dense(64, 10)]
    made = fitted(layers, SOFTMAX, {"name": "adam", "lr": 0.3}, TRAIN, callbacks=[recorder], epochs=1)
    ratio = recorder.of("update_ratio/dense_1")[0]
    assert said(made)[0] == f"layer dense_1: an update moves it by {ratio:.0%} of its norm; try a tenth of the lr"


def test_a_learning_rate_that_is_too_low_is_named_with_its_updates_and_losses():
    made = fitted([bp.layers.standardize(), *dense(64, 10)], SOFTMAX, {"name": "sgd", "lr": 1e-7}, TRAIN, epochs=4)
    first, _, third, _ = made.history.train["loss"]
    ((epoch, sentence),) = made.history.notes
    assert epoch == 3
    assert sentence.endswith(f"the training loss went from {first:.4g} to {third:.4g} in 3 epochs; try a larger lr")


def test_inputs_that_are_not_scaled_are_named_with_their_column():
    x = NORMAL * np.array([1, 1, 1, 1, 4000, 1])
    made = fitted(dense(16, 10), SOFTMAX, "adam", (x, Y[:600]), epochs=1)
    rows = x[np.linspace(0, 599, 128).astype(int), 4]
    size = np.sqrt(np.mean(rows**2))
    assert said(made)[0].startswith(f"x: column 4 has a root mean square of {size:.3g} where it enters layer dense_1")
    scaled = fitted([bp.layers.standardize(), *dense(16, 10)], SOFTMAX, "adam", (x, Y[:600]), epochs=1)
    assert said(scaled) == []


def test_a_rare_class_that_is_never_predicted_is_named_with_its_share():
    y = np.where(np.arange(600) % 25 == 0, "rare", "common")
    made = fitted(dense(8, 2, activation="tanh"), SOFTMAX, "adam", (NORMAL, y), epochs=8)
    assert said(made) == [
        'class rare: it is hardly ever predicted for its own rows, 4% of all; try class_weight="balanced" or the '
        "sampler balanced"
    ]
    assert made.history.notes[0][0] == 8  # in the last epoch
    own = np.flatnonzero(y == "rare")[np.linspace(0, 23, 16).astype(int)]
    assert (made.predict_labels(NORMAL[own]) == "common").all()
    balanced = fitted(dense(8, 2, activation="tanh"), SOFTMAX, "adam", (NORMAL, y), class_weight="balanced", epochs=20)
    assert said(balanced) == []


@pytest.mark.parametrize("loss", [SOFTMAX, "mse"])
def test_labels_that_carry_nothing_are_named_with_the_losses(loss):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(300, 20)), rng.integers(3, size=300) if loss == SOFTMAX else rng.normal(size=300)
    made = fitted(
        dense(64, 3 if loss == SOFTMAX else 1), loss, {"name": "adam", "lr": 0.01}, (x[:200], y[:200]), epochs=40,
        validation=(x[200:], y[200:]),
    )  # fmt: skip
    ((epoch, sentence),) = made.history.notes
    chance = float(sentence.partition("gives ")[2].partition(":")[0])
    shares = np.unique(y[:200], return_counts=True)[1] / 200
    known = -np.sum(shares * np.log(shares)) if loss == SOFTMAX else y[:200].var() / 2
    assert chance == pytest.approx(known, rel=0.02)
    assert f"fell to {made.history.train['loss'][epoch - 1]:.3g}" in sentence
    assert f"never below {min(made.history.validation['loss'][:epoch]):.3g}" in sentence


# --------------------------------------------------------------------------------------------------- healthy trainings

CONVOLUTION = [
    bp.layers.reshape((8, 8, 1)), bp.layers.conv2d(8, 3, activation="relu"), bp.layers.max_pool2d(2),
    bp.layers.flatten(), bp.layers.dropout(0.2), *dense(32, 10),
]  # fmt: skip
HEALTHY: dict[str, tuple[list[Any], str, Any, dict[str, Any]]] = {
    "digits": ([bp.layers.standardize(), *dense(64, 32, 10)], SOFTMAX, {"name": "adam", "lr": 3e-3}, {"epochs": 12}),
    "digits as they are": (dense(64, 10), SOFTMAX, {"name": "adam", "lr": 1e-3}, {"epochs": 8}),
    "digits by sgd": ([bp.layers.standardize(), *dense(64, 10, activation="tanh")], SOFTMAX, "sgd", {"epochs": 8}),
    "linear": ([bp.layers.standardize(), *dense(10)], SOFTMAX, {"name": "sgd", "lr": 0.5}, {"epochs": 8, "every": 1}),
    "deep tanh": (
        [bp.layers.standardize(), *dense(*[32] * 10, 10, activation="tanh")],
        SOFTMAX,
        {"name": "adam", "lr": 1e-3},
        {"epochs": 6},
    ),
    "convolution": (CONVOLUTION, SOFTMAX, {"name": "adam", "lr": 2e-3}, {"epochs": 5}),
    "regression": (dense(32, 1, activation="tanh"), "mse", {"name": "adam", "lr": 3e-3}, {"epochs": 20}),
    "large targets": (dense(32, 1), "mse", {"name": "adam", "lr": 1e-2}, {"epochs": 20, "standardize_target": True}),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_said_of_a_healthy_training(name):
    layers, loss, rule, options = HEALTHY[name]
    x, y = (X / 16, Y) if name == "convolution" else (X, Y)
    data = (x[:900], y[:900]), (x[900:1100], y[900:1100])
    if loss == "mse":
        scale = 1000.0 if name == "large targets" else 1.0
        data = (NORMAL[:500], scale * SUMS[:500]), (NORMAL[500:], scale * SUMS[500:])
    assert said(fitted(layers, loss, rule, data[0], validation=data[1], **options)) == []


# ------------------------------------------------------------------------------------------------------ files and fits


@pytest.mark.parametrize("engine", ENGINES)
def test_a_resumed_fit_sees_and_says_what_one_that_never_stopped_does(engine, tmp_path: Path):
    path, end = tmp_path / "state.safetensors", tmp_path / "end.safetensors"

    class Writes:
        @bp.hookimpl(trylast=True)
        def bpframe_block_end(self, state: Any) -> None:
            state.look(170)
            if state.step == 170:
                state.trainer.checkpoint(path)

    options: dict[str, Any] = {"epochs": 10, "batch_size": 32, "verbose": 0, "validation": VALIDATION}
    watch = bp.callbacks.monitor(every=3)
    parts: dict[str, Any] = {"callbacks": [watch, Writes()], "engine": engine}
    layers = [bp.layers.dense(16, activation="relu"), bp.layers.dense(10)]
    whole = bp.Trainer(bp.Network(layers), SOFTMAX, {"name": "sgd", "lr": 1e-7}, **parts)
    with pytest.warns(TrainingWarning, match="try a larger lr"):
        whole.fit(X[:900] / 16, Y[:900], **options)
    resumed = bp.Trainer.resume(path, callbacks=[watch])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what was said is not said again
        resumed.fit(X[:900] / 16, Y[:900], **options)
    assert resumed.history.notes == whole.history.notes
    assert resumed.memories[0] == whole.memories[0]
    assert list(resumed.history.train) == list(whole.history.train)
    for name, curve in whole.history.train.items():
        assert np.array(resumed.history.train[name]).tobytes() == np.array(curve).tobytes(), name
    whole.checkpoint(end)
    assert bp.Trainer.resume(end, callbacks=[watch]).history.notes == whole.history.notes


def test_it_says_a_thing_once_a_fit():
    x = NORMAL * 1000
    made = bp.Trainer(bp.Network(dense(4, 1)), "mse", {"name": "adam", "lr": 1e-4}, callbacks=["monitor"])
    for k in (1, 2):
        with pytest.warns(TrainingWarning, match="scale the inputs") as caught:
            made.fit(x, SUMS, epochs=2, verbose=0)
        assert len(caught) == 1
        assert [epoch for epoch, _ in made.history.notes] == [1, 3][:k]


def test_watching_changes_no_bit_of_a_training():
    watched = fitted(dense(16, 10), SOFTMAX, "adam", TRAIN, every=1)
    plain = bp.Trainer(bp.Network(dense(16, 10)), SOFTMAX, "adam")
    plain.fit(*TRAIN, epochs=3, verbose=0)
    for name, value in plain.parameters.items():
        assert watched.parameters[name].tobytes() == value.tobytes()


@pytest.mark.parametrize("arguments", [{"every": 0}, {"rows": 0}])
def test_settings_that_make_no_sense_are_refused(arguments):
    with pytest.raises(ConfigError, match=f"monitor needs .*{next(iter(arguments))}"):
        bp.callbacks.monitor(**arguments)


def test_the_kit_checks_it():
    assert {"array values", "array api"} <= set(check("callback", "monitor").run)
