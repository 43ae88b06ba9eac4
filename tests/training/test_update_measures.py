"""Measures of updates: norms of gradients, updates and parameters, and what callbacks and metrics measure themselves.

x (N, n) rows, y (N,) classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.numpy.session import NumpySession
from bpframe.errors import ConfigError
from bpframe.protocols import Losses
from bpframe.testing.suite import check

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.arange(30) % 3
LR, BATCH, EPOCHS = 0.1, 10, 6  # 3 steps an epoch: enough in all for engine numpy to trace its steps
ENGINES = ("numpy", "jax")


class Recorder:
    """Keeps what is measured of every step."""

    def __init__(self) -> None:
        self.blocks: list[dict[str, Any]] = []

    @bp.hookimpl
    def bpframe_block_end(self, state: Any) -> None:
        self.blocks.append(state.measures)

    def of(self, name: str) -> Any:
        return np.concatenate([block[name] for block in self.blocks])


class Steps:
    """Keeps the parameters after every step, and before the first."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    @bp.hookimpl
    def bpframe_batch_start(self, state: Any) -> None:
        if not self.seen:
            self.seen.append(dict(state.parameters))

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        self.seen.append(dict(state.parameters))


def trainer(engine: str, *callbacks: Any, **parts: Any) -> bp.Trainer:
    layers = [bp.layers.dense(5, activation="tanh"), bp.layers.dense(3)]
    parts = {"optimizer": {"name": "sgd", "lr": LR}, "engine": engine, "dtype": "float64"} | parts
    return bp.Trainer(bp.Network(layers), "softmax_cross_entropy", callbacks=list(callbacks), **parts)


def fitted(engine: str, *callbacks: Any, batch_size: int = BATCH, **parts: Any) -> bp.Trainer:
    made = trainer(engine, *callbacks, **parts)
    made.fit(X, Y, epochs=EPOCHS, batch_size=batch_size, verbose=0)
    return made


def norm(*arrays: Any) -> float:
    return float(np.sqrt(sum((array**2).sum() for array in arrays)))


@pytest.mark.parametrize("engine", ENGINES)
def test_norms_are_those_of_parameters_that_hooks_see_step_by_step(engine):
    recorder, steps = Recorder(), Steps()
    fitted(engine, bp.callbacks.norms(every=1), recorder)
    fitted(engine, steps)
    for k, (old, new) in enumerate(zip(steps.seen, steps.seen[1:], strict=False)):
        for layer in ("dense_1", "dense_2"):
            names = [f"{layer}/weight", f"{layer}/bias"]
            moved = norm(*(new[name] - old[name] for name in names))
            assert recorder.of(f"update_norm/{layer}")[k] == pytest.approx(moved, rel=1e-9)
            assert recorder.of(f"gradient_norm/{layer}")[k] == pytest.approx(moved / LR, rel=1e-9)
            assert recorder.of(f"parameter_norm/{layer}")[k] == pytest.approx(norm(*(old[n] for n in names)), rel=1e-9)
        assert recorder.of("update_norm")[k] == pytest.approx(norm(*(new[n] - old[n] for n in new)), rel=1e-9)
    assert k == EPOCHS * 3 - 1


@pytest.mark.parametrize("engine", ENGINES)
def test_the_gradient_is_that_before_clipping_and_the_update_that_after_it(engine):
    limit, recorder = 1e-3, Recorder()
    clip = {"name": "clip_global_norm", "limit": limit}
    fitted(engine, bp.callbacks.norms(every=1, by="model"), recorder, gradient_steps=[clip])
    np.testing.assert_allclose(recorder.of("update_norm"), LR * limit, rtol=1e-9)
    assert recorder.of("gradient_norm").min() > 10 * limit


