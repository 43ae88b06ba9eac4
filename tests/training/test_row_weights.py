"""Weights in a fit: sum w loss / sum w over all rows at any batch size, metrics by sample weights alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe import hookimpl
from bpframe.errors import BpframeError, ConfigError, DataError, ShapeError
from tests.training.problems import LABELS, WEIGHT, XV, YV, Backwards, X, Y, classifier, close, linear, same

ENGINES = ["numpy", pytest.param("jax", marks=pytest.mark.slow)]
CLASS_WEIGHT = {0: 1.0, 1: 5.0, 2: 0.5}
FACTOR = np.array([CLASS_WEIGHT[label] for label in LABELS.tolist()])


def descent(weight: Any, size: int, lr: float, epochs: int) -> float:
    """A constant b fitted to a column of Y in scalar steps: the slope of a batch is sum w (b - y) / (B mean w)."""
    y, w, b = Y[:, 0].tolist(), weight.tolist(), 0.0
    mean = sum(w) / len(w)
    for _ in range(epochs):
        for start in range(0, len(y), size):
            batch = range(start, min(start + size, len(y)))
            b -= lr * sum(w[i] * (b - y[i]) for i in batch) / (len(batch) * mean)
    return b


def constant(**settings: Any) -> Any:
    """A trainer of one number: the bias behind inputs that are 0."""
    layer = bp.layers.dense(1, weight_initializer="zeros")
    return bp.Trainer(bp.Network([layer]), "mse", {"name": "sgd", "lr": 0.02}, dtype="float64", **settings)


@pytest.mark.parametrize(("engine", "size"), [("numpy", 1), ("numpy", 5), ("numpy", 23), ("jax", 5)])
def test_steps_are_those_of_the_weighted_mean_over_all_rows_at_any_batch_size(engine, size):
    trainer = constant(engine=engine, metrics=[])
    trainer.fit(np.zeros((23, 1)), Y[:, :1], epochs=9, batch_size=size, shuffle=False, sample_weight=WEIGHT)
    assert trainer.parameters["dense_1/bias"][0] == pytest.approx(descent(WEIGHT, size, 0.02, 9), rel=1e-12)


@pytest.mark.parametrize("by_batch", [False, True])
def test_class_weights_move_the_minimum_in_batches_of_one_row_unless_each_batch_is_divided_by_its_own(by_batch):
    labels, x = np.array([0, 1] * 20), np.zeros((40, 1))
    layer = bp.layers.dense(1, weight_initializer="zeros")
    trainer = bp.Trainer(
        bp.Network([layer]), "sigmoid_cross_entropy", {"name": "sgd", "lr": 0.02}, weights_by_batch=by_batch
    )
    trainer.fit(x, labels, epochs=60, batch_size=1, class_weight={0: 1, 1: 3})
    assert trainer.predict(x[:1])[0, 0] == pytest.approx(0.5 if by_batch else 0.75, abs=0.02)


@pytest.mark.parametrize("engine", ENGINES)
def test_gathered_batches_make_the_step_of_the_whole(engine):
    whole, gathered = linear(engine=engine), linear(engine=engine, gradient_steps=[{"name": "accumulate", "steps": 5}])
    for trainer, size in ((whole, 23), (gathered, 5)):  # the last of the five batches has three rows
        trainer.fit(X, Y, epochs=3, batch_size=size, shuffle=False, sample_weight=WEIGHT)
    close(whole, gathered)


def test_lbfgs_ends_at_the_weighted_minimum_and_equal_weights_are_none():
    trainer, plain = linear(optimizer="lbfgs"), linear()
    trainer.fit(X, Y, epochs=60, batch_size=23, sample_weight=WEIGHT)
    rows = np.hstack([X, np.ones((23, 1))]) * np.sqrt(WEIGHT)[:, None]
    wanted = np.linalg.lstsq(rows, Y * np.sqrt(WEIGHT)[:, None])[0]
    np.testing.assert_allclose(trainer.parameters["dense_1/weight"], wanted[:-1], rtol=1e-5, atol=1e-6)
    alike = linear()
    plain.fit(X, Y, epochs=3, batch_size=4)
    alike.fit(X, Y, epochs=3, batch_size=4, sample_weight=np.full(23, 7.0))
    assert same(plain, alike)


def test_the_curve_of_a_sampler_is_the_weighted_mean_of_the_rows_that_it_visits():
    trainer = linear(optimizer={"name": "sgd", "lr": 0.0}, sampler=Backwards(6))
    history = trainer.fit(X, Y, epochs=1, batch_size=4, sample_weight=WEIGHT)
    wanted = trainer.evaluate(X[-6:], Y[-6:], sample_weight=WEIGHT[-6:])
    assert history.train["loss"][0] == pytest.approx(wanted["loss"], rel=1e-12)
    assert history.train["mae"][0] == pytest.approx(wanted["mae"], rel=1e-12)


class StopAfter:
    """A callback that ends the fit after so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    @hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        if state.step == self.steps:
            state.stop("enough")


