"""Traced programs give the bits of the components that they replace, whatever happens."""

from __future__ import annotations

import builtins
import tracemalloc
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe import ops
from bpframe.engine import rollback
from bpframe.engine.numpy.tracing import codegen, program_cache, tracer
from bpframe.engine.numpy.tracing.buffer_assignment import BufferAssignment, BufferPool
from bpframe.engine.numpy.tracing.recording import Recording
from bpframe.engine.numpy.tracing.tracer import OpKind, Untraceable, Value
from bpframe.ops.host import HOST_NAMESPACE as HOST
from bpframe.registry import KINDS, registry
from bpframe.testing.laws.short_training import train_with
from bpframe.testing.suite import configs_to_check

EAGER = {"name": "numpy", "scripts": False}
BOTH: list[Any] = ["numpy", EAGER]
X = np.random.default_rng(0).normal(size=(70, 6))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
PARTS = ("activation", "layer", "loss", "optimizer", "gradient_step", "regularizer", "constraint", "schedule")
COMPONENTS = [(kind, name) for kind in KINDS if kind in PARTS for name in registry.names(kind)]


@pytest.fixture(autouse=True)
def traced_early(monkeypatch):
    """Parts are traced at their third run; programs of other tests are out of the cache."""
    monkeypatch.setattr(program_cache, "EAGER_RUNS", 2)
    monkeypatch.setattr(program_cache, "_programs", type(program_cache._programs)())


def names(made: Any) -> tuple[set[Any], set[Any]]:
    """The names of a trainer's programs: gradients by their rows, updates by (group, piece, start, stop)."""
    stepper = made._session._stepper
    updates = {(stepper.groups.index(group), *name) for group, *name, _ in stepper._updater._programs._bound}
    return set(stepper._programs._bound), updates


def bits(made: Any) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in made._session.snapshot().items()}


def trainer(engine: Any, optimizer: Any = "adam", layers: Any = None, **settings: Any) -> Any:
    network = bp.Network([*(layers or [bp.layers.dense(8, activation="tanh")]), bp.layers.dense(2)])
    return bp.Trainer(network, "softmax_cross_entropy", optimizer, engine=engine, **settings)


def pair(fit: Any = None, **settings: Any) -> list[Any]:
    """The same fit with programs and without; the last batch of an epoch is smaller."""
    made = [trainer(engine, **settings) for engine in ("numpy", EAGER)]
    for each in made:
        each.fit(X, Y, **{"epochs": 8, "batch_size": 16, **(fit or {})})
    return made


def agree(traced: Any, eager: Any) -> None:
    assert bits(traced) == bits(eager)
    assert traced.history.train == eager.history.train


@pytest.mark.parametrize(("most", "programs"), [(300, set()), (2**13, {16, 6})])
def test_a_loop_of_more_calls_than_a_program_may_have_runs_eagerly(most, programs, monkeypatch):
    monkeypatch.setattr(tracer, "MAX_NODES", most)
    rows = np.random.default_rng(0).normal(size=(70, 30, 2))
    made = [trainer(engine, layers=[bp.layers.gru(3)]) for engine in BOTH]
    for each in made:
        each.fit(rows, Y, epochs=5, batch_size=16)
    assert names(made[0])[0] == programs
    agree(*made)


# ------------------------------------------------------------------------------------------------------- components


@pytest.mark.filterwarnings("ignore:.* needs the same objective at each step")
@pytest.mark.filterwarnings("ignore:muon moves no parameter")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kind", "name"), COMPONENTS, ids=[f"{kind}:{name}" for kind, name in COMPONENTS])
def test_a_component_gives_the_same_bits_in_programs(kind, name, dtype):
    for config in configs_to_check(bp.load(kind, name)):
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
def test_gradient_and_update_are_traced_and_give_the_same_bits(case, dtype):
    made = pair(**{"dtype": dtype, **EVERYWHERE[case]})
    agree(*made)
    gradients, updates = names(made[0])
    assert gradients == {16, 6}
    assert updates
    assert names(made[1]) == (set(), set())


PARTLY = {  # gradients that are traced, and whether updates are
    "buffers that a step moves": ({"layers": [bp.layers.dense(8), bp.layers.batch_norm()]}, set(), True),
    "penalties on activations": ({"regularizers": ["activity"]}, set(), True),
    "two gradients a step": ({"optimizer": {"name": "sam", "inner": "momentum"}}, set(), True),
    "gathered gradients": ({"gradient_steps": [{"name": "accumulate", "steps": 2}]}, {16, 6}, False),
    "the objective itself": ({"optimizer": "lbfgs", "fit": {"batch_size": 70}}, set(), False),
}


@pytest.mark.parametrize("case", PARTLY)
def test_what_cannot_be_traced_runs_eagerly_beside_programs(case):
    settings, gradients, updates = PARTLY[case]
    made = pair(**settings)
    agree(*made)
    assert names(made[0])[0] == gradients
    assert bool(names(made[0])[1]) == updates


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


