"""What predicts by averaged parameters has statistics of these, made beside the running ones of the training.

Shapes: x (32, 4), y (32, 1).
"""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.numpy.session import NumpySession
from bpframe.training.statistics_session import ROWS

X = np.random.default_rng(0).normal(size=(32, 4))
Y = (X @ np.array([1.0, -2.0, 0.5, 0.0]))[:, None]
XV = np.random.default_rng(1).normal(size=(20, 4))
YV = (XV @ np.array([1.0, -2.0, 0.5, 0.0]))[:, None]
BUFFERS = ("batch_norm_1/buffers/mean", "batch_norm_1/buffers/variance")
RULES: dict[str, Any] = {
    "ema": {"name": "ema", "inner": {"name": "sgd", "lr": 0.05}, "decay": 0.9},
    "lookahead": {"name": "lookahead", "inner": "adam", "steps": 3},
    "schedule_free_sgd": {"name": "schedule_free_sgd", "lr": 0.5},
    "sam of ema": {"name": "sam", "inner": {"name": "ema", "inner": "momentum"}},
}


def trainer_of(rule: Any = "ema", engine: Any = "numpy", layers: Any = None, **more: Any) -> bp.Trainer:
    layers = layers or [bp.layers.dense(5, activation="tanh"), bp.layers.batch_norm(), bp.layers.dense(1)]
    rule = RULES.get(rule, rule) if isinstance(rule, str) else rule
    return bp.Trainer(bp.Network(layers, inputs=4), "mse", rule, engine=engine, dtype="float64", **more)


def fit(trainer: bp.Trainer, epochs: int = 6, **more: Any) -> bp.Trainer:
    trainer.fit(X, Y, epochs=epochs, batch_size=8, **more)
    return trainer


def hidden(p: Any, x: Any) -> Any:
    return np.tanh(x @ p["dense_1/weight"] + p["dense_1/bias"])


def predicted(p: Any, x: Any, rows: Any = X) -> Any:
    """By NumPy alone, with statistics of the rows."""
    seen, h = hidden(p, rows), hidden(p, x)
    z = (h - seen.mean(axis=0)) / np.sqrt(seen.var(axis=0, ddof=1) + 1e-5)
    return (z * p["batch_norm_1/scale"] + p["batch_norm_1/shift"]) @ p["dense_2/weight"] + p["dense_2/bias"]


def run_of(trainer: bp.Trainer) -> dict[str, Any]:
    """All that training depends on."""
    return {name: a for name, a in trainer.session.snapshot().items() if not name.startswith("statistics/")}


def same(one: Any, two: Any) -> None:
    assert one.keys() == two.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, two[name], err_msg=name)


@pytest.mark.parametrize(("rule", "engine"), [*((rule, "numpy") for rule in RULES), ("schedule_free_sgd", "jax")])
def test_predictions_go_with_statistics_of_the_averages(rule, engine):
    trainer = fit(trainer_of(rule, engine, constraints=["unit_norm"]))
    p = trainer.parameters.copy()
    np.testing.assert_allclose(np.linalg.norm(p["dense_1/weight"], axis=0), 1.0, rtol=1e-14)
    np.testing.assert_allclose(p[BUFFERS[0]], hidden(p, X).mean(axis=0), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(p[BUFFERS[1]], hidden(p, X).var(axis=0, ddof=1), rtol=1e-10)
    np.testing.assert_allclose(trainer.predict(XV), predicted(p, XV), rtol=1e-9)
    np.testing.assert_allclose(trainer.evaluate(XV, YV)["loss"], 0.5 * np.mean((predicted(p, XV) - YV) ** 2), rtol=1e-9)
    running = trainer.session.snapshot()["parameters/" + BUFFERS[0]]
    assert np.abs(running - p[BUFFERS[0]]).max() > 1e-3  # the run's own are others


@dataclass
class Watch:
    """A callback that keeps what predicts after each epoch, and what the history says of the validation data."""

    seen: list[Any] = field(default_factory=list)

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any) -> None:
        self.seen.append((state.parameters.copy(), state.metrics["validation.loss"]))