def test_the_curve_of_an_epoch_cut_short_is_the_weighted_mean_of_its_rows():
    trainer = linear(optimizer={"name": "sgd", "lr": 0.0}, callbacks=[StopAfter(2)])
    history = trainer.fit(X, Y, epochs=1, batch_size=5, shuffle=False, sample_weight=WEIGHT)
    wanted = trainer.evaluate(X[:10], Y[:10], sample_weight=WEIGHT[:10])["loss"]
    assert history.train["loss"][0] == pytest.approx(wanted, rel=1e-12)


# ------------------------------------------------------------------------------------------- metrics and validation


@pytest.mark.parametrize("engine", ENGINES)
def test_class_weights_act_on_the_training_loss_alone(engine):
    trainer = classifier(engine=engine, optimizer={"name": "sgd", "lr": 0.0}, metrics=["accuracy", "log_loss"])
    given = {"sample_weight": WEIGHT, "class_weight": CLASS_WEIGHT, "validation": (X, LABELS, WEIGHT)}
    history = trainer.fit(X, LABELS, epochs=1, batch_size=5, **given)
    alone, both = (trainer.evaluate(X, LABELS, sample_weight=w) for w in (WEIGHT, WEIGHT * FACTOR))
    for name in ("accuracy", "log_loss"):
        assert history.train[name][0] == pytest.approx(alone[name], rel=1e-12)
        assert history.validation[name][0] == pytest.approx(alone[name], rel=1e-12)
    assert history.validation["loss"][0] == pytest.approx(alone["loss"], rel=1e-12)
    assert history.train["loss"][0] == pytest.approx(both["loss"], rel=1e-12)
    assert abs(both["loss"] - alone["loss"]) > 0.01


@pytest.mark.parametrize(
    ("validation", "error", "message"),
    [
        ((X,), ConfigError, r"needs a pair \(x, y\) as validation, or \(x, y, sample_weight\), got tuple of 1"),
        ((X, Y, WEIGHT, 1), ConfigError, "got tuple of 4"),
        ((XV, YV, WEIGHT), ShapeError, r"validation sample_weight needs one number a row, shape \(9,\), got \(23,\)"),
        ((X, Y, -WEIGHT), DataError, "validation sample_weight needs numbers of at least 0"),
        ((X, Y, WEIGHT * 0), DataError, "validation sample_weight needs a number above 0"),
    ],
)
def test_other_weights_of_validation_are_refused(validation, error, message):
    with pytest.raises(error, match=message):
        linear().fit(X, Y, epochs=1, validation=validation)


