"""The compiled engine gives what the eager one gives, whatever the grouping of steps, and keeps its promises."""

from __future__ import annotations

import gc
import subprocess
import sys
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.epoch_order import epoch_order
from bpframe.engine.jax import blocks, compiled_step
from bpframe.errors import ConfigError, NumericalError, PluginError
from bpframe.ops import aligned
from bpframe.protocols import Batches, Data
from bpframe.random import HashKey

X = np.random.default_rng(0).normal(size=(70, 6))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
WEIGHT = np.linspace(0.5, 2, 70)


def trainer(
    engine, optimizer="adam", *, layers=None, loss="softmax_cross_entropy", outputs=2, dtype="float64", **settings
):
    layers = layers or [bp.layers.dense(8, activation="tanh")]
    network = bp.Network([*layers, bp.layers.dense(outputs)])
    return bp.Trainer(network, loss, optimizer, dtype=dtype, engine=engine, **settings)


def both(y=Y, epochs=3, batch_size=16, fit=None, **settings):
    """The same fit on both engines; the last batch of an epoch is smaller."""
    made = [trainer(engine, **settings) for engine in ("numpy", "jax")]
    for each in made:
        each.fit(X, y, epochs=epochs, batch_size=batch_size, validation=(X[:20], y[:20]), **(fit or {}))
    return made


def agree(made, rtol=1e-10):
    eager, compiled = made
    for part in ("train", "validation"):
        for name, curve in getattr(eager.history, part).items():
            np.testing.assert_allclose(getattr(compiled.history, part)[name], curve, rtol=rtol, atol=rtol, err_msg=name)
    assert eager.history.lr == compiled.history.lr
    assert list(eager.parameters) == list(compiled.parameters)
    for name, p in eager.parameters.items():
        np.testing.assert_allclose(compiled.parameters[name], p, rtol=100 * rtol, atol=rtol, err_msg=name)