def test_models_alike_are_traced_once(monkeypatch):
    traced = []
    monkeypatch.setattr(program_cache, "record_program", lambda part: traced.append(part) or RECORD(part))
    for _ in range(3):
        pair()
    assert len(traced) == 3  # gradients of 16 and 6 rows, one update


RECORD = program_cache.record_program


def test_other_numbers_are_other_programs():
    for strength in (0.1, 0.2):
        agree(*pair(regularizers=[{"name": "l2", "strength": strength}]))


def test_other_data_other_settings_and_restored_states_are_bound_anew(tmp_path):
    made = pair(regularizers=["l2"])
    for each in made:
        each.checkpoint(tmp_path / "state.safetensors")
        each.fit(X[::-1], Y, epochs=2, batch_size=16)
        each.parameters["dense_1/weight"] = np.ones((6, 8))
        each.fit(X, Y, epochs=2, batch_size=16)
        each.regularizers = [bp.regularizers.l2(0.5)]
        each.fit(X, Y, epochs=2, batch_size=16)
        each.regularizers = [bp.regularizers.l2()]
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
    """Is called between the statements of every program, and interrupts at a chosen call."""

    def __init__(self) -> None:
        self.calls, self.at = 0, -1

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt


@pytest.fixture
def tick(monkeypatch):
    """A Tick that is called before every statement of every program."""
    tick = Tick()
    monkeypatch.setattr(builtins, "tick", tick, raising=False)
    compiler = codegen._compile
    between = "\n        "
    monkeypatch.setattr(codegen, "_compile", lambda text: compiler(text.replace(between, f"{between}tick(){between}")))
    return tick


class States:
    """Records everything a session holds after every step."""

    def __init__(self) -> None:
        self.after: dict[int, dict[str, bytes]] = {}

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        """A step more."""
        self.after[state.step] = bits(state.trainer)


