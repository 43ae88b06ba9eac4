"""Parts of a step that are written down give the bits of the components that they replace, whatever happens."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe import ops
from bpframe.engine import rollback
from bpframe.engine.numpy.tracing import codegen, program_cache
from bpframe.engine.numpy.tracing.codegen import Workspace
from bpframe.engine.numpy.tracing.recording import Draft
from bpframe.engine.numpy.tracing.tracer import Kind, Unwritable
from bpframe.ops import host
from bpframe.registry import KINDS, registry
from bpframe.testing.laws.short_training import train_with
from bpframe.testing.suite import example_configs

EAGER = {"name": "numpy", "scripts": False}
BOTH: list[Any] = ["numpy", EAGER]
X = np.random.default_rng(0).normal(size=(70, 6))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
PARTS = ("activation", "layer", "loss", "optimizer", "gradient_step", "regularizer", "constraint", "schedule")
COMPONENTS = [(kind, name) for kind in KINDS if kind in PARTS for name in registry.names(kind)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Parts are written down when they run for the third time; templates of other tests are out of sight."""
    monkeypatch.setattr(program_cache, "OFTEN", 2)
    monkeypatch.setattr(program_cache, "_templates", type(program_cache._templates)())


def names(made: Any) -> tuple[set[Any], set[Any]]:
    """What of a trainer runs as scripts: passes by their rows, moves by (group, piece, start, stop)."""
    stepper = made._session._stepper
    moves = {(stepper.groups.index(group), *name) for group, *name, _ in stepper._moves._scripts._found}
    return set(stepper._passes._found), moves


def bits(made: Any) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in made._session.snapshot().items()}


def trainer(engine: Any, optimizer: Any = "adam", layers: Any = None, **settings: Any) -> Any:
    network = bp.Network([*(layers or [bp.layers.dense(8, activation="tanh")]), bp.layers.dense(2)])
    return bp.Trainer(network, "softmax_cross_entropy", optimizer, engine=engine, **settings)


def pair(fit: Any = None, **settings: Any) -> list[Any]:
    """The same fit by scripts and without; the last batch of an epoch is smaller."""
    made = [trainer(engine, **settings) for engine in ("numpy", EAGER)]
    for each in made:
        each.fit(X, Y, **{"epochs": 8, "batch_size": 16, **(fit or {})})
    return made


def agree(by_script: Any, eager: Any) -> None:
    assert bits(by_script) == bits(eager)
    assert by_script.history.train == eager.history.train


# ------------------------------------------------------------------------------------------------------- components


@pytest.mark.filterwarnings("ignore:.* needs the same objective at each step")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kind", "name"), COMPONENTS, ids=[f"{kind}:{name}" for kind, name in COMPONENTS])
def test_a_component_gives_the_same_bits_by_scripts(kind, name, dtype):
    for config in example_configs(bp.load(kind, name)):
        made = bp.build(kind, {"name": name, **config})
        agree(*(train_with(engine, kind, made, 5, dtype) for engine in ("numpy", EAGER)))


