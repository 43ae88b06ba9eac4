"""Settings of layers, activations and losses that follow schedules, on both engines.

x (N, n) rows, y (N,) targets or classes.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckpointError, ConfigError, IncompatibleComponent
from bpframe.saving import tensor_file
from bpframe.testing.suite import check_object

X = np.random.default_rng(0).normal(size=(24, 4))
CLASSES = np.arange(24) % 3
Y = X @ np.array([1.0, -2.0, 0.5, 3.0]) + 2 * np.random.default_rng(1).normal(size=24)
BATCH, EPOCHS = 8, 4  # 3 steps an epoch
FALLING = {"name": "linear", "initial": 0.5, "final": 0.1}
ENGINES = ("numpy", "jax")


@dataclass(frozen=True)
class Scaled:
    """y = factor x, dx = factor dy."""

    factor: float = 1.0
    traces: ClassVar[list[int]] = []

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        Scaled.traces.append(1)
        return self.factor * x, None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return self.factor * dy, {}


def classifier(engine: str = "numpy", dtype: str = "float64", **parts: Any) -> bp.Trainer:
    """Scheduled: a slope, a rate inside a residual block, and the smoothing of labels."""
    layers = [
        {"name": "dense", "units": 6, "activation": {"name": "leaky_relu", "negative_slope": {**FALLING}}},
        bp.layers.residual([bp.layers.dense(6, activation="tanh"), bp.layers.dropout(rate={**FALLING})]),
        {"name": "dense", "units": 3},
    ]
    loss = {"name": "softmax_cross_entropy", "label_smoothing": {"name": "cosine", "initial": 0.3}}
    return bp.Trainer(bp.Network(layers), loss, "adam", engine=engine, dtype=dtype, **parts)


def fitted(trainer: bp.Trainer, epochs: int = EPOCHS) -> bp.Trainer:
    trainer.fit(X, CLASSES, epochs=epochs, batch_size=BATCH, verbose=0, validation=(X, CLASSES))
    return trainer


def linear_values(steps: int, initial: float, final: float) -> list[float]:
    return [initial + (final - initial) * t / steps for t in range(steps)]


@pytest.mark.parametrize("engine", ENGINES)
def test_each_step_takes_the_value_of_its_own(engine):
    delta = {"name": "linear", "initial": 3.0, "final": 0.3}
    model = bp.Trainer(
        bp.Network([Scaled(bp.schedules.linear(1.0, final=2.0)), {"name": "dense", "units": 1}]),
        {"name": "huber", "delta": delta},
        {"name": "sgd", "lr": 0.05},
        engine=engine,
        dtype="float64",
    )
    steps = 20  # enough for engine numpy to trace its steps
    model.fit(X, Y, epochs=steps, batch_size=24, shuffle=False, verbose=0)
    w, b = model.network.init(0, (4,))[0]["dense_1"]["weight"], np.zeros(1)
    for factor, limit in zip(linear_values(steps, 1.0, 2.0), linear_values(steps, 3.0, 0.3), strict=True):
        x = factor * X
        slope = np.clip(x @ w + b - Y[:, None], -limit, limit) / 24
        w, b = w - 0.05 * x.T @ slope, b - 0.05 * slope.sum(axis=0)
    np.testing.assert_allclose(model.parameters["dense_1/weight"], w, rtol=1e-10)
    np.testing.assert_allclose(model.parameters["dense_1/bias"], b, rtol=1e-10)


def test_engines_agree_where_settings_of_nested_components_move():
    one, other = (fitted(classifier(engine)) for engine in ENGINES)
    for curve in ("loss", "accuracy"):
        np.testing.assert_allclose(one.history.train[curve], other.history.train[curve], rtol=1e-10)
        np.testing.assert_allclose(one.history.validation[curve], other.history.validation[curve], rtol=1e-10)
    np.testing.assert_allclose(one.scores(X), other.scores(X), rtol=1e-10)
    assert one.settings == other.settings


def test_settings_are_those_of_the_latest_step():
    steps = EPOCHS * 3
    trainer, last = fitted(classifier()), 0.5 - 0.4 * (steps - 1) / steps
    assert list(trainer.settings) == [
        "network[0].activation.negative_slope",
        "network[1].layers[1].rate",
        "loss.label_smoothing",
    ]
    np.testing.assert_allclose(list(trainer.settings.values())[:2], [last, last])


@pytest.mark.parametrize("engine", ENGINES)
def test_predictions_metrics_and_traces_are_made_with_the_latest_values(engine):
    trainer = fitted(classifier(engine))
    slope, rate, smoothing = trainer.settings.values()
    dense = {"name": "dense", "units": 6, "activation": {"name": "leaky_relu", "negative_slope": slope}}
    block = bp.layers.residual([bp.layers.dense(6, activation="tanh"), bp.layers.dropout(rate=rate)])
    loss = {"name": "softmax_cross_entropy", "label_smoothing": smoothing}
    still = bp.Trainer(bp.Network([dense, block, bp.layers.dense(3)], inputs=4), loss, engine=engine, dtype="float64")
    still.parameters.replace(trainer.parameters)
    still.trace(X, CLASSES)  # learns the labels
    np.testing.assert_allclose(trainer.scores(X), still.scores(X), rtol=1e-12)
    assert trainer.history.validation["loss"][-1] == pytest.approx(still.trace(X, CLASSES).loss, rel=1e-12)
    assert trainer.trace(X, CLASSES).loss == pytest.approx(still.trace(X, CLASSES).loss, rel=1e-12)
    assert trainer.evaluate(X, CLASSES)["loss"] == pytest.approx(still.trace(X, CLASSES).loss, rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_file_holds_the_values(engine, tmp_path: Path):
    trainer = fitted(classifier(engine))
    trainer.save(tmp_path / "model.safetensors")
    loaded = bp.Trainer.load(tmp_path / "model.safetensors", engine=engine)
    assert loaded.settings == trainer.settings
    np.testing.assert_array_equal(loaded.predict(X), trainer.predict(X))


@pytest.mark.parametrize("bad", [{}, {"loss.label_smoothing": 0.1}, [0.1, 0.1, 0.1], None])
def test_a_file_without_a_number_for_each_setting_is_refused(bad, tmp_path: Path):
    path = tmp_path / "model.safetensors"
    fitted(classifier(), 1).save(path)
    tensors, content = tensor_file.read_tensors(path)
    tensor_file.write_tensors(path, tensors, {**content, "settings": bad})
    with pytest.raises(CheckpointError, match="scheduled settings"):
        bp.Trainer.load(path)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_resumed_fit_gives_the_bytes_of_one_that_was_never_stopped(engine, tmp_path: Path):
    path = tmp_path / "state.safetensors"

    class Writes:
        @bp.hookimpl
        def bpframe_batch_end(self, state: Any) -> None:
            if state.step == 4:
                state.trainer.checkpoint(path)

    whole = fitted(classifier(engine, callbacks=[Writes()]))
    resumed = bp.Trainer.resume(path, callbacks=[])
    copied = copy.deepcopy(resumed)
    for trainer in (resumed, copied):
        fitted(trainer)
        assert trainer.settings == whole.settings
        assert trainer.history.train == whole.history.train
        for name, value in whole.parameters.items():
            assert trainer.parameters[name].tobytes() == value.tobytes()


def test_a_trainer_restored_after_its_fit_predicts_with_its_values(tmp_path: Path):
    trainer = fitted(classifier())
    trainer.checkpoint(tmp_path / "state.safetensors")
    resumed = bp.Trainer.resume(tmp_path / "state.safetensors")
    np.testing.assert_array_equal(resumed.scores(X), trainer.scores(X))
    assert resumed.evaluate(X, CLASSES) == trainer.evaluate(X, CLASSES)


def test_a_compiled_step_is_compiled_once_whatever_the_values():
    schedule = bp.schedules.reduce_on_plateau(FALLING, monitor="train.loss", patience=1, min_delta=10.0)
    layers = [Scaled(schedule), bp.layers.dense(1)]
    trainer = bp.Trainer(bp.Network(layers), "mse", {"name": "sgd", "lr": 0.01}, engine="jax", metrics=[])
    trainer.fit(X, Y, epochs=2, batch_size=BATCH, verbose=0)
    before = len(Scaled.traces)
    trainer.fit(X, Y, epochs=6, batch_size=BATCH, verbose=0)  # the schedule is another after each epoch
    assert len(Scaled.traces) == before
    assert trainer.settings["network[0].factor"] < 0.1  # cut by a plateau


def test_a_setting_may_follow_a_curve_of_the_history():
    rate = {"name": "reduce_on_plateau", "schedule": {"name": "constant", "initial": 0.4}, "monitor": "train.loss"}
    still = {**rate, "patience": 1, "min_delta": 100.0, "factor": 0.5}  # no epoch is ever better by so much
    layers = [bp.layers.dropout(rate=still), bp.layers.dense(3)]
    trainer = bp.Trainer(bp.Network(layers), "softmax_cross_entropy", {"name": "sgd", "lr": 0.01})
    trainer.fit(X, CLASSES, epochs=4, verbose=0)
    assert trainer.settings["network[0].rate"] == pytest.approx(0.1)


def test_one_schedule_may_move_several_settings():
    shared = bp.schedules.linear(0.4, final=0.2)
    layers = [bp.layers.dropout(rate=shared), bp.layers.gaussian_noise(stddev=shared), bp.layers.dense(3)]
    trainer = fitted(bp.Trainer(bp.Network(layers), "softmax_cross_entropy"))
    first, second = trainer.settings.values()
    assert first == second < 0.4


@dataclass(frozen=True)
class Doubled(Scaled):
    """y = 2 factor x, the double kept."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "double", 2 * self.factor)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda s: bp.activations.prelu(initial=s), "Prelu needs a number as initial, which it keeps to itself"),
        (lambda s: bp.losses.gaussian_nll(eps=s), "Gauss.* needs a number as eps"),
        (lambda s: bp.losses.tweedie(power=s), "power: Tweedie needs a number as power"),
        (lambda s: bp.layers.dense(2, activation={"name": "prelu", "initial": s}), "activation: Prelu needs a number"),
        (lambda s: bp.Network([{"name": "doubled", "factor": s}]), "factor: Doubled needs a number as factor"),
        (lambda s: bp.constraints.max_norm(limit=s), "wants a number"),
    ],
)
def test_a_component_that_keeps_an_argument_to_itself_refuses_a_schedule(make, words):
    bp.register("layer", "doubled", Doubled)
    with pytest.raises(ConfigError, match=words):
        make(bp.schedules.linear(0.4, final=0.2))