def test_the_history_measures_what_would_be_saved():
    watch = Watch()
    fit(trainer_of(callbacks=[watch]), validation=(XV, YV))
    assert len(watch.seen) == 6
    for p, loss in watch.seen:
        np.testing.assert_allclose(loss, 0.5 * np.mean((predicted(p, XV) - YV) ** 2), rtol=1e-9)


@dataclass
class Curious:
    """A callback that looks at everything after each step."""

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        state.trainer.evaluate(XV, YV)
        state.parameters.copy()


@pytest.mark.parametrize("engine", ["numpy", {"name": "numpy", "scripts": False}])
def test_how_often_anybody_looks_changes_no_bit(engine):
    layers = [bp.layers.dropout(0.2), bp.layers.dense(5), bp.layers.batch_norm(), bp.layers.dense(1)]
    blind, looked = (trainer_of(engine=engine, layers=layers, callbacks=c) for c in ([], [Curious()]))
    fit(blind)
    fit(looked, validation=(XV, YV))
    same(run_of(blind), run_of(looked))
    same(blind.parameters.copy(), looked.parameters.copy())


def test_early_stopping_puts_back_statistics_that_belong_to_the_parameters():
    stopping = {"name": "early_stopping", "monitor": "validation.loss", "patience": 2}
    trainer = trainer_of({"name": "ema", "inner": {"name": "adam", "lr": 0.1}, "decay": 0.5}, callbacks=[stopping])
    history = fit(trainer, 60, validation=(XV, YV)).history
    assert len(history) < 60
    np.testing.assert_allclose(trainer.evaluate(XV, YV)["loss"], min(history.validation["loss"]), rtol=1e-12)
    p = trainer.parameters.copy()
    np.testing.assert_allclose(trainer.predict(XV), predicted(p, XV), rtol=1e-9)


def test_model_files_hold_the_copy_and_checkpoints_both(tmp_path):
    trainer = fit(trainer_of())
    trainer.save(tmp_path / "model")
    trainer.checkpoint(tmp_path / "checkpoint")
    loaded, resumed = bp.Trainer.load(tmp_path / "model"), bp.Trainer.resume(tmp_path / "checkpoint")
    for other in (loaded, resumed, copy.copy(trainer), pickle.loads(pickle.dumps(trainer))):
        same(trainer.parameters.copy(), other.parameters.copy())
        np.testing.assert_array_equal(trainer.predict(XV), other.predict(XV))
    same(run_of(trainer), run_of(resumed))
    fit(trainer)
    same(trainer.parameters.copy(), fit(resumed).parameters.copy())


@dataclass
class Cut:
    """A callback that writes a checkpoint in the middle of an epoch."""

    path: Any
    at: int = 10

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        if state.step == self.at:
            state.trainer.checkpoint(self.path)


def test_a_resumed_fit_measures_to_the_same_bits(tmp_path):
    whole = fit(trainer_of(callbacks=[Cut(tmp_path / "c")]), validation=(XV, YV))
    resumed = bp.Trainer.resume(tmp_path / "c", callbacks=[])
    fit(resumed, validation=(XV, YV))
    assert resumed.history.validation["loss"] == whole.history.validation["loss"]
    same(whole.parameters.copy(), resumed.parameters.copy())


def test_a_checkpoint_of_an_earlier_version_predicts_with_the_running_statistics():
    trainer, other = fit(trainer_of()), trainer_of()
    other.session.restore(run_of(trainer), trainer.session.step)
    for name in BUFFERS:
        np.testing.assert_array_equal(other.parameters[name], run_of(trainer)[f"parameters/{name}"])
    with pytest.raises(ValueError, match="belongs to no buffer"):
        other.session.restore({**run_of(trainer), "statistics/dense_1/weight": np.zeros((4, 5))}, 3)


def test_a_second_fit_is_the_rest_of_one_and_uses_its_own_rows():
    whole, halves = fit(trainer_of(), 6), fit(trainer_of(), 3)
    fit(halves, 3)
    same(whole.parameters.copy(), halves.parameters.copy())
    halves.fit(XV, YV, epochs=1, batch_size=20)
    p = halves.parameters.copy()
    np.testing.assert_allclose(halves.predict(X), predicted(p, X, XV), rtol=1e-9)


