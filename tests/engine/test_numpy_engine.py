"""The NumPy engine: whole steps only, whatever happens inside one; updates that do not depend on how they are cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe import random
from bpframe.engine import flat_store
from bpframe.engine.numpy import session as engine
from bpframe.network import chunks

RNG = np.random.default_rng(7)
X = RNG.normal(size=(40, 6))
Y = RNG.integers(0, 3, 40)


class Fuse:
    """Raises at chosen calls; call 0 is the rehearsal that precedes the first step."""

    def __init__(self, at: set[int], error: type[BaseException] = KeyboardInterrupt) -> None:
        self.calls, self.at, self.error = -1, at, error

    def burn(self) -> None:
        self.calls += 1
        if self.calls in self.at:
            raise self.error


EAGER = {"name": "numpy", "scripts": False}  # so that components are called in every step


def fused(component: Any, method: str, fuse: Fuse) -> Any:
    """The component, with a method that passes the fuse before it hands back its result."""
    whole = getattr(component, method)

    def burning(*args: Any) -> Any:
        result = whole(*args)
        fuse.burn()
        return result

    object.__setattr__(component, method, burning)
    return component


def fused_adam(fuse: Fuse) -> Any:
    return fused(bp.optimizers.adam(lr=0.05), "update", fuse)


class States:
    """Notes the parameters after every step, and the whole of what a session holds."""

    def __init__(self) -> None:
        self.after: dict[int, dict[str, Any]] = {}
        self.whole: dict[int, dict[str, Any]] = {}

    @bp.hookimpl
    def bpframe_fit_start(self, state: Any) -> None:
        self.note(state)

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        self.note(state)

    def note(self, state: Any) -> None:
        self.after[state.step] = state.parameters.copy()
        self.whole[state.step] = state.trainer.session.snapshot()


@dataclass(frozen=True)
class Noise:
    """Multiplies by random numbers in training: what dropout does."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        mask = context.key.uniform(x) * 2 if context.training else np.ones_like(x)
        return x * mask, mask

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy * cache, {}