@pytest.mark.parametrize("arguments", [{}, {"label": "first"}, {"factor": 2.0}])
def test_a_schedule_that_is_a_default_is_refused_where_a_component_would_not_follow_it(arguments):
    @bp.register("layer", "restless")
    @dataclass(frozen=True)
    class Restless(Scaled):
        moving: float = bp.schedules.linear(0.4, final=0.2)
        fixed_settings: ClassVar = ("moving",)

    with pytest.raises(ConfigError, match="Restless needs a number as moving, which it keeps to itself"):
        bp.Network([{"name": "restless", **arguments}])


def test_a_value_that_the_constructor_would_refuse_is_named_with_its_step():
    layers = [bp.layers.dropout(rate=bp.schedules.linear(0.5, final=1.5)), bp.layers.dense(3)]
    trainer = bp.Trainer(bp.Network(layers), "softmax_cross_entropy")
    with pytest.raises(ConfigError, match=r"network\[0\]\.rate is 1.* at step \d+ of its schedule: dropout needs"):
        trainer.fit(X, CLASSES, epochs=EPOCHS, batch_size=BATCH, verbose=0)


@dataclass(frozen=True)
class Choosing(Scaled):
    """y = factor x, chosen by an `if`."""

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return (self.factor * x if self.factor > 0.2 else x), None


