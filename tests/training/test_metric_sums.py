"""Metrics of training from sums that compiled steps take are those of the scores, in stretches of several epochs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

import bpframe as bp
from bpframe.data.score_labels import sure_labels
from bpframe.engine.jax.session import JaxSession
from bpframe.engine.numpy.session import NumpySession
from bpframe.errors import CheckpointError, NumericalError
from bpframe.saving import tensor_file
from bpframe.training import fit as fit_module

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 5))
CLASSES = (X[:, 0] + RNG.normal(size=50) > 0).astype(int) + 2 * (X[:, 1] > 1)
TARGETS = X[:, :2] * [3.0, 0.1] + [2000.0, 0.0] + RNG.normal(size=(50, 2))


class Watcher:
    """A callback to which the scores of each epoch have to be measured."""

    @bp.hookimpl
    def bpframe_epoch_end(self, state):
        pass


class Evaluated:
    """Notes what `evaluate` gives of rows after each epoch."""

    def __init__(self, rows):
        self.rows, self.values = rows, []

    @bp.hookimpl
    def bpframe_epoch_end(self, state):
        self.values.append(state.trainer.evaluate(*self.rows))


class Writer:
    """Writes a checkpoint after a step."""

    def __init__(self, step, path):
        self.step, self.path = step, path

    @bp.hookimpl
    def bpframe_fit_start(self, state):
        state.look(self.step)

    @bp.hookimpl
    def bpframe_block_end(self, state):
        if state.step == self.step:
            state.trainer.checkpoint(self.path)


def trainer(loss="softmax_cross_entropy", outputs=4, *callbacks, metrics=None, dtype="float32", **parts):
    network = bp.Network([bp.layers.dense(6, activation="tanh"), bp.layers.dense(outputs)])
    parts = {"engine": "jax", "seed": 3, **parts}
    rule = {"name": "adam", "lr": 0.05}
    return bp.Trainer(network, loss, rule, metrics=metrics, dtype=dtype, callbacks=callbacks, **parts)


def curves(made, y=CLASSES, epochs=4, **fit):
    made.fit(X, y, epochs=epochs, batch_size=16, verbose=0, **fit)
    return {name: curve for name, curve in made.history.train.items() if name not in ("loss", "objective")}


@pytest.mark.parametrize("engine", ["jax", "numpy"])
@pytest.mark.parametrize(
    ("loss", "outputs", "y", "dtype"),
    [
        ("softmax_cross_entropy", 4, CLASSES, "float32"),
        ("softmax_cross_entropy", 4, CLASSES, "float64"),
        ("sigmoid_cross_entropy", 1, CLASSES > 0, "float32"),
        ("sigmoid_cross_entropy", 2, np.eye(4)[CLASSES][:, :2], "float64"),
    ],
)
def test_counts_are_those_of_the_scores_to_the_bit(loss, outputs, y, dtype, engine):
    metrics = ["accuracy", {"name": "confusion", "actual": 0, "predicted": 1}][: 1 if outputs == 2 else 2]
    summed = curves(trainer(loss, outputs, metrics=metrics, dtype=dtype, engine=engine), y)
    assert summed == curves(trainer(loss, outputs, Watcher(), metrics=metrics, dtype=dtype, engine=engine), y)
    assert len(set(summed["accuracy"])) > 1


@pytest.mark.parametrize("engine", ["jax", "numpy"])
@pytest.mark.parametrize(
    "metrics",
    [None, ["accuracy", {"name": "f1", "average": "macro"}], [{"name": "confusion", "actual": 1, "predicted": 0}]],
)
def test_validation_measures_what_evaluate_does_to_the_bit(engine, metrics):
    rows = X[:17], CLASSES[:17]
    seen = Evaluated(rows)
    made = trainer("softmax_cross_entropy", 4, seen, metrics=metrics, engine=engine)
    made.fit(X, CLASSES, epochs=3, batch_size=16, validation=rows, verbose=0)
    assert [made.history.record(i)["validation"] for i in range(3)] == seen.values


@pytest.mark.parametrize(
    ("loss", "outputs", "y", "metrics"),
    [
        ("mse", 2, TARGETS, ["r2", "mae", "mse", "rmse", "mape"]),
        ("softmax_cross_entropy", 4, CLASSES, ["log_loss", "brier"]),
        ("sigmoid_cross_entropy", 1, CLASSES > 0, ["log_loss", "brier"]),
    ],
)
def test_other_sums_are_near_those_of_the_scores(loss, outputs, y, metrics):
    summed = curves(trainer(loss, outputs, metrics=metrics), y)
    collected = curves(trainer(loss, outputs, Watcher(), metrics=metrics), y)
    for name, curve in collected.items():
        np.testing.assert_allclose(summed[name], curve, rtol=1e-6, atol=1e-6 * (name == "r2"), err_msg=name)


@pytest.mark.parametrize("engine", ["jax", "numpy"])
def test_two_classes_whose_probabilities_round_to_one_have_the_label_that_predictions_have(engine):
    y, accuracy = CLASSES % 2, []
    for callbacks in ((), (Watcher(),)):
        made = trainer("softmax_cross_entropy", 2, *callbacks, engine=engine)
        curves(made, y, epochs=1)
        made.parameters["dense_2/weight"], made.parameters["dense_2/bias"] = np.zeros((6, 2)), np.array([0.0, 1e-8])
        made.fit(X, y, epochs=1, batch_size=50, verbose=0)
        accuracy.append(made.history.train["accuracy"][1])
    assert accuracy == [np.mean(y == 0)] * 2  # of equal predictions the first counts; the second has the larger score


@pytest.mark.parametrize(("engine", "session"), [("jax", JaxSession), ("numpy", NumpySession)])
def test_epochs_with_metrics_that_are_sums_are_made_in_one_call(engine, session, monkeypatch):
    calls = []
    run = session.run
    monkeypatch.setattr(session, "run", lambda self, batches, *at: calls.append(at) or run(self, batches, *at))
    found = curves(trainer(engine=engine), epochs=40)
    assert len(calls) < 20
    assert [len(curve) for curve in found.values()] == [40] * len(found)


def test_a_metric_on_which_a_decision_depends_is_measured_on_the_host():
    plateau = {"name": "reduce_on_plateau", "schedule": 0.01, "monitor": "train.accuracy"}
    stopping = [bp.callbacks.early_stopping(monitor=f"train.{name}", patience=3) for name in ("accuracy", "mae")]
    network = bp.Network([bp.layers.dense(4)])
    assert fits_by_sums(trainer())
    assert fits_by_sums(trainer("softmax_cross_entropy", 4, stopping[0]))  # counts, which are the host's
    assert not fits_by_sums(trainer("mse", 1, stopping[1]), X[:, 0])
    assert not fits_by_sums(bp.Trainer(network, "softmax_cross_entropy", {"name": "adam", "lr": plateau}, engine="jax"))


def fits_by_sums(made, y=CLASSES, **fit):
    """Whether a fit takes sums."""
    seen = []
    original = JaxSession.sum_rows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JaxSession, "sum_rows", lambda self, sums: seen.append(sums) or original(self, sums))
        curves(made, y, epochs=1, **fit)
    return seen[-1] is not None


@dataclass(frozen=True)
class WithinOne:
    """The weighted share of rows of which no output is off by more than 1: a foreign metric that is a sum."""

    of = "predictions"
    best = "max"

    def value(self, prediction, target, weight):
        return float(np.average(np.abs(prediction - target).max(axis=1) <= 1, weights=weight))

    def row_values(self, prediction, target):
        xp = prediction.__array_namespace__()
        return xp.max(xp.abs(prediction - target), axis=1) <= 1

    def value_of_sums(self, sums, target, weight):
        return float(sums[0] / weight.sum())


@dataclass(frozen=True)
class NoSum:
    """The largest error: a foreign metric that is no sum."""

    of = "predictions"
    best = "min"

    def value(self, prediction, target, weight):
        return float(np.abs(prediction - target).max())


def test_metrics_of_others_are_sums_if_they_say_so():
    offset = TARGETS - [2000.0, 0.0]
    assert fits_by_sums(trainer("mse", 2, metrics=[WithinOne()]), offset)
    assert not fits_by_sums(trainer("mse", 2, metrics=[WithinOne(), NoSum()]), offset)
    summed = curves(trainer("mse", 2, metrics=[WithinOne()]), offset)
    assert summed == curves(trainer("mse", 2, Watcher(), metrics=[WithinOne()]), offset)


@pytest.mark.parametrize(
    ("parts", "fit"),
    [
        ({"metrics": ["top_k"]}, {}),
        ({"metrics": [{"name": "f1", "average": "macro"}]}, {}),
        ({}, {"sample_weight": np.linspace(0, 1, 50)}),
    ],
)
def test_other_metrics_and_rows_have_their_scores_collected(parts, fit):
    assert not fits_by_sums(trainer(**parts), **fit)


def test_engine_numpy_measures_what_is_no_count_as_before():
    made = trainer("mse", 2, engine="numpy", metrics=["mse"])
    curves(made, TARGETS, epochs=1)
    assert made.session.collected().shape == (50, 2)


def test_a_fit_that_chooses_rows_has_metrics_of_these_rows():
    some = {"sampler": {"name": "balanced"}}
    assert curves(trainer(**some)) == curves(trainer("softmax_cross_entropy", 4, Watcher(), **some))


@pytest.mark.parametrize(("engine", "metrics"), [("jax", ["mse", "accuracy"]), ("numpy", ["accuracy"])])
def test_a_fit_resumed_in_the_middle_of_an_epoch_ends_with_the_same_bits(engine, metrics, tmp_path):
    whole = trainer(metrics=metrics, engine=engine)
    curves(whole)
    path = tmp_path / "state.safetensors"
    curves(trainer("softmax_cross_entropy", 4, Writer(6, path), metrics=metrics, engine=engine))
    went_on = trainer(metrics=metrics, engine=engine)
    went_on.restore(path)
    curves(went_on)
    assert {**went_on.history.train} == {**whole.history.train}
    for name, value in whole.parameters.items():
        np.testing.assert_array_equal(went_on.parameters[name], value)


@pytest.mark.parametrize("engine", ["jax", "numpy"])
def test_epochs_before_numbers_stop_being_finite_have_their_metrics(engine):
    rates = {"name": "piecewise", "values": [0.1, 1e300], "boundaries": [10]}
    histories = []
    for callbacks in ([], [Watcher()]):
        parts = {"engine": engine, "callbacks": callbacks, "seed": 3, "dtype": "float64"}
        network = bp.Network([bp.layers.dense(6, activation="relu"), bp.layers.dense(4)])
        made = bp.Trainer(network, "softmax_cross_entropy", {"name": "sgd", "lr": rates}, **parts)
        with pytest.raises(NumericalError):
            curves(made, epochs=9)
        histories.append(made.history.train["accuracy"])
    assert histories[0] == histories[1]
    assert len(histories[0]) == 2


@pytest.mark.parametrize(("classes", "known"), [(2, 0), (3, 2), (40, 0)])
def test_sure_labels_are_the_largest_scores_where_that_is_beyond_rounding(classes, known):
    scores = np.random.default_rng(1).normal(size=(100, classes)).astype(np.float32)
    np.testing.assert_array_equal(sure_labels(scores, "softmax", known), scores[:, : known or None].argmax(axis=1))
    for doubt in ([1.0, 1.0 + 2e-7], [np.nan, 0.0], [np.inf, 0.0]):
        bad = scores.copy()
        bad[7, :2], bad[7, 2:] = doubt, -9
        assert sure_labels(bad, "softmax", known) is None


@pytest.mark.parametrize(
    ("loss", "outputs", "learned"),
    [
        ("softmax_cross_entropy", 4, {"classes": [0, 1, 2]}),
        ("softmax_cross_entropy", 4, {}),
        ("sigmoid_cross_entropy", 1, {"classes": [0, 1]}),
        ("sigmoid_cross_entropy", 3, {}),
    ],
)
def test_labels_found_without_predictions_are_those_of_predictions(loss, outputs, learned):
    task = replace(trainer(loss, outputs).task, outputs=outputs, learned=learned)
    scores = np.random.default_rng(2).normal(size=(200, outputs)).astype(np.float32)
    wanted = task.class_numbers(scores, task.point(scores))
    np.testing.assert_array_equal(task.sure_labels(scores), wanted, strict=True)


def test_a_fit_whose_file_holds_scores_goes_on_with_scores(tmp_path, monkeypatch):
    path = tmp_path / "state.safetensors"
    with monkeypatch.context() as earlier:
        earlier.setattr(fit_module, "metric_sums", lambda *given: None)
        curves(trainer("softmax_cross_entropy", 4, Writer(6, path)))
    went_on = trainer()
    went_on.restore(path)
    assert curves(went_on) == curves(trainer())


@pytest.mark.parametrize("sums", [np.zeros((1, 3)), np.zeros((1, 6), np.float32), np.zeros(6)])
def test_sums_of_another_number_of_steps_are_refused(sums, tmp_path):
    path = tmp_path / "state.safetensors"
    curves(trainer("softmax_cross_entropy", 4, Writer(6, path)))
    tensors, content = tensor_file.read_tensors(path)
    assert tensors["fit/sums"].shape == (1, 6)
    tensor_file.write_tensors(path, {**tensors, "fit/sums": sums}, content)
    with pytest.raises(CheckpointError, match="fit/sums needs float64"):
        trainer().restore(path)