def test_rows_that_change_after_the_fit_change_no_prediction():
    x = X.copy()
    trainer = trainer_of()
    trainer.fit(x, Y, epochs=3, batch_size=8)
    x *= 100.0
    p = trainer.parameters.copy()
    np.testing.assert_allclose(trainer.predict(XV), predicted(p, XV), rtol=1e-9)


def test_setting_one_value_changes_no_other():
    trainer = fit(trainer_of())
    before = trainer.parameters.copy()
    for name, value in ((BUFFERS[0], np.full(5, 0.25)), ("dense_1/bias", np.full(5, 0.5))):
        trainer.parameters[name] = value
        before[name] = value
        same(trainer.parameters.copy(), before)
    np.testing.assert_array_equal(run_of(trainer)[f"parameters/{BUFFERS[0]}"], before[BUFFERS[0]])


def test_rows_of_weight_0_do_not_count():
    x, y = np.concatenate([X, X + 1e6]), np.concatenate([Y, Y])
    layers = [bp.layers.batch_norm(), bp.layers.dense(1)]
    trainer = trainer_of(layers=layers)
    trainer.fit(x, y, epochs=1, batch_size=64, sample_weight=np.repeat([1.0, 0.0], 32))
    np.testing.assert_allclose(trainer.parameters[BUFFERS[0]], X.mean(axis=0), rtol=1e-9)