def test_a_layer_that_decides_by_its_setting_moves_on_engine_numpy_and_is_named_on_engine_jax():
    def train(engine: str) -> bp.Trainer:
        layers = [Choosing(bp.schedules.linear(0.5, final=0.1)), bp.layers.dense(3)]
        return fitted(bp.Trainer(bp.Network(layers), "softmax_cross_entropy", engine=engine))

    assert train("numpy").settings["network[0].factor"] < 0.2
    with pytest.raises(IncompatibleComponent, match=r"Choosing.*cannot be compiled.*in forward"):
        train("jax")


def test_the_kit_shows_a_setting_that_an_engine_cannot_move():
    report = check_object("layer", Choosing(0.5), in_shape=(4,))
    assert "fixed_settings" in report.remarks["scheduled settings"]
    assert "scheduled settings" in check_object("layer", Scaled(0.5), in_shape=(4,)).run


@pytest.mark.parametrize("order", [(0.2, FALLING), (FALLING, 0.2)])
def test_trainings_of_equal_layers_predict_with_and_without_a_scheduled_loss(order):
    for smoothing in order:
        scores = []
        for engine in ENGINES:
            loss = bp.losses.softmax_cross_entropy(label_smoothing=smoothing)
            layers = [bp.layers.dense(5), bp.layers.batch_norm(), bp.layers.dense(3)]
            trainer = bp.Trainer(bp.Network(layers), loss, bp.optimizers.ema("sgd"), engine=engine, dtype="float64")
            trainer.fit(X, CLASSES, epochs=2, batch_size=BATCH, validation=(X, CLASSES), verbose=0)
            scores.append(trainer.predict(X))
        np.testing.assert_allclose(scores[1], scores[0], rtol=1e-10)
