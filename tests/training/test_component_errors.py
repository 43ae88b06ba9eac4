"""Exceptions of the program's own components pass unchanged with a note; those of plugins become PluginErrors."""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock, Mock

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import BrokenComponent, PluginError
from bpframe.registry import Provider, registry
from bpframe.registry.catalog import Catalog
from bpframe.registry.metadata_scan import core
from tests.registry.test_plugin_faults import FAULTS, MODULE, X, Y
from tests.training.listeners import Boom, fit, trainer


class Pruned(Exception):
    """Needs two arguments, so that it cannot be made anew from its text."""

    def __init__(self, trial: int, reason: str) -> None:
        super().__init__(trial, reason)


class Terse(Exception):
    """Takes no note."""

    def add_note(self, note: str) -> None:
        """Refuses."""
        raise TypeError(note)


class Speechless(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


ERRORS = [Pruned(3, "bad"), StopIteration(), StopAsyncIteration(), SystemExit(4), KeyboardInterrupt(), GeneratorExit()]
ERRORS += [MemoryError(), OSError(28, "No space left on device"), Terse(), Speechless(), AssertionError(), Warning("w")]


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The components with faults, as a module of the program's own."""
    module = types.ModuleType("own_parts")
    monkeypatch.setitem(sys.modules, "own_parts", module)
    exec(MODULE, vars(module))
    return module


@pytest.fixture
def installed() -> Iterator[None]:
    """The distribution far 1.0 with a callback that fails."""
    before = registry._catalog
    boom = Provider("callback", "boom", "far", "1.0", f"{__name__}:Boom", load=lambda: Boom)
    registry._catalog = Catalog(core, lambda: [boom])
    registry.load("callback", "boom")
    yield
    registry._catalog = before
    registry._loaded.pop(boom)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_whatever_a_callback_of_the_programs_own_raises_reaches_the_program(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        fit(Boom(error))
    assert caught.value is error
    if not isinstance(error, KeyboardInterrupt | Terse):
        assert error.__notes__ == ["Raised by callback 1, Boom, in bpframe_batch_end."]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_a_plugins_callback_raises_is_a_plugin_error_that_names_it(error: BaseException) -> None:
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            fit(Boom(error))
        return
    with pytest.raises(PluginError, match=r"callback 1, 'far/boom' .*, fails in bpframe_batch_end: ") as caught:
        fit(Boom(error))
    assert caught.value.__cause__ is error


def test_a_fit_goes_on_after_an_exception_that_the_program_has_handled() -> None:
    error = Pruned(1, "bad")
    made = trainer(Boom(error))
    for _ in range(2):
        with pytest.raises(Pruned):
            made.fit(X, Y[:, :1], epochs=2)
        made._session.restore(made._session.snapshot(), 0)
    assert error.__notes__ == ["Raised by callback 1, Boom, in bpframe_batch_end."]  # once


def test_a_registered_name_is_the_programs_own_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_local", dict(registry._local))
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    bp.register("callback", "boom", Boom)
    with pytest.raises(Pruned) as caught:
        fit({"name": "boom", "error": Pruned(2, "bad")})
    assert caught.value.__notes__[0].startswith("Raised by callback 1, 'local/boom'")


RAISING = [(kind, method) for kind, methods in FAULTS.items() for method, fault in methods.items() if "raises" in fault]


@pytest.mark.parametrize("fault", ["raises", "exits", "speechless", "stops", "closes"])
@pytest.mark.parametrize(("kind", "method"), RAISING)
def test_what_a_component_of_the_programs_own_raises_passes_with_its_name(own: Any, kind: str, method: str, fault: str):
    cause = {"raises": RuntimeError, "exits": SystemExit, "speechless": own.Speechless}
    cause |= {"stops": StopIteration, "closes": GeneratorExit}
    component = getattr(own, kind.title().replace("_", ""))(method, fault)
    with pytest.raises(cause[fault]) as caught:
        one_part(kind, component).fit(X, Y, epochs=2, batch_size=5)
    assert caught.value.__notes__[0].startswith(f"Raised by {kind} {type(component).__name__} in ")


def one_part(kind: str, component: Any) -> bp.Trainer:
    """A trainer with this component, all else bpframe's."""
    dense: dict[str, Any] = {"units": 4, "activation": "tanh"}
    given: dict[str, Any] = {"loss": "mse", "optimizer": "sgd"}
    if kind == "schedule":
        given["optimizer"] = bp.optimizers.sgd(lr=component)
    elif kind in ("activation", "initializer"):
        dense["activation" if kind == "activation" else "weight_initializer"] = component
    elif kind in ("loss", "optimizer", "sampler", "engine"):
        given[kind] = component
    elif kind != "layer":
        given[f"{kind}s"] = [component]
    between = [component] if kind == "layer" else []
    return bp.Trainer(bp.Network([bp.layers.dense(**dense), *between, bp.layers.dense(2)]), **given)


@pytest.mark.parametrize("method", ["predict", "predict_labels", "parameters"])
def test_a_plugins_failure_outside_a_fit_is_named_too(own: Any, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Provider("layer", "faulty", "far", "1.0", "own_parts:Layer", load=lambda: own.Layer)
    monkeypatch.setattr(registry, "_catalog", Catalog(core, lambda: [provider]))
    layer = own.Layer("init" if method == "parameters" else "forward", "raises")
    made = bp.Trainer(bp.Network([layer, bp.layers.dense(2)], inputs=3), "mse")
    with pytest.raises(BrokenComponent, match=r"layer 'far/faulty' \(far 1\.0, own_parts:Layer\) fails in"):
        getattr(made, method)(X) if method != "parameters" else made.parameters


def test_estimators_hand_on_what_their_callbacks_raise() -> None:
    sklearn = pytest.importorskip("bpframe.sklearn")
    with pytest.raises(Pruned):
        sklearn.MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, callbacks=[Boom(Pruned(3, "bad"))]).fit(
            X, np.arange(12.0)
        )


# --------------------------------------------------------------------------------------------------------- stand-ins


class Lenient:
    """Answers to every name, and does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


@pytest.mark.parametrize("stand_in", [Mock(), MagicMock(), Lenient()], ids=lambda thing: type(thing).__name__)
@pytest.mark.parametrize("kind", [*FAULTS, "callback", "engine"])
def test_an_object_that_answers_to_every_name_is_refused_before_it_is_used(stand_in: Any, kind: str) -> None:
    with pytest.raises(PluginError, match=f"{kind} .*{type(stand_in).__name__}.* has every attribute, as a mock has"):
        one_part(kind, stand_in)


class Nothing:
    """An engine without sessions, whose repr fails."""

    def session(self, *_: Any) -> None:
        """None."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


def test_an_engine_that_gives_no_session_is_named() -> None:
    with pytest.raises(PluginError, match="engine Nothing: session must give a session, got None"):
        fit(engine=Nothing())


def test_a_trainer_can_be_printed_though_a_part_of_it_cannot(own: Any) -> None:
    class Voiceless(own.Loss):  # type: ignore[name-defined,misc]  # a class of the module that was made
        """Has no repr."""

        def __repr__(self) -> str:
            raise RuntimeError("no words")

    assert "Voiceless, whose repr fails>" in repr(one_part("loss", Voiceless()))


class Starts:
    """A callback that raises StopIteration where an epoch starts."""

    @bp.hookimpl
    def bpframe_epoch_start(self, state: Any) -> None:
        raise StopIteration("enough")


def test_a_stop_iteration_at_the_start_of_an_epoch_passes_as_it_is() -> None:
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", callbacks=[Starts()])
    with pytest.raises(StopIteration, match="enough"):
        trainer.fit(np.ones((4, 2)), np.ones(4))


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_trainer_is_copied_and_checkpointed_before_the_first_step_of_a_fit_with_metrics(
    engine: str, tmp_path
) -> None:
    copies: list[bp.Trainer] = []

    class Copies:
        @bp.hookimpl
        def bpframe_fit_start(self, state: Any) -> None:
            copies.append(copy.deepcopy(state.trainer))
            state.trainer.checkpoint(tmp_path / "start")

    x, y = np.random.default_rng(0).normal(size=(8, 2)), np.arange(8) % 2
    trainer = bp.Trainer(
        bp.Network([bp.layers.dense(2)]),
        "softmax_cross_entropy",
        metrics=["accuracy"],
        callbacks=[Copies()],
        engine=engine,
    )
    trainer.fit(x, y, epochs=2, batch_size=4)
    again = bp.Trainer.resume(tmp_path / "start", callbacks=[])
    for other in (again, copies[0]):
        other.callbacks = []
        other.fit(x, y, epochs=2, batch_size=4)
        np.testing.assert_array_equal(other.parameters["dense_1/weight"], trainer.parameters["dense_1/weight"])