@dataclass(frozen=True)
class First:
    """A sampler that leaves the second half of the rows out."""

    def order(self, rng: Any, target: Any, weight: Any) -> Any:
        return np.arange(len(target) // 2)


def test_rows_are_those_of_the_sampler():
    trainer = fit(trainer_of(layers=[bp.layers.batch_norm(), bp.layers.dense(1)], sampler=First()))
    np.testing.assert_allclose(trainer.parameters[BUFFERS[0]], X[:16].mean(axis=0), rtol=1e-9)


COUNTED: list[int] = []


@dataclass(frozen=True)
class Counting:
    """A layer that hands on its rows and counts them in training."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        COUNTED.append(len(x) if context.training else 0)
        return x, None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy, {}


@pytest.mark.parametrize("wide", [1, 600])
def test_a_measurement_costs_one_pass_over_a_bounded_number_of_rows(wide):
    x = np.random.default_rng(0).normal(3.0, 1.0, size=(5000, 4))
    y = x[:, :1]
    layers = [Counting(), bp.layers.batch_norm(), bp.layers.dense(wide), bp.layers.dense(1)]
    trainer = trainer_of(layers=layers)
    trainer.fit(x, y, epochs=1, batch_size=64, validation=(x, y))
    COUNTED.clear()
    trainer.predict(x)
    trainer.evaluate(x, y)
    assert sum(COUNTED) == 0  # made once, for the end of the epoch
    trainer.fit(x, y, epochs=1, batch_size=5000)
    assert 5000 + ROWS // 2 < sum(COUNTED) <= 5000 + ROWS
    mean = trainer.parameters[BUFFERS[0]]
    np.testing.assert_allclose(mean, x.mean(axis=0), atol=5 / ROWS**0.5)
    assert (mean != x.mean(axis=0)).all()


def test_parts_of_sorted_rows_have_the_spread_of_all():
    wide = np.sort(np.random.default_rng(0).normal(size=(600, 1)), axis=0) * np.ones((1, 8000))
    layers = [bp.layers.batch_norm(), bp.layers.dense(1)]
    rule = {"name": "ema", "inner": {"name": "sgd", "lr": 1e-6}}
    trainer = bp.Trainer(bp.Network(layers, inputs=8000), "mse", rule, dtype="float64", metrics=())
    trainer.fit(wide, wide[:, 0], epochs=1, batch_size=20, shuffle=False)
    np.testing.assert_allclose(trainer.parameters[BUFFERS[1]], 1.0, atol=0.15)  # of 130 neighbours it is .03


@pytest.mark.parametrize(
    ("rule", "layers"),
    [("sgd", None), ("ema", [bp.layers.dense(5), bp.layers.dense(1)])],
)
def test_without_averages_or_running_statistics_the_session_is_the_engines_own(rule, layers):
    assert type(trainer_of(rule, layers=layers).session) is NumpySession


def test_a_frozen_batch_norm_keeps_its_statistics_and_others_do_not():
    layers = [bp.layers.batch_norm(), bp.layers.dense(5), bp.layers.batch_norm(), bp.layers.dense(1)]
    trainer = trainer_of(layers=layers, groups=[{"match": "batch_norm_1/*", "frozen": True}])
    trainer.parameters[BUFFERS[0]] = np.full(4, 0.5)
    p = fit(trainer).parameters.copy()
    np.testing.assert_array_equal(p[BUFFERS[0]], np.full(4, 0.5))
    h = (X - 0.5) / np.sqrt(1 + 1e-5) @ p["dense_1/weight"] + p["dense_1/bias"]
    np.testing.assert_allclose(p["batch_norm_2/buffers/mean"], h.mean(axis=0), rtol=1e-9)


def test_scale_and_shift_may_be_in_a_group_without_averages():
    groups = [{"match": "batch_norm_1/*", "optimizer": "sgd"}]
    p = fit(trainer_of(groups=groups)).parameters.copy()
    np.testing.assert_allclose(p[BUFFERS[0]], hidden(p, X).mean(axis=0), rtol=1e-10, atol=1e-13)


def test_it_is_so_inside_layers_that_hold_layers():
    inside = bp.layers.parallel([bp.layers.residual([bp.layers.batch_norm()]), bp.layers.dense(2)])
    p = fit(trainer_of(layers=[bp.layers.dense(5, activation="tanh"), inside, bp.layers.dense(1)])).parameters.copy()
    name = "parallel_1/residual_1/batch_norm_1/buffers/mean"
    np.testing.assert_allclose(p[name], hidden(p, X).mean(axis=0), rtol=1e-10, atol=1e-13)


@dataclass(frozen=True)
class Centre:
    """A foreign layer that subtracts the batch's mean, and in evaluation a running one."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {"shift": np.zeros(in_shape), "buffers": {"mean": np.zeros(in_shape)}}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        mean = x.mean(axis=0) if context.training else params["buffers"]["mean"]
        return x - mean + params["shift"], mean

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return (dy - dy.mean(axis=0) if context.training else dy), {"shift": dy.sum(axis=0)}

    def refresh(self, params: Any, cache: Any) -> Any:
        return {**params, "buffers": {"mean": 0.98 * params["buffers"]["mean"] + 0.02 * cache}}


def test_a_foreign_layer_needs_nothing_but_its_refresh():
    layers = [bp.layers.dense(5, activation="tanh"), Centre(), bp.layers.dense(1)]
    p = fit(trainer_of(layers=layers)).parameters.copy()
    mean = next(value for name, value in p.items() if name.endswith("buffers/mean"))
    np.testing.assert_allclose(mean, hidden(p, X).mean(axis=0), rtol=1e-9, atol=1e-12)


class Plain:
    """An engine whose sessions offer what the protocol asks for and no more."""

    def session(self, *arguments: Any) -> Any:
        session = bp.engines.numpy().session(*arguments)  # type: ignore[call-arg]  # an engine's own method
        hidden = ("batch_statistics", "scores_with")
        names = [n for n in dir(NumpySession) if not n.startswith("_") and n not in (*hidden, "step", "parameters")]
        shared = {
            name: property(lambda self, name=name: getattr(self.inner, name)) for name in (*names, "step", "parameters")
        }
        made = type("Session", (), shared)()
        made.inner = session
        return made


def test_an_engine_that_makes_no_statistics_has_them_made_in_numpy():
    one, other = fit(trainer_of()), fit(trainer_of(engine=Plain()))
    assert not hasattr(other.session._session, "scores_with")
    same(one.parameters.copy(), other.parameters.copy())
    np.testing.assert_allclose(one.predict(XV), other.predict(XV), rtol=1e-12)
