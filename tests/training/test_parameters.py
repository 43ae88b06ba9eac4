"""Parameters are read as copies, and setting one replaces it, in the trainer and in a running session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe import tree
from bpframe.errors import ShapeError
from bpframe.network.backprop import CostLayer
from bpframe.training.update_groups import trained_parameters, update_groups
from tests.trainer_spec import spec_of
from tests.training.problems import X, Y, linear, regressor, same


def test_parameters_is_a_mapping_of_layer_and_name_to_arrays():
    trainer = regressor([{"name": "standardize"}, bp.layers.dense(5, label="hidden"), bp.layers.dense(2, bias=False)])
    trainer.fit(X, Y, epochs=1)
    shapes = {name: array.shape for name, array in trainer.parameters.items()}
    assert shapes == {
        "standardize_1/buffers/mean": (4,),
        "standardize_1/buffers/scale": (4,),
        "hidden/weight": (4, 5),
        "hidden/bias": (5,),
        "dense_2/weight": (5, 2),
    }
    assert len(trainer.parameters) == 5
    assert "hidden/bias" in trainer.parameters
    assert "dense_2/bias" not in trainer.parameters
    assert set(trainer.parameters.copy()) == set(shapes)
    assert "hidden/weight: float64 (4, 5)" in repr(trainer.parameters)


def test_reading_a_parameter_gives_a_copy():
    trainer = regressor()
    trainer.fit(X, Y, epochs=1)
    before = trainer.predict(X)
    trainer.parameters["dense_1/weight"][...] = 0
    trainer.parameters.copy()["dense_1/weight"][...] = 0
    np.testing.assert_array_equal(trainer.predict(X), before)


def test_setting_a_parameter_replaces_it_and_copies_what_was_given():
    trainer = linear(optimizer={"name": "sgd", "lr": 0.1})
    trainer.fit(X, Y, epochs=1)
    w = np.arange(8.0).reshape(4, 2)
    trainer.parameters["dense_1/weight"] = w
    trainer.parameters["dense_1/bias"] = [1, 2]
    np.testing.assert_allclose(trainer.predict(X), X @ w + [1, 2], rtol=1e-12)
    w[...] = 0
    assert trainer.parameters["dense_1/weight"].sum() == 28


@dataclass(frozen=True)
class Anchored:
    """Is drawn back to where it began."""

    scope = "element"

    def init(self, p: Any) -> Any:
        return {"start": p.__array_namespace__().asarray(p, copy=True)}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return p - 0.1 * g - 0.2 * (p - state["start"]), state


BEGINNERS = {  # some rules remember where they began
    "sgd": "sgd",
    "rmsprop": "rmsprop",
    "schedule_free_sgd": "schedule_free_sgd",
    "lookahead": {"name": "lookahead", "inner": "sgd"},
    "ema": {"name": "ema", "inner": "sgd"},
    "anchored": Anchored(),
}


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize("rule", BEGINNERS)
def test_training_goes_on_from_parameters_that_were_set(engine, rule):
    one, two = (linear(seed=k, optimizer=BEGINNERS[rule], engine=engine) for k in (1, 2))
    for trainer in (one, two):
        trainer.trace(X, Y)
    two.parameters.replace(one.parameters.copy())
    for trainer in (one, two):
        trainer.fit(X, Y, epochs=5, batch_size=23, shuffle=False)
    assert same(one, two)
    for name, array in one.session.snapshot().items():
        np.testing.assert_array_equal(two.session.snapshot()[name], array, name)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_rule_remembers_where_it_began_when_parameters_are_set_later(engine):
    trainer = linear(optimizer=Anchored(), engine=engine)
    trainer.trace(X, Y)
    began = trainer.parameters.copy()
    trainer.fit(X, Y, epochs=2, batch_size=23)
    trainer.parameters.replace({name: 2 * array for name, array in began.items()})
    trainer.fit(X, Y, epochs=1, batch_size=len(X))
    starts = [array.ravel() for name, array in trainer.session.snapshot().items() if name.endswith("start")]
    found = np.sort(np.concatenate(starts))
    np.testing.assert_array_equal(found, np.sort(np.concatenate([array.ravel() for array in began.values()])))


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_hook_may_set_parameters_before_the_first_step_of_a_minimizer(engine):
    class Begin:
        """Starts elsewhere."""

        @bp.hookimpl
        def bpframe_fit_start(self, state: Any) -> None:
            """Zeros."""
            state.parameters.replace({name: 0 * array for name, array in state.parameters.copy().items()})

    trainer = linear(optimizer="lbfgs", engine=engine, callbacks=[Begin()])
    history = trainer.fit(X, Y, epochs=3, batch_size=len(X))
    assert history.train["loss"][0] == pytest.approx(0.5 * (Y**2).sum(axis=-1).mean(), rel=1e-9)
    assert history.train["loss"][2] < history.train["loss"][0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_session_has_arrays_of_its_own_in_its_own_dtype(engine, dtype):
    network = bp.Network([bp.layers.dense(3), bp.layers.batch_norm(), bp.layers.dense(2)])
    params, _ = network.init(0, (4,))
    given = tree.transform(params, lambda leaf: np.array(leaf, dtype))
    rule, loss = bp.optimizers.momentum(), bp.losses.mse()
    groups = update_groups(trained_parameters(given), spec_of(rule))
    session = bp.build("engine", engine).session(network, CostLayer.of(loss), groups, given, dtype, 0)
    before = session.parameters
    for _, leaf in tree.leaves(given):
        leaf[...] = 7
    for name, array in session.parameters.items():
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, before[name])
    session = bp.build("engine", engine).session(network, CostLayer.of(loss), groups, params, dtype, 0)
    assert {array.dtype for array in session.parameters.values()} == {np.dtype(dtype)}


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_an_interrupt_in_a_second_fit_goes_back_to_the_end_of_the_first(engine, monkeypatch):
    falling = {"name": "sgd", "lr": {"name": "cosine", "initial": 0.1}}  # over as many steps as the fits have together
    trainer = linear(optimizer=falling, engine=engine, metrics=[])
    trainer.fit(X, Y, epochs=2, batch_size=23)
    ended, session = trainer.session.snapshot(), trainer.session
    whole, calls = session._stepper.refresh if engine == "numpy" else session._blocks.run, []

    def cut(*arguments: Any) -> Any:
        made = whole(*arguments)
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return made

    target = (session._stepper, "refresh") if engine == "numpy" else (session._blocks, "run")
    monkeypatch.setattr(*target, cut)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, epochs=3, batch_size=23)
    for name, array in trainer.session.snapshot().items():
        np.testing.assert_array_equal(ended[name], array)


def test_a_replacement_that_does_not_fit_changes_nothing():
    trainer = regressor()
    trainer.fit(X, Y, epochs=1)
    before = trainer.parameters.copy()
    good = {name: array * 2 for name, array in before.items()}
    bad = [
        ({name: array for name, array in good.items() if name != "dense_2/bias"}, ShapeError, "'dense_2/bias'"),
        ({**good, "dense_2/bias": np.zeros(3)}, ShapeError, r"'dense_2/bias' needs shape \(2,\), got \(3,\)"),
        ({**good, "dense_2/bias": [1.0, np.nan]}, bp.errors.DataError, "'dense_2/bias' needs finite numbers.*row 1"),
        ({**good, "dense_9/bias": np.zeros(3)}, KeyError, "no parameter 'dense_9/bias'"),
    ]
    for values, error, message in bad:
        with pytest.raises(error, match=message):
            trainer.parameters.replace(values)
        assert all(np.array_equal(trainer.parameters[name], array) for name, array in before.items())


def test_a_parameter_that_does_not_fit_or_exist_is_an_error_and_none_can_be_deleted():
    trainer = regressor()
    trainer.fit(X, Y, epochs=1)
    with pytest.raises(ShapeError, match=r"'dense_1/weight' needs shape \(4, 6\), got \(6, 4\)"):
        trainer.parameters["dense_1/weight"] = np.zeros((6, 4))
    with pytest.raises(KeyError, match=r"no parameter 'dense_1/wieght'\. Parameters: dense_1/weight"):
        trainer.parameters["dense_1/wieght"]
    with pytest.raises(TypeError, match="cannot be deleted"):
        del trainer.parameters["dense_1/weight"]


def test_known_inputs_give_parameters_before_any_fit():
    network = bp.Network([bp.layers.dense(6, activation="tanh"), bp.layers.dense(2)], inputs=4)
    early = bp.Trainer(network, loss="mse", dtype="float64", seed=1, optimizer={"name": "sgd", "lr": 0.1})
    late = regressor()
    initial = early.parameters.copy()
    assert initial["dense_1/weight"].shape == (4, 6)
    assert early.predict(X).shape == (23, 2)
    early.fit(X, Y, epochs=2)
    late.fit(X, Y, epochs=2)
    assert same(early, late)


def test_the_summary_knows_widths_after_the_first_fit():
    trainer = regressor()
    assert "known after the first fit" in trainer.network.summary()
    trainer.fit(X, Y, epochs=1)
    lines = trainer.network.summary().splitlines()
    assert lines[-1].split() == ["total", "44"]
    assert "known after" not in trainer.network.summary()