SETTINGS = {
    "weights": {"fit": {"sample_weight": WEIGHT}},
    "a schedule": {"optimizer": {"name": "sgd", "lr": {"name": "cosine", "initial": 0.1}}},
    "wrapped rules": {
        "optimizer": {"name": "ema", "inner": {"name": "lookahead", "inner": {"name": "sam", "inner": "momentum"}}}
    },
    "sums over the model": {
        "optimizer": {"name": "sam", "inner": "prodigy"},
        "gradient_steps": [
            {"name": "clip_global_norm", "limit": 0.1},
            {"name": "decoupled_weight_decay", "strength": 0.1},
        ],
    },
    "gathered gradients": {
        "optimizer": {"name": "adam", "lr": {"name": "cosine", "initial": 0.01}},
        "gradient_steps": [{"name": "accumulate", "steps": 3}],
    },
    "groups": {
        "groups": [{"match": "dense_1/bias", "frozen": True}, {"match": "*/bias", "optimizer": "momentum"}],
        "regularizers": ["l2", "activity"],
        "constraints": [{"name": "max_norm", "limit": 0.5}],
    },
    "whole parameters": {
        "optimizer": {"name": "muon", "matrices": "all"},
        "layers": [{"name": "dense", "units": 8, "activation": "relu"}, {"name": "dense", "units": 8}],
    },
    "looks at drawn targets": {"optimizer": {"name": "sophia_g", "lr": 0.01, "every": 3}},
    "buffers and masks": {
        "layers": [
            {"name": "standardize"},
            {"name": "dense", "units": 8},
            {"name": "batch_norm"},
            {"name": "dropout", "rate": 0.3},
            {"name": "gaussian_noise", "stddev": 0.1},
        ]
    },
    "a plateau": {
        "optimizer": {
            "name": "sgd",
            "lr": {
                "name": "reduce_on_plateau",
                "schedule": {"name": "constant", "initial": 0.1},
                "patience": 1,
                "min_delta": 10.0,
            },
        }
    },
    "early stopping": {
        "callbacks": [{"name": "early_stopping", "patience": 1, "min_delta": 10.0}],
        "optimizer": "schedule_free_adamw",
    },
    "a sampler and no shuffling": {"sampler": "balanced", "fit": {"shuffle": False}},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_fit_is_the_same_on_both_engines(settings):
    agree(both(**settings))


def test_a_fit_in_float32_is_the_same_to_its_digits():
    agree(both(dtype="float32", optimizer={"name": "sgd", "lr": 0.1}), rtol=1e-5)


def test_masks_and_noise_are_those_of_the_eager_engine_to_the_bit():
    key = HashKey(3, 5)

    @jax.jit
    def drawn(i, like):
        return key.child("dropout_1").child(i).uniform(like)

    like = np.zeros((7, 3), np.float32)
    np.testing.assert_array_equal(drawn(11, jnp.asarray(like)), key.child("dropout_1").child(11).uniform(like))


@pytest.mark.parametrize("cuts", [(20,), (7, 20), (1, 2, 3, 11, 20), tuple(range(1, 21))], ids=str)
def test_bits_do_not_depend_on_how_steps_are_grouped(cuts):
    made = trainer("jax", "adam", layers=[bp.layers.dense(8), bp.layers.dropout(0.5)])
    made.fit(X, Y, epochs=1)
    session, start = made._session, 0
    rows = np.random.default_rng(0).permutation(70)
    epoch = Batches(1, lambda _: rows, 7)
    for cut in cuts:
        while start < min(cut, 10):
            start += len(session.run(epoch, start, min(cut, 10)))
    got = {name: p.tobytes() for name, p in session.parameters.items()}
    one = trainer("jax", "adam", layers=[bp.layers.dense(8), bp.layers.dropout(0.5)])
    one.fit(X, Y, epochs=1)
    for i in range(10):
        one._session.run(epoch, i, i + 1)
    assert got == {name: p.tobytes() for name, p in one._session.parameters.items()}


def test_a_batch_hook_is_called_once_a_step_and_changes_no_bit():
    class Count:
        def __init__(self):
            self.steps = []

        @bp.hookimpl
        def bpframe_batch_end(self, state):
            self.steps.append(state.step)

    count = Count()
    watched, plain = trainer("jax", callbacks=[count]), trainer("jax")
    for each in (watched, plain):
        each.fit(X, Y, epochs=2, batch_size=16)
    assert count.steps == list(range(1, 11))
    for name, p in plain.parameters.items():
        np.testing.assert_array_equal(watched.parameters[name], p)


@pytest.fixture
def compilations():
    """How often XLA compiled, as JAX itself reports it."""
    events = []

    def listen(event, seconds, **_):
        if "backend_compile" in event:
            events.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield events
    if hasattr(jax.monitoring, "unregister_event_duration_listener"):  # JAX 0.8 has none, and it may stay
        jax.monitoring.unregister_event_duration_listener(listen)


def test_fitting_again_and_a_second_model_of_the_same_shapes_compile_nothing(compilations):
    optimizer = {"name": "adam", "lr": {"name": "cosine", "initial": 0.01}}
    first = trainer("jax", optimizer)
    first.fit(X, Y, epochs=1, batch_size=16)
    first.predict(X)
    assert compilations
    compilations.clear()
    first.fit(X, Y, epochs=3, batch_size=16)
    second = trainer("jax", optimizer, seed=1)
    second.fit(X, Y, epochs=2, batch_size=16)
    second.predict(X)
    assert compilations == []


def test_numbers_that_stop_being_finite_leave_the_last_finite_step():
    made = [trainer(engine, {"name": "sgd", "lr": 1e200}, loss="mse", outputs=1) for engine in ("numpy", "jax")]
    messages = []
    for each in made:
        with pytest.raises(NumericalError) as caught:
            each.fit(X, X[:, 0], epochs=3, batch_size=16)
        messages.append(str(caught.value))
    assert messages[0].split(";")[0] == messages[1].split(";")[0]
    for name, p in made[0].parameters.items():
        assert np.isfinite(made[1].parameters[name]).all()
        np.testing.assert_allclose(made[1].parameters[name], p, rtol=1e-9)


@dataclass(frozen=True)
class Bomb:
    """Moves by a hundredth of the gradient, and to infinity at one step."""

    at: int
    scope = "element"

    def init(self, p):
        return {}

    def update(self, p, g, state, h):
        xp = p.__array_namespace__()
        return xp.where(h.step == self.at, p + xp.inf, p - 0.01 * g), {}


def test_parameters_that_turn_infinite_in_the_very_last_step_are_not_handed_out():
    made, before = trainer("jax", Bomb(10)), trainer("jax", Bomb(99))
    with pytest.raises(NumericalError, match="step 10"):
        made.fit(X, Y, epochs=2, batch_size=16)
    assert made._session.step == 9
    before.fit(X, Y, epochs=1, batch_size=16)
    epoch = Batches(1, epoch_order(0, Data(X, Y), True, None), 16)
    before._session.run(epoch, 0, 4)
    while before._session.step < 9:
        before._session.run(epoch, before._session.step - 5, 4)
    for name, p in before._session.parameters.items():
        np.testing.assert_array_equal(made.parameters[name], p)


@pytest.mark.parametrize(("value", "finite"), [(1.0, True), (1e200, True), (np.inf, False), (np.nan, False)])
def test_parameters_are_finite_even_where_their_squares_are_not(value, finite):
    leaves = [np.array([1.0, 2.0]), np.array([value])]
    with jax.enable_x64(True):
        assert bool(compiled_step.is_finite(leaves)) is finite
        assert compiled_step.is_finite_on_host(leaves) is finite


def test_a_first_fit_compiles_its_loop_once(caplog):
    made = trainer("jax", layers=[bp.layers.dense(13)])  # a width of its own, which no other test has compiled
    with jax.log_compiles():
        made.fit(X[:64], Y[:64], epochs=3, batch_size=16)
    compiled = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Compiling")]
    assert len([message for message in compiled if "_loop" in message]) == 1
    assert not any("finite" in message for message in compiled)


class Leash:
    """Gradient descent that is drawn back to where it began, which it remembers as it was given."""

    scope = "element"

    def init(self, p):
        return {"first": p, "again": p}

    def update(self, p, g, state, h):
        return p - 0.1 * g - 0.05 * (p - state["first"]) - 0.05 * (p - state["again"]), state


def test_a_rule_may_keep_the_very_array_it_began_with():
    made = [trainer(engine, Leash(), metrics=[]) for engine in ("numpy", "jax")]
    for each in made:
        each.trace(X, Y)  # makes the session
        each.parameters["dense_1/weight"] = np.linspace(-1, 1, 48).reshape(6, 8)
        each.fit(X, Y, epochs=2, batch_size=16)
        each.fit(X, Y, epochs=1, batch_size=16)
    agree(made)


@pytest.mark.parametrize("call", [1, 2, 4])
def test_an_interrupt_inside_a_block_leaves_the_parameters_before_it(monkeypatch, call):
    calls, whole = [], blocks.Blocks.run

    def run(self, *arguments):
        made = whole(self, *arguments)  # the parameters handed in are used up by now
        calls.append(arguments[2])
        if len(calls) == call:
            raise KeyboardInterrupt
        return made

    monkeypatch.setattr(blocks.Blocks, "run", run)
    made = trainer("jax", layers=[bp.layers.dense(8), bp.layers.dropout(0.5)], callbacks=[EachEpoch()])
    with pytest.raises(KeyboardInterrupt):
        made.fit(X, Y, epochs=3, batch_size=16)
    steps = calls[call - 1]
    assert made._session.step == steps
    stopped = made._session.snapshot()
    monkeypatch.undo()
    again = trainer("jax", layers=[bp.layers.dense(8), bp.layers.dropout(0.5)], callbacks=[StopAt(steps)])
    again.fit(X, Y, epochs=3, batch_size=16)
    for name, p in again._session.snapshot().items():
        np.testing.assert_array_equal(stopped[name], p)


class EachEpoch:
    """Ends a block with each epoch."""

    @bp.hookimpl
    def bpframe_epoch_start(self, state):
        pass


class StopAt:
    """Ends a fit after so many steps."""

    def __init__(self, steps):
        self.steps = steps

    @bp.hookimpl
    def bpframe_batch_start(self, state):
        if state.step == self.steps:
            state.stop("far enough")


def test_models_that_come_and_go_leave_no_arrays_behind():
    def train(models):
        for _ in range(models):
            trainer("jax").fit(X, Y, epochs=1, batch_size=35)
        gc.collect()
        return len(jax.live_arrays())

    before = train(3)
    assert train(10) <= before


def test_nothing_else_in_the_process_changes_its_types():
    trainer("jax", dtype="float64").fit(X, Y, epochs=1)
    assert jnp.asarray(np.zeros(2)).dtype == jnp.float32


def test_a_minimizer_asks_for_the_compiled_objective():
    made = both(optimizer="lbfgs", epochs=4, batch_size=70)
    agree(made, rtol=1e-9)


def test_a_model_moves_between_engines(tmp_path):
    made = trainer("jax")
    made.fit(X, Y, epochs=2)
    made.save(tmp_path / "m.safetensors")
    for engine in ("numpy", "jax"):
        loaded = bp.Trainer.load(tmp_path / "m.safetensors", engine=engine)
        np.testing.assert_allclose(loaded.predict(X), made.predict(X), rtol=1e-12)


def test_a_component_that_cannot_be_traced_is_named_with_its_line():
    class Branching:
        """Branches on a value."""

        scope = "element"

        def init(self, p):
            return {}

        def update(self, p, g, state, h):
            if g.sum() > 0:
                return p - g, {}
            return p, {}

    made = trainer("jax", Branching())
    with pytest.raises(
        PluginError, match=r"Branching cannot be compiled: \S*test_jax_engine.py:\d+, in update.*engine='numpy'"
    ):
        made.fit(X, Y)


def test_a_device_that_does_not_exist_is_an_error_that_lists_those_that_do():
    with pytest.raises(ConfigError, match=r"needs a device that exists, got 'tpu:7'. Found: cpu:0"):
        trainer({"name": "jax", "device": "tpu:7"}).fit(X, Y)


def test_importing_bpframe_and_training_on_numpy_does_not_import_jax():
    code = (
        "import sys, numpy as np, bpframe as bp\n"
        "t = bp.Trainer(bp.Network([bp.layers.dense(2)]), 'softmax_cross_entropy')\n"
        "t.fit(np.zeros((4, 2)), [0, 1, 0, 1], epochs=1)\n"
        "assert 'jax' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_parameter_that_was_set_does_not_follow_the_array_that_it_was_set_from(engine):
    made = trainer(engine, "sgd")
    made.fit(X, Y, epochs=1, batch_size=16)
    name = next(name for name in made.parameters if name.endswith("weight"))
    old = made.parameters[name]
    value = aligned.zeros(old.shape, old.dtype)  # JAX takes an aligned array without a copy
    made.parameters[name] = value
    before = made.predict(X)
    value += 7
    assert not made.parameters[name].any()
    np.testing.assert_array_equal(made.predict(X), before)