def test_a_fit_that_goes_on_needs_the_same_weights_of_validation(tmp_path):
    trainer = linear(callbacks=[{"name": "checkpoint", "folder": tmp_path, "every_steps": 1, "every_seconds": None}])
    trainer.fit(X, Y, epochs=2, batch_size=12, validation=(X, Y, WEIGHT))
    first = min(tmp_path.glob("*.safetensors"))
    with pytest.raises(BpframeError, match="weights of validation"):
        bp.Trainer.resume(first).fit(X, Y, epochs=2, batch_size=12, validation=(X, Y, WEIGHT + 1))


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "balanced_accuracy", "roc_auc"])
def test_what_a_row_of_weight_zero_scores_is_not_looked_at(metric):
    trainer = classifier(metrics=[metric])
    trainer.fit(X, LABELS, epochs=2, sample_weight=WEIGHT)
    x = X.copy()
    x[WEIGHT == 0] = 1e150
    trainer.parameters.replace({name: p * 1e160 for name, p in trainer.parameters.copy().items()})
    kept = WEIGHT > 0
    without = trainer.evaluate(X[kept], LABELS[kept], sample_weight=WEIGHT[kept])
    assert trainer.evaluate(x, LABELS, sample_weight=WEIGHT) == without
    assert np.isfinite(list(without.values())).all()


# ------------------------------------------------------------------------------------------------------- going on


@pytest.mark.parametrize("settings", [{}, {"weights_by_batch": True}], ids=["by rows", "by batch"])
def test_a_weighted_fit_goes_on_from_the_middle_of_an_epoch_with_the_same_bits(tmp_path, settings):
    given = {"epochs": 3, "batch_size": 5, "sample_weight": WEIGHT, "class_weight": "balanced"}
    whole = classifier(**settings)
    whole.fit(X, LABELS, **given)
    for step in (2, 5, 8):
        classifier(callbacks=[Save(tmp_path / "state.safetensors", step)], **settings).fit(X, LABELS, **given)
        resumed = bp.Trainer.resume(tmp_path / "state.safetensors", callbacks=[])
        assert resumed.weights_by_batch is bool(settings)
        assert resumed.fit(X, LABELS, **given).train == whole.history.train
        assert same(whole, resumed)


def test_a_fit_that_an_earlier_bpframe_began_goes_on_with_its_formula(tmp_path):
    given = {"epochs": 2, "batch_size": 5, "sample_weight": WEIGHT}
    by_batch = linear(weights_by_batch=True)
    by_batch.fit(X, Y, **given)
    half = linear(callbacks=[Save(tmp_path / "half.safetensors")], weights_by_batch=True)
    half.fit(X, Y, **given)
    own = linear()  # as a file without a word about the formula is read
    own.restore(_without_switch(tmp_path / "half.safetensors"))
    own.fit(X, Y, **given)
    assert same(own, by_batch)


class Save:
    """A callback that writes a checkpoint after a step."""

    def __init__(self, path: Any, step: int = 3) -> None:
        self.path, self.step = path, step

    @hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        if state.step == self.step:
            state.trainer.checkpoint(self.path)


def _without_switch(path: Any) -> Any:
    from bpframe.saving import tensor_file

    tensors, content = tensor_file.read_tensors(path)
    assert content.pop("weights_by_batch") is True
    assert "by_rows" not in content["fit"]
    tensor_file.write_tensors(path, dict(tensors), dict(content))
    return path


def test_the_formula_stands_in_files_where_it_is_not_the_default(tmp_path):
    for by_batch in (True, False):
        trainer = linear(weights_by_batch=by_batch)
        trainer.fit(X, Y, epochs=1)
        trainer.save(tmp_path / "model.safetensors")
        assert (b"weights_by_batch" in (tmp_path / "model.safetensors").read_bytes()) is by_batch
        assert bp.Trainer.load(tmp_path / "model.safetensors").weights_by_batch is by_batch
    with pytest.raises(ConfigError, match="needs true or false as weights_by_batch, got 1"):
        linear(weights_by_batch=1)
    with pytest.raises(ConfigError, match="needs true or false as weights_by_batch, got 'no'"):
        linear().weights_by_batch = "no"


def test_a_range_of_rates_is_tested_on_weighted_losses():
    plain, weighted = (
        bp.lr_range_test(linear(), X, Y, steps=5, batch_size=23, **given) for given in ({}, {"sample_weight": WEIGHT})
    )
    assert weighted.loss[0] == pytest.approx(_start(WEIGHT), rel=1e-9)
    assert plain.loss[0] == pytest.approx(_start(None), rel=1e-9)


def _start(weight: Any) -> float:
    trainer = linear()
    return trainer.trace(X, Y, weight).loss
