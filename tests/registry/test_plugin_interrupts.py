"""An interrupt at any call of any component leaves all as after a step."""

from __future__ import annotations

import functools
import inspect
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.training.diagnosis import component_kinds

pytestmark = pytest.mark.filterwarnings("ignore:lbfgs needs the same objective")  # of layers that draw
X = np.random.default_rng(3).normal(size=(12, 3))


class Watcher:
    """Notes everything that a continued run needs, after every step; with `quiet`, has the hooks and does nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.after: dict[int, dict[str, Any]] = {}

    def note(self, state: Any) -> None:
        if not self.quiet:
            self.after[state.step] = state.trainer._session.snapshot()

    @bp.hookimpl
    def bpframe_fit_start(self, state: Any) -> None:
        self.note(state)

    @bp.hookimpl
    def bpframe_batch_start(self, state: Any) -> None: ...

    @bp.hookimpl(wrapper=True)
    def bpframe_update(self, state: Any) -> Any:
        return (yield)

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        self.note(state)

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any) -> None: ...

    @bp.hookimpl
    def bpframe_fit_end(self, state: Any) -> None: ...


class Listener:
    """Is told of blocks and epochs only, so that steps are made in blocks."""

    @bp.hookimpl
    def bpframe_epoch_start(self, state: Any) -> None: ...

    @bp.hookimpl
    def bpframe_block_end(self, state: Any) -> None: ...


CLASSES = np.arange(12) % 3
RULES: dict[str, Any] = {
    "adam": {"name": "adam", "lr": {"name": "cosine", "initial": 0.05}},
    "rules in rules": {"name": "ema", "inner": {"name": "lookahead", "inner": {"name": "sam", "inner": "momentum"}}},
    "a rule for matrices": {"name": "muon", "matrices": "all"},
    "a rule that looks": {"name": "sophia_g", "every": 2},
    "a minimizer": "lbfgs",
}


def whole(callback: Any, rule: str = "adam", **settings: Any) -> Any:
    """A trainer with a component of every kind; a minimizer takes no gradient steps and no constraints."""
    layers = [bp.layers.dense(4, activation="tanh"), bp.layers.batch_norm(), bp.layers.dropout(0.3), bp.layers.dense(3)]
    parts = {"gradient_steps": [{"name": "clip_global_norm", "limit": 0.1}], "constraints": ["max_norm"]}
    settings = {"regularizers": ["l2"], "metrics": ["accuracy"], "sampler": "balanced", **settings}
    settings |= {"dtype": "float64", "callbacks": [callback], **({} if rule == "a minimizer" else parts)}
    return bp.Trainer(bp.Network(layers), "softmax_cross_entropy", RULES[rule], **settings)


def train(made: Any) -> None:
    made.fit(X, CLASSES, epochs=2, batch_size=12 if "Lbfgs" in repr(made) else 5, validation=(X[:4], CLASSES[:4]))


UNTRAINED = ("note", "rule_for", "reference", "range_after")  # not called in a fit


def methods(made: Any) -> dict[str, tuple[type, str]]:
    """(class, name of the method) of every method of the components of a trainer, by "kind Class.method"."""
    kinds = {
        **component_kinds(made.spec, made.task.cost),
        **{type(callback): "callback" for callback in made.callbacks},
    }
    return {
        f"{kind} {cls.__name__}.{name}": (cls, name)
        for cls, kind in kinds.items()
        for name, member in vars(cls).items()
        if callable(member) and not name.startswith("_") and name not in UNTRAINED
    }


@pytest.fixture(autouse=True)
def python_handles_sigint() -> Iterator[None]:
    """As in a terminal: whoever runs the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Fuse:
    """Sends SIGINT to this process at the end of one call of a method, and counts the calls."""

    def __init__(self, patch: pytest.MonkeyPatch, cls: type, name: str) -> None:
        self.calls, self.at = 0, -1
        method = vars(cls)[name]

        @functools.wraps(method)
        def burning(*args: Any, **settings: Any) -> Any:
            result = method(*args, **settings)
            self.burn()
            return result

        @functools.wraps(method)
        def around(*args: Any) -> Any:
            result = yield from method(*args)
            self.burn()
            return result

        patch.setattr(cls, name, around if inspect.isgeneratorfunction(method) else burning)

    def burn(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            signal.raise_signal(signal.SIGINT)

    def light(self, at: int) -> None:
        self.calls, self.at = 0, at


def bits(snapshot: dict[str, Any]) -> dict[str, bytes]:
    return {name: np.asarray(array).tobytes() for name, array in snapshot.items()}


def interrupt_everywhere(callback: Any, kinds: str, each: int, **settings: Any) -> dict[str, set[int]]:
    """Interrupt a fit at each so-many-th call of every method of these kinds: the steps at which it ended, by method.

    Whatever a continued run needs must be as it was after that step of a fit that nobody interrupted.
    """
    watcher, ends, calls = Watcher(), dict[str, set[int]](), 0
    train(whole(watcher, **settings))
    after = {step: bits(snapshot) for step, snapshot in watcher.after.items()}
    for what, (cls, name) in methods(whole(callback, **settings)).items():
        if what.split()[0] not in kinds.split():
            continue
        with pytest.MonkeyPatch.context() as patch:
            fuse, steps = Fuse(patch, cls, name), ends.setdefault(what, set())
            train(whole(callback, **settings))
            for call in range(1, fuse.calls + 1, each):
                calls += 1
                fuse.light(call)
                made = whole(callback, **settings)
                with pytest.raises(KeyboardInterrupt):
                    train(made)
                fuse.light(-1)
                if made._session is not None:  # it had come as far as having parameters
                    steps.add(made._session.step)
                    assert bits(made._session.snapshot()) == after[made._session.step], (what, call)
    print(f"measured: calls that were interrupted, each in a fit of its own: {calls} of {len(ends)} methods")
    return ends


COMPONENTS = "layer activation loss gradient_step regularizer constraint schedule sampler metric optimizer"
EAGER = {"name": "numpy", "scripts": False}  # so that components are called in every step


def sparsely(each: int) -> Any:
    """Every call in the long form, each so-many-th in the short one."""
    return pytest.mark.parametrize("each", [each, pytest.param(1, marks=pytest.mark.slow)])


@sparsely(5)
def test_an_interrupt_at_any_call_of_any_component_leaves_all_as_after_a_whole_step(each):
    ends = interrupt_everywhere(Listener(), COMPONENTS, each, engine=EAGER)
    assert {what.split()[0] for what, steps in ends.items() if steps} == set(COMPONENTS.split())
    assert len(ends["optimizer Adam.update"] | ends["layer Dense.backward"] | ends["layer BatchNorm.refresh"]) > 3
    assert each > 1 or ends["optimizer Adam.update"] == {*range(6)}


@sparsely(9)
@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "adam"])
def test_an_interrupt_at_any_call_of_any_rule_leaves_all_as_after_a_whole_step(rule, each):
    ends = interrupt_everywhere(Listener(), "optimizer", each, rule=rule, engine=EAGER)
    assert set.union(*ends.values()) >= {0}
    assert each > 1 or set.union(*ends.values()) >= {0, 1}


@sparsely(3)
@pytest.mark.parametrize("engine", ["numpy", pytest.param("jax", marks=pytest.mark.slow)])
def test_an_interrupt_at_any_call_of_any_hook_leaves_all_as_after_a_whole_step(engine, each):
    steps = interrupt_everywhere(Watcher(quiet=True), "callback", each, engine=engine)
    blocks = interrupt_everywhere(Listener(), "callback", each, engine=engine)
    assert all([*steps.values(), *blocks.values()])
    assert each > 1 or steps["callback Watcher.bpframe_update"] == {*range(1, 7)}


@sparsely(30)
def test_an_interrupt_in_what_the_compiled_engine_calls_on_the_host_leaves_all_as_after_a_whole_step(each):
    ends = interrupt_everywhere(Listener(), "schedule sampler metric callback", each, engine="jax")
    assert {what.split()[0] for what, steps in ends.items() if steps} == {"schedule", "sampler", "metric", "callback"}


def test_the_comparison_notices_a_state_that_is_no_whole_step():
    made = whole(Listener())
    train(made)
    before = bits(made._session.snapshot())
    made._session._flats[0].p[-1] += 1e-12
    assert bits(made._session.snapshot()) != before