EVERYWHERE = {
    "plain": {},
    "weights": {"fit": {"sample_weight": np.linspace(0.5, 2, 70)}},
    "weights that are mostly zero": {"fit": {"sample_weight": (np.arange(70) == 69).astype(float)}},
    "a schedule": {"optimizer": {"name": "sgd", "lr": {"name": "cosine", "initial": 0.1}}},
    "penalties": {"regularizers": ["l2", {"name": "l1", "strength": 0.01}]},
    "sums over the model": {"gradient_steps": [{"name": "clip_global_norm", "limit": 0.05}, "weight_decay"]},
    "numbers in a state": {"optimizer": {"name": "prodigy", "d0": 1e-3}},
    "whole parameters": {"optimizer": "lamb", "constraints": ["max_norm"]},
    "frozen": {"groups": [{"match": "dense_1/*", "frozen": True}]},
    "rules of their own": {"groups": [{"match": "*/bias", "optimizer": "momentum"}]},
    "averages": {"optimizer": {"name": "ema", "inner": "adam"}},
    "draws": {"layers": [bp.layers.dense(8), bp.layers.dropout(0.3), bp.layers.gaussian_noise(0.1)]},
    "narrow and wide": {"layers": [bp.layers.dense(100, activation="relu"), bp.layers.dense(3, activation="gelu")]},
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", EVERYWHERE)
def test_both_parts_of_a_step_are_scripts_and_give_the_same_bits(case, dtype):
    made = pair(**{"dtype": dtype, **EVERYWHERE[case]})
    agree(*made)
    passes, moves = names(made[0])
    assert passes == {16, 6}
    assert moves
    assert names(made[1]) == (set(), set())


SOME = {  # what is not written down, and what all the same
    "buffers that a step moves": ({"layers": [bp.layers.dense(8), bp.layers.batch_norm()]}, set(), True),
    "penalties on activations": ({"regularizers": ["activity"]}, set(), True),
    "two gradients a step": ({"optimizer": {"name": "sam", "inner": "momentum"}}, set(), True),
    "gathered gradients": ({"gradient_steps": [{"name": "accumulate", "steps": 2}]}, {16, 6}, False),
    "the objective itself": ({"optimizer": "lbfgs", "fit": {"batch_size": 70}}, set(), False),
}


@pytest.mark.parametrize("case", SOME)
def test_what_cannot_be_written_down_runs_beside_what_can(case):
    settings, passes, moves = SOME[case]
    made = pair(**settings)
    agree(*made)
    assert names(made[0])[0] == passes
    assert bool(names(made[0])[1]) == moves


@dataclass(frozen=True)
class Counting:
    """A foreign activation that has an effect besides, in NumPy's own vocabulary."""

    calls: Any

    def value(self, u: Any) -> Any:
        """u / (1 + mean |u|), counted."""
        self.calls.append(1)
        xp = u.__array_namespace__()
        return u / (1 + xp.mean(abs(u), axis=1, keepdims=True))

    def derivative(self, v: Any) -> Any:
        """What stands for it here."""
        xp = v.__array_namespace__()
        return xp.ones_like(v) / (1 + xp.sum(abs(v), axis=1, keepdims=True))


class Pure(Counting):
    """One that says there is nothing to lose."""

    pure = True


@pytest.mark.parametrize("cls", [Counting, Pure])
def test_a_foreign_component_is_called_in_every_step_unless_it_says_that_it_is_pure(cls):
    calls: dict[bool, list[int]] = {True: [], False: []}
    made = [trainer(engine, layers=[bp.layers.dense(8, activation=cls(calls[engine == EAGER]))]) for engine in BOTH]
    for each in made:
        each.fit(X, Y, epochs=8, batch_size=16)
    agree(*made)
    assert len(calls[True]) >= 8 * 5
    assert (len(calls[False]) < 20) == (cls is Pure)
    assert bool(names(made[0])[0]) == (cls is Pure)


def test_models_alike_write_one_template_between_them(monkeypatch):
    written = []
    monkeypatch.setattr(program_cache, "written", lambda part: written.append(part) or WRITTEN(part))
    for _ in range(3):
        pair()
    assert len(written) == 3  # passes over 16 and 6 rows, one move


WRITTEN = program_cache.written


def test_other_numbers_are_other_templates():
    for strength in (0.1, 0.2):
        agree(*pair(regularizers=[{"name": "l2", "strength": strength}]))


def test_other_data_other_settings_and_restored_states_are_bound_anew(tmp_path):
    made = pair()
    for each in made:
        each.checkpoint(tmp_path / "state.safetensors")
        each.fit(X[::-1], Y, epochs=2, batch_size=16)
        each.parameters["dense_1/weight"] = np.ones((6, 8))
        each.fit(X, Y, epochs=2, batch_size=16)
        each.regularizers = [bp.regularizers.l2(0.5)]
        each.fit(X, Y, epochs=2, batch_size=16)
        each.regularizers = []
        each.restore(tmp_path / "state.safetensors")
        each.fit(X, Y, epochs=2, batch_size=16)
    agree(*made)


def test_a_loss_that_is_not_finite_updates_nothing():
    made = [trainer(engine, {"name": "sgd", "lr": 1e30}, regularizers=["l2"]) for engine in ("numpy", EAGER)]
    for each in made:
        each.optimizer = bp.optimizers.sgd(0.1)
        each.fit(X, Y, epochs=4, batch_size=16)
        each.optimizer = bp.optimizers.sgd(1e30)
        with pytest.raises(bp.errors.NumericalError):
            each.fit(X, Y, epochs=4, batch_size=16)
    agree(*made)


# -------------------------------------------------------------------------------------------------------- going back


@dataclass(frozen=True)
class Leap:
    """A schedule with one step beyond all numbers."""

    at: int
    pure = True

    def value(self, step: int) -> float:
        """0.05, or infinity."""
        return float("inf") if step == self.at else 0.05


@pytest.mark.parametrize("at", [14, 17, 22])  # the last step of an epoch, and others
def test_parameters_that_are_not_finite_are_taken_back_with_all_that_rules_remember(at):
    made = [trainer(engine, {"name": "momentum", "lr": Leap(at)}, dtype="float64") for engine in BOTH]
    for each in made:
        with pytest.raises(bp.errors.NumericalError, match=f"at step {at + 1},"):
            each.fit(X, Y, epochs=8, batch_size=16)
        assert each._session.step == at
    assert names(made[0])[1]
    agree(*made)


class Tick:
    """Stands between the lines of every script, and interrupts at a chosen one."""

    def __init__(self) -> None:
        self.calls, self.at = 0, -1

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt


@pytest.fixture
def tick(monkeypatch):
    """A Tick that is called before every line of every script."""
    found = Tick()
    monkeypatch.setattr(builtins, "tick", found, raising=False)
    compiled = codegen._compiled
    between = "\n        "
    monkeypatch.setattr(codegen, "_compiled", lambda text: compiled(text.replace(between, f"{between}tick(){between}")))
    return found


class States:
    """Notes everything a session holds after every step."""

    def __init__(self) -> None:
        self.after: dict[int, dict[str, bytes]] = {}

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        """A step more."""
        self.after[state.step] = bits(state.trainer)


@pytest.mark.parametrize("age", [0.5, 0.0], ids=["one point to return to", "a new one after every epoch"])
@pytest.mark.parametrize("each", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_an_interrupt_between_any_two_lines_of_a_script_leaves_all_as_after_a_whole_step(tick, each, age, monkeypatch):
    monkeypatch.setattr(rollback, "SECONDS", age)
    settings: dict[str, Any] = {"optimizer": {"name": "prodigy", "d0": 1e-3}, "regularizers": ["l2"]}
    seen = States()
    trainer(EAGER, **settings, callbacks=[seen]).fit(X, Y, epochs=2, batch_size=16)
    trainer("numpy", **settings).fit(X, Y, epochs=2, batch_size=16)
    assert tick.calls > 300
    print(f"measured: interrupts between lines, each in a fit of its own: {len(range(1, tick.calls, each))}")
    ends = set()
    for call in range(1, tick.calls, each):
        program_cache._templates.clear()
        tick.calls, tick.at = 0, call
        made = trainer("numpy", **settings)
        with pytest.raises(KeyboardInterrupt):
            made.fit(X, Y, epochs=2, batch_size=16)
        ends.add(made._session.step)
        assert bits(made) == seen.after[made._session.step]
    assert len(ends) > 5


def test_a_template_that_gives_other_bits_is_not_used(monkeypatch):
    places = codegen.Writer._place

    def wrong(self: Any, k: int, line: Any) -> Any:  # the result of the first product written over everything
        return (
            self._first
            if hasattr(self, "_first") and line.kind is Kind.ELEMENT
            else setattr(self, "_first", places(self, k, line)) or self._first
        )

    monkeypatch.setattr(codegen.Writer, "_place", wrong)
    made = pair()
    agree(*made)
    assert names(made[0])[0] == set()


# ------------------------------------------------------------------------------------------------------ the programs


def program(function: Any, *arrays: Any, into: Any = None) -> Any:
    """A template of a function of arrays, whose results are left in the arrays `into`."""
    draft = Draft(list({id(array): array for array in (*arrays, *(into or []))}.values()))
    made = function(*map(draft.array, arrays))
    if into is None:
        return draft.finished(*made)
    for result, place in zip(made, into, strict=True):
        draft.deliver(result, place)
    return draft.finished()


def random_function(seed: int) -> Any:
    """Pure array code, the same at every call: elementwise, in place, products, sums, views, writes, casts."""

    def function(*arrays: Any) -> list[Any]:
        rng = np.random.default_rng(seed)
        pool = list(arrays)
        for _ in range(12):
            a, b = (pool[i] for i in rng.integers(0, len(pool), 2))
            which = rng.integers(0, 9)
            if which == 0:
                made = a * 0.5 + b
            elif which == 1:
                made = a - 1.0
                made *= b
            elif which == 2:
                made = (a @ b.T) @ b
            elif which == 3:
                made = a - host.HOST.max(a, axis=1, keepdims=True)
            elif which == 4:
                made = b + host.HOST.sum(a, axis=0)
            elif which == 5:
                made = host.HOST.asarray(a, copy=True)
                made[1:3] += b[:2]
            elif which == 6:
                made = host.HOST.where(a > 0, b, 0.25)
            elif which == 7:
                made = host.HOST.astype(a > b, a.dtype) * a
            else:
                made = ops.by_columns(a) / (1 + abs(b))
            pool.append(made)
        return pool[-len(arrays) :]

    return function


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
@pytest.mark.parametrize("seed", range(60))
def test_a_program_gives_the_bits_of_its_function_however_often_it_runs(seed):
    function, rng, rows = random_function(seed), np.random.default_rng(seed), 5 if seed % 2 else 70
    arrays = [rng.normal(size=(rows, 4)) for _ in range(3)]
    template = program(function, *arrays)
    run = template.script(arrays, Workspace())
    for _ in range(3):
        for array in arrays:
            array[...] = rng.normal(size=array.shape)
        wanted = function(*(array.copy() for array in arrays))
        for made, value in zip(run(), wanted, strict=True):
            np.testing.assert_array_equal(made, value)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
@pytest.mark.parametrize("seed", range(60))
def test_results_may_take_the_place_of_what_a_program_was_given(seed):
    function, rng = random_function(seed), np.random.default_rng(seed)
    arrays = [rng.normal(size=(6, 4)) for _ in range(3)]
    template = program(function, *arrays, into=arrays)
    run = template.script(arrays, Workspace())
    for _ in range(3):
        wanted = function(*(array.copy() for array in arrays))
        run()
        for array, value in zip(arrays, wanted, strict=True):
            np.testing.assert_array_equal(array, value)
            array[...] = rng.normal(size=array.shape)


def test_two_results_may_change_places():
    a, b = np.zeros((2, 2)), np.ones((2, 2))
    template = program(lambda x, y: (y * 1.0, x * 2.0), a, b, into=[a, b])
    template.script([a, b], Workspace())()
    np.testing.assert_array_equal([a, b], [np.ones((2, 2)), np.zeros((2, 2))])


def test_arrays_that_only_change_places_are_refused():
    a, b = np.zeros(2), np.ones(2)
    with pytest.raises(Unwritable, match="other bits"):
        program(lambda x, y: (y, x), a, b, into=[a, b])
    np.testing.assert_array_equal([a, b], [[0, 0], [1, 1]])  # as they were


LOOKS = {
    "a branch": lambda a: a if a.sum() > 0 else -a,
    "a number": lambda a: a * float(host.HOST.sum(a)),
    "a conversion": lambda a: np.asarray(a) * 2,
    "a loop": lambda a: sum(a),
    "a computed place": lambda a: a.__setitem__(a > 0, 0.0),
    "another array": lambda a: np.add(a, 1.0, out=np.empty(3)),
    "two results": lambda a: np.modf(a),
}


@pytest.mark.parametrize("case", LOOKS)
def test_a_look_at_values_cannot_be_written_down(case):
    with pytest.raises((Unwritable, TypeError, AttributeError)):
        program(lambda a: [LOOKS[case](a)], np.arange(3.0))


def test_numbers_are_read_when_the_program_runs_and_left_where_they_belong():
    a, state = np.arange(3.0), {"t": np.float64(1)}
    draft = Draft([a, state])
    number = draft.number(state["t"], "{}['t']", state)
    draft.deliver(draft.array(a) * number, a)
    draft.keep(number + 1, "t", state)
    run = draft.finished().script([a, state], Workspace())
    assert state["t"] == 1
    for t in (1, 2, 3):
        run()
        assert state["t"] == t + 1
    np.testing.assert_array_equal(a, np.arange(3) * 6)


def test_a_program_takes_no_memory_when_it_runs():
    a = np.random.default_rng(0).normal(size=(200, 50))
    template = program(lambda x: [host.HOST.exp(-((x * 2.0) ** 2)) + x * 0.5], a)
    workspace = Workspace()
    run = template.script([a], workspace)
    assert len(workspace.arrays) == 2
    assert run()[0] is run()[0]


def test_what_nobody_needs_is_left_out():
    def function(x: Any) -> list[Any]:
        host.HOST.exp(x)
        return [x + 1.0]

    compiled: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        before = codegen._compiled
        patch.setattr(codegen, "_compiled", lambda text: compiled.append(text) or before(text))
        program(function, np.ones(3))
    assert compiled[0].count("\n        ") == 2  # one call, and return