@dataclass(frozen=True)
class Running:
    """Subtracts a running mean of its inputs, a buffer that `refresh` updates."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {"buffers": {"mean": np.zeros(in_shape)}}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return x - params["buffers"]["mean"], x

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy, {}

    def refresh(self, params: Any, cache: Any) -> Any:
        return {**params, "buffers": {"mean": 0.9 * params["buffers"]["mean"] + 0.1 * cache.mean(axis=0)}}


def make(optimizer: Any = None, layers: Any = None, **options: Any) -> Any:
    network = bp.Network(layers or [Running(), bp.layers.dense(5, activation="tanh"), Noise(), bp.layers.dense(3)])
    settings = {"loss": "softmax_cross_entropy", "dtype": "float64", "metrics": [], "seed": 3} | options
    return bp.Trainer(network, optimizer=optimizer or bp.optimizers.adam(lr=0.05), **settings)


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.fixture
def states() -> dict[int, dict[str, Any]]:
    """Parameters after each of the 15 steps of an undisturbed run."""
    seen = States()
    make(callbacks=[seen]).fit(X, Y, epochs=3, batch_size=8)
    return seen.after


@pytest.mark.parametrize("call", [1, 2, 7, 15])
@pytest.mark.parametrize(("part", "method"), [("optimizer", "update"), ("loss", "value_and_delta")])
def test_an_interrupt_inside_a_component_leaves_the_parameters_of_a_whole_step(part, method, call, states):
    component = bp.optimizers.adam(lr=0.05) if part == "optimizer" else bp.losses.softmax_cross_entropy()
    trainer = make(**{part: fused(component, method, Fuse({call}))}, engine=EAGER)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, epochs=3, batch_size=8)
    assert same(trainer.parameters.copy(), states[call - 1])


def test_an_interrupt_between_two_slices_of_one_update_undoes_the_first(states, monkeypatch):
    monkeypatch.setattr(flat_store, "SLICE", 8)  # several slices a step
    seen = States()
    make(callbacks=[seen]).fit(X, Y, epochs=3, batch_size=8)
    calls = Fuse(set())
    make(fused_adam(calls), engine=EAGER).fit(X, Y, epochs=3, batch_size=8)
    slices = calls.calls // 15
    assert slices > 3
    for call in (2, slices + 3, 9 * slices - 1):
        trainer = make(fused_adam(Fuse({call})), engine=EAGER)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(X, Y, epochs=3, batch_size=8)
        assert same(trainer.parameters.copy(), seen.after[(call - 1) // slices])
        assert same(trainer.session.snapshot(), seen.whole[(call - 1) // slices])


def test_a_second_interrupt_while_the_engine_goes_back_does_not_stop_it(states):
    fuse = Fuse({14, 16, 18})
    trainer = make(fused_adam(fuse), engine=EAGER)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, epochs=3, batch_size=8)
    assert fuse.calls == 18 + 13  # what the third interrupt cut off is made again, all 13 steps
    assert same(trainer.parameters.copy(), states[13])


def test_bits_do_not_depend_on_how_steps_are_grouped(states, monkeypatch):
    whole = make()
    whole.fit(X, Y, epochs=3, batch_size=8)
    monkeypatch.setattr(engine, "BLOCK_SECONDS", 0.0)  # back to Python after every step
    single = make()
    single.fit(X, Y, epochs=3, batch_size=8)
    assert same(whole.parameters.copy(), states[15])
    assert same(single.parameters.copy(), states[15])


@pytest.mark.parametrize("size", [1, 3, 8, 17])
def test_an_element_rule_gives_the_same_bits_however_its_vector_is_cut(size, states, monkeypatch):
    monkeypatch.setattr(flat_store, "SLICE", size)
    trainer = make()
    trainer.fit(X, Y, epochs=3, batch_size=8)
    assert same(trainer.parameters.copy(), states[15])


@dataclass(frozen=True)
class WholeAdam:
    """adam, one parameter at a time."""

    lr: float = 0.05
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    scope: ClassVar[str] = "array"
    shapes: list[Any] = field(default_factory=list, compare=False)

    def init(self, p: Any) -> Any:
        return bp.build("optimizer", "adam").init(p)

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        self.shapes.append(p.shape)
        return bp.build("optimizer", "adam").update(p, g, state, h)


def test_an_array_rule_gets_whole_parameters_and_agrees_with_its_element_form(states):
    rule = WholeAdam()
    trainer = make(rule)
    trainer.fit(X, Y, epochs=3, batch_size=8)
    assert set(rule.shapes) == {(6, 5), (5,), (5, 3), (3,)}
    assert same(trainer.parameters.copy(), states[15])


def test_buffers_follow_committed_steps_only(states):
    expected = np.zeros(6)
    trainer = make()
    order = [
        np.argsort(random.host_generator(3, random.ORDER, epoch).bit_generator.random_raw(40), kind="stable")
        for epoch in range(3)
    ]
    trainer.fit(X, Y, epochs=3, batch_size=8)
    for rows in order:
        for i in range(0, 40, 8):
            expected = 0.9 * expected + 0.1 * X[rows[i : i + 8]].mean(axis=0)
    np.testing.assert_allclose(trainer.parameters["running_1/buffers/mean"], expected, rtol=1e-12)


class NoWayBack(Running):
    """A layer that must not be asked for its backward."""

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        raise AssertionError("nobody below needs this gradient")


def test_the_way_back_stops_at_the_lowest_layer_with_weights():
    trainer = make(layers=[NoWayBack(), bp.layers.dense(3)])
    trainer.fit(X, Y, epochs=1)
    assert trainer._session.step == 2


def test_a_diverging_run_ends_at_the_last_finite_step_and_names_step_rate_loss_and_layer():
    seen = States()
    settings = {
        "loss": "mse",
        "dtype": "float32",
        "layers": [bp.layers.dense(4, activation="relu", label="hidden"), bp.layers.dense(1)],
    }
    trainer = make(bp.optimizers.sgd(lr=1e10), callbacks=[seen], **settings)
    with pytest.raises(
        bp.errors.NumericalError, match=r"step \d+, lr 1e\+10; last finite loss: \d.*layer '(hidden|dense_2)'"
    ):
        trainer.fit(X[:10], X[:10, 0], epochs=50)
    step = trainer._session.step
    assert all(np.isfinite(value).all() for value in trainer.parameters.values())
    assert same(trainer.parameters.copy(), seen.after[step])
    quiet = make(bp.optimizers.sgd(lr=1e10), **settings)
    with pytest.raises(bp.errors.NumericalError):
        quiet.fit(X[:10], X[:10, 0], epochs=50)
    assert same(quiet.parameters.copy(), seen.after[step])


@dataclass(frozen=True)
class Bomb:
    """Sets parameters to infinity at one step, though every loss so far was finite."""

    at: int
    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> Any:
        return {}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return (p + np.inf if h.step == self.at else p - 0.01 * g), {}


def test_parameters_that_turn_infinite_in_the_very_last_step_are_not_handed_out():
    trainer = make(Bomb(10))
    with pytest.raises(bp.errors.NumericalError, match="step 10"):
        trainer.fit(X, Y, epochs=2, batch_size=8)
    assert trainer._session.step == 9
    assert all(np.isfinite(value).all() for value in trainer.parameters.values())


def test_evaluation_in_parts_equals_evaluation_at_once(monkeypatch):
    trainer = make()
    trainer.fit(X, Y, epochs=1)
    whole = trainer.scores(X)
    monkeypatch.setattr(chunks, "NUMBERS", 30)
    np.testing.assert_allclose(trainer.scores(X), whole, rtol=1e-13)