@pytest.mark.parametrize("rule", ["adam", "lamb", {"name": "sam", "inner": "momentum"}])
def test_engines_measure_alike_under_one_name(rule):
    norms = bp.callbacks.norms(every=2, by="parameter")
    one, other = (fitted(engine, norms, optimizer=rule).history.train for engine in ENGINES)
    assert list(one) == list(other)
    assert "gradient_norm/dense_1/weight" in one
    for name, curve in one.items():
        np.testing.assert_allclose(other[name], curve, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("engine", ENGINES)
def test_measuring_changes_no_bit_of_a_training(engine):
    watched, plain = fitted(engine, bp.callbacks.norms(every=1)), fitted(engine)
    assert watched.history.train["loss"] == plain.history.train["loss"]
    for name, value in plain.parameters.items():
        assert watched.parameters[name].tobytes() == value.tobytes()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_epoch_has_the_mean_of_the_steps_that_were_measured(engine):
    recorder = Recorder()
    made = fitted(engine, bp.callbacks.norms(every=4, by="model"), recorder)
    steps = recorder.of("gradient_norm")
    assert np.flatnonzero(~np.isnan(steps)).tolist() == [0, 4, 8, 12, 16]
    curve = made.history.train["gradient_norm"]
    np.testing.assert_allclose([curve[0], curve[1], curve[2]], [steps[0], steps[4], steps[8]])
    assert np.isnan(curve[3]) == np.isnan(steps[9:12]).all()


def test_steps_are_made_in_as_few_calls_as_without_it(monkeypatch):
    calls: list[int] = []
    run = NumpySession.run

    def counted(self: Any, *arguments: Any) -> Losses:
        calls.append(1)
        return run(self, *arguments)

    monkeypatch.setattr(NumpySession, "run", counted)
    fitted("numpy", bp.callbacks.norms(every=1), metrics=[])
    assert len(calls) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_resumed_fit_has_the_curves_of_one_that_was_never_stopped(engine, tmp_path: Path):
    path = tmp_path / "state.safetensors"

    class Writes:
        @bp.hookimpl
        def bpframe_batch_end(self, state: Any) -> None:
            if state.step == 5:
                state.trainer.checkpoint(path)

    norms = bp.callbacks.norms(every=2)
    whole = fitted(engine, norms, Writes())
    resumed = bp.Trainer.resume(path, callbacks=[norms])
    resumed.fit(X, Y, epochs=EPOCHS, batch_size=BATCH, verbose=0)
    assert list(resumed.history.train) == list(whole.history.train)
    for name, curve in whole.history.train.items():
        np.testing.assert_array_equal(resumed.history.train[name], curve, err_msg=name)


@dataclass(frozen=True)
class Shares:
    """share = sum of |p_after - p_before| / lr by role, and a constant of its own; no hook."""

    scale: float = 2.0

    def measure(self, before: Any, after: Any, g: Any, h: Any) -> dict[str, Any]:
        xp = before.__array_namespace__()
        return {f"moved {h.param.role}": h.scale * xp.sum(xp.abs(after - before)) / h.rule.lr, "steps": h.step}


@dataclass(frozen=True)
class Accurate:
    """The share of right labels, and the largest gradient of a parameter, added up."""

    of: Literal["labels"] = "labels"
    best: Literal["max"] = "max"

    def value(self, prediction: Any, target: Any, weight: Any) -> float:
        return float(np.mean(prediction == target))

    def measure(self, before: Any, after: Any, g: Any, h: Any) -> dict[str, Any]:
        xp = g.__array_namespace__()
        return {"steepest": xp.max(xp.abs(g))}


class Steepest:
    """A curve of its own under the name of one that others share."""

    def measure(self, before: Any, after: Any, g: Any, h: Any) -> dict[str, Any]:
        return {"gradient_norm": g.__array_namespace__().max(g)}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("order", [1, -1])
def test_monitor_and_norms_share_the_curves_that_both_make(engine, order):
    both, alone = Recorder(), Recorder()
    watch, norms = bp.callbacks.monitor(every=4), bp.callbacks.norms(every=3)
    made = fitted(engine, *[watch, norms][::order], both)
    fitted(engine, bp.callbacks.norms(every=1), alone)
    names = [name for name in made.history.train if name.startswith("gradient_norm")]
    assert sorted(names) == ["gradient_norm", "gradient_norm/dense_1", "gradient_norm/dense_2"]
    for name, period in [("update_norm/dense_1", (3, 4)), ("update_norm", (3,)), ("update_ratio/dense_1", (4,))]:
        looked = [any(step % each == 0 for each in period) for step in range(18)]
        np.testing.assert_array_equal(~np.isnan(both.of(name)), looked, err_msg=name)
        if name in alone.blocks[0]:
            np.testing.assert_allclose(both.of(name)[looked], alone.of(name)[looked], rtol=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
def test_steps_between_measured_ones_are_those_of_a_training_without(engine):
    parts: dict[str, Any] = {"optimizer": "adam", "batch_size": 9}  # 4 batches an epoch, the last of them of 3 rows
    watched = fitted(engine, bp.callbacks.norms(every=3), bp.callbacks.norms(every=5, by="parameter"), **parts)
    plain = fitted(engine, **parts)
    assert watched.history.train["loss"] == plain.history.train["loss"]
    for name, value in plain.parameters.items():
        assert watched.parameters[name].tobytes() == value.tobytes()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_callback_without_hooks_and_a_metric_may_measure(engine):
    shares, recorder, steps = Shares(), Recorder(), Steps()
    made = fitted(engine, shares, recorder, metrics=[Accurate()])
    fitted(engine, steps)
    old, new = steps.seen[:2]
    moved = 2 * sum(np.abs(new[f"{layer}/bias"] - old[f"{layer}/bias"]).sum() for layer in ("dense_1", "dense_2")) / LR
    assert recorder.of("moved bias")[0] == pytest.approx(moved, rel=1e-9)
    np.testing.assert_array_equal(recorder.of("steps"), 4 * np.arange(1, 19))  # of 4 parameters
    steepest = sum(np.abs(new[name] - old[name]).max() / LR for name in new)
    assert recorder.of("steepest")[0] == pytest.approx(steepest, rel=1e-9)
    assert len(made.history.train["steepest"]) == EPOCHS


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"callbacks": [Shares(), Shares(3.0)]}, "a name of its own for each curve, got 'moved weight' twice"),
        ({"callbacks": ["norms", Steepest()]}, "got 'gradient_norm' twice"),
        ({"callbacks": [Steepest(), "norms"]}, "got 'gradient_norm' twice"),
        ({"callbacks": ["norms"], "optimizer": "lbfgs"}, "Leave it out"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_the_first_step(parts, words):
    made = bp.Trainer(bp.Network([bp.layers.dense(3)]), "softmax_cross_entropy", **parts)
    with pytest.raises(ConfigError, match=words):
        made.fit(X, Y, epochs=1, verbose=0)
    assert len(made.history) == 0


def test_an_engine_that_does_not_measure_is_named(monkeypatch):
    run = NumpySession.run

    def without(self: Any, *arguments: Any) -> Losses:
        made = run(self, *arguments)
        return Losses(made.loss, made.penalty, made.weight)

    monkeypatch.setattr(NumpySession, "run", without)
    with pytest.raises(ConfigError, match="needs an engine that measures updates"):
        fitted("numpy", bp.callbacks.norms())


@pytest.mark.parametrize("engine", ENGINES)
def test_an_early_stop_may_watch_a_norm(engine):
    stopping = bp.callbacks.early_stopping(monitor="train.update_norm", mode="max", patience=1, min_delta=100.0)
    made = fitted(engine, bp.callbacks.norms(every=1), stopping)
    assert len(made.history) == 2


def test_the_kit_checks_what_measures():
    assert {"array values", "array api"} <= set(check("callback", "norms").run)


@dataclass(frozen=True)
class Sizes:
    """The sum of all parameters before an update, and the rate of its rule."""

    def measure(self, before: Any, after: Any, g: Any, h: Any) -> dict[str, Any]:
        return {"size": before.__array_namespace__().sum(before), "rate": h.rule.lr}

    pure = True


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("rule", ["adam", {"name": "sgd", "lr": {"name": "linear", "initial": 0.2, "final": 0.1}}])
def test_programs_measure_what_is_measured_without_them(every, rule):
    """The first of two that look may not write where the second reads."""
    clip = {"name": "clip_global_norm", "limit": 0.1}
    found = []
    for scripts in (True, False):
        engine = {"name": "numpy", "scripts": scripts}
        recorder, norms = Recorder(), bp.callbacks.norms(every=every)
        fitted(engine, norms, Sizes(), recorder, optimizer=rule, gradient_steps=[clip])  # type: ignore[arg-type]  # a table
        found.append({name: recorder.of(name) for name in recorder.blocks[0]})
    assert list(found[0]) == list(found[1])
    for name, values in found[0].items():
        assert values.tobytes() == found[1][name].tobytes(), name


def test_a_program_takes_the_place_of_measuring_once_it_is_traced(monkeypatch):
    calls: list[int] = []
    measure = type(bp.callbacks.norms()).measure

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return measure(*arguments)

    monkeypatch.setattr(type(bp.callbacks.norms()), "measure", counted)
    norms = bp.callbacks.norms(every=1)
    made = trainer("numpy", norms)
    made.fit(X, Y, epochs=60, batch_size=10, verbose=0)
    assert len(calls) < 4 * 60  # of 4 parameters in 180 steps


def test_the_gradient_is_that_before_steps_that_write_it_for_others():
    recorder = Recorder()
    steps = [{"name": "clip_value", "limit": 1e-6}, {"name": "clip_global_norm", "limit": 1.0}]
    fitted("numpy", bp.callbacks.norms(every=1, by="model"), recorder, gradient_steps=steps)
    assert recorder.of("gradient_norm").min() > 1e-3
    assert recorder.of("update_norm").max() < 1e-5