@pytest.mark.parametrize("age", [0.5, 0.0], ids=["one point to return to", "a new one after every epoch"])
@pytest.mark.parametrize("each", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_an_interrupt_between_two_statements_of_a_program_leaves_all_as_after_a_whole_step(
    tick, each, age, monkeypatch
):
    monkeypatch.setattr(rollback, "SECONDS", age)
    settings: dict[str, Any] = {"optimizer": {"name": "prodigy", "d0": 1e-3}, "regularizers": ["l2"]}
    seen = States()
    trainer(EAGER, **settings, callbacks=[seen]).fit(X, Y, epochs=2, batch_size=16)
    trainer("numpy", **settings).fit(X, Y, epochs=2, batch_size=16)
    assert tick.calls > 300
    print(f"measured: interrupts between statements, each in a fit of its own: {len(range(1, tick.calls, each))}")
    ends = set()
    for call in range(1, tick.calls, each):
        program_cache._programs.clear()
        tick.calls, tick.at = 0, call
        made = trainer("numpy", **settings)
        with pytest.raises(KeyboardInterrupt):
            made.fit(X, Y, epochs=2, batch_size=16)
        ends.add(made._session.step)
        assert bits(made) == seen.after[made._session.step]
    assert len(ends) > 5


def test_a_program_that_gives_other_bits_is_not_used(monkeypatch):
    choose = BufferAssignment._choose

    def wrong(self: Any, k: int, node: Any) -> Any:  # all elementwise results in one buffer
        return (
            self._first
            if hasattr(self, "_first") and node.kind is OpKind.ELEMENTWISE
            else setattr(self, "_first", choose(self, k, node)) or self._first
        )

    monkeypatch.setattr(BufferAssignment, "_choose", wrong)
    made = pair()
    agree(*made)
    assert names(made[0])[0] == set()


# ------------------------------------------------------------------------------------------------------ the programs


def program(function: Any, *arrays: Any, into: Any = None) -> Any:
    """The program of a function of arrays, whose results are returned, or written into the arrays `into`."""
    recording = Recording(list({id(array): array for array in (*arrays, *(into or []))}.values()))
    results = function(*map(recording.array, arrays))
    if into is None:
        return recording.compile(*results)
    for result, destination in zip(results, into, strict=True):
        recording.output(result, destination)
    return recording.compile()


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
                made = a - HOST.max(a, axis=1, keepdims=True)
            elif which == 4:
                made = b + HOST.sum(a, axis=0)
            elif which == 5:
                made = HOST.asarray(a, copy=True)
                made[1:3] += b[:2]
            elif which == 6:
                made = HOST.where(a > 0, b, 0.25)
            elif which == 7:
                made = HOST.astype(a > b, a.dtype) * a
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
    run = program(function, *arrays).bind(arrays, BufferPool())
    for _ in range(3):
        for array in arrays:
            array[...] = rng.normal(size=array.shape)
        wanted = function(*(array.copy() for array in arrays))
        for made, value in zip(run(), wanted, strict=True):
            np.testing.assert_array_equal(made, value)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
@pytest.mark.parametrize("seed", range(60))
def test_results_may_be_written_over_the_arguments_of_a_program(seed):
    function, rng = random_function(seed), np.random.default_rng(seed)
    arrays = [rng.normal(size=(6, 4)) for _ in range(3)]
    run = program(function, *arrays, into=arrays).bind(arrays, BufferPool())
    for _ in range(3):
        wanted = function(*(array.copy() for array in arrays))
        run()
        for array, value in zip(arrays, wanted, strict=True):
            np.testing.assert_array_equal(array, value)
            array[...] = rng.normal(size=array.shape)


def test_two_outputs_may_exchange_their_arrays():
    a, b = np.zeros((2, 2)), np.ones((2, 2))
    program(lambda x, y: (y * 1.0, x * 2.0), a, b, into=[a, b]).bind([a, b], BufferPool())()
    np.testing.assert_array_equal([a, b], [np.ones((2, 2)), np.zeros((2, 2))])


def test_arrays_that_only_change_places_are_refused():
    a, b = np.zeros(2), np.ones(2)
    with pytest.raises(Untraceable, match="other bits"):
        program(lambda x, y: (y, x), a, b, into=[a, b])
    np.testing.assert_array_equal([a, b], [[0, 0], [1, 1]])  # as they were


READS = {
    "a branch": lambda a: a if a.sum() > 0 else -a,
    "a number": lambda a: a * float(HOST.sum(a)),
    "a conversion": lambda a: np.asarray(a) * 2,
    "a loop": lambda a: sum(a),
    "a computed index": lambda a: a.__setitem__(a > 0, 0.0),
    "another array": lambda a: np.add(a, 1.0, out=np.empty(3)),
    "two results": lambda a: np.modf(a),
}


@pytest.mark.parametrize("case", READS)
def test_python_code_that_reads_values_cannot_be_traced(case):
    with pytest.raises((Untraceable, TypeError, AttributeError)):
        program(lambda a: [READS[case](a)], np.arange(3.0))


def test_numbers_are_read_when_the_program_runs_and_stored_in_their_state():
    a, state = np.arange(3.0), {"t": np.float64(1)}
    recording = Recording([a, state])
    number = recording.number(state["t"], "{}['t']", state)
    recording.output(recording.array(a) * number, a)
    recording.store(number + 1, "t", state)
    run = recording.compile().bind([a, state], BufferPool())
    assert state["t"] == 1
    for t in (1, 2, 3):
        run()
        assert state["t"] == t + 1
    np.testing.assert_array_equal(a, np.arange(3) * 6)


def test_a_program_is_verified_without_the_intermediate_results_of_the_traced_run():
    held: list[int] = []

    def probe(array: Any) -> Any:
        held.append(tracemalloc.get_traced_memory()[0])
        return np.negative(array)

    def deep(a: Any) -> list[Any]:
        for _ in range(20):
            a = np.tanh(a)
        return [a.apply(probe)]

    tracemalloc.start()
    try:
        program(deep, np.ones(2**17))
    finally:
        tracemalloc.stop()
    traced, verified = held
    assert traced > 20 * 2**20
    assert verified < 4 * 2**20


def test_a_program_allocates_nothing_when_it_runs():
    a = np.random.default_rng(0).normal(size=(200, 50))
    pool = BufferPool()
    run = program(lambda x: [HOST.exp(-((x * 2.0) ** 2)) + x * 0.5], a).bind([a], pool)
    assert len(pool.arrays) == 2
    assert run()[0] is run()[0]


def test_dead_code_is_left_out():
    def function(x: Any) -> list[Any]:
        HOST.exp(x)
        return [x + 1.0]

    texts: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        before = codegen._compile
        patch.setattr(codegen, "_compile", lambda text: texts.append(text) or before(text))
        program(function, np.ones(3))
    assert texts[0].count("\n        ") == 2  # one call, and return


def test_one_graph_has_one_text(monkeypatch):
    def function(x: Any, y: Any) -> list[Any]:
        z = HOST.where(x > 0, x * 2.0, y * 3.0)  # two temporaries of one layout are free at once
        return [z - 1.0, z * 0.5]

    texts, compiler = list[str](), codegen._compile
    monkeypatch.setattr(codegen, "_compile", lambda text: texts.append(text) or compiler(text))
    spacers: list[Value] = []  # so that objects lie at other addresses in each run
    for n in range(20):
        program(function, np.ones((3, 4)), np.zeros((3, 4)))
        spacers += [Value(0.0) for _ in range(n)]
    assert len(set(texts)) == 1


def test_constants_that_differ_in_the_sign_of_zero_are_two():
    x = np.ones(3)
    run = program(lambda a: [a + 0.0, a + -0.0], x).bind([x], BufferPool())
    x[...] = -0.0
    np.testing.assert_array_equal(np.signbit(run()), [[False] * 3, [True] * 3])
