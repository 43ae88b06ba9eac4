"""Threads and processes: predicting at once, one fit at a time, forked and fresh workers, bits and threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError
from bpframe.saving import tensor_file

X = np.random.default_rng(0).normal(size=(400, 6))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
ENGINES = pytest.mark.parametrize("engine", ["numpy", "jax"])
WORKERS = 8


def trainer(engine: Any = "numpy", optimizer: Any = "adam", **settings: Any) -> Any:
    network = bp.Network([bp.layers.dense(16, activation="relu"), bp.layers.batch_norm(), bp.layers.dense(2)])
    return bp.Trainer(network, "softmax_cross_entropy", optimizer, engine=engine, metrics=[], **settings)


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """What eight threads make of their numbers, all begun at the same moment; errors as values."""
    start = threading.Barrier(WORKERS)

    def begun(number: int) -> Any:
        start.wait(timeout=60)
        try:
            return work(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(begun, range(WORKERS)))


# ------------------------------------------------------------------------------------------------------------- threads


@pytest.mark.parametrize(
    ("engine", "optimizer"),
    [("numpy", "adam"), ("numpy", "schedule_free_adamw"), ("jax", "adam")],
)
def test_eight_threads_that_predict_at_once_get_what_one_gets(engine, optimizer):
    made = trainer(engine, optimizer)
    made.fit(X, Y, epochs=2)
    parts = [X[50 * number : 50 * number + 50] for number in range(WORKERS)]
    alone = [made.predict(part) for part in parts]
    found = at_once(lambda number: [made.predict(parts[number]) for _ in range(20)])
    for expected, predictions in zip(alone, found, strict=True):
        assert [p.tobytes() for p in predictions] == [expected.tobytes()] * 20


def test_eight_threads_that_train_trainers_of_their_own_get_what_one_gets():
    def fitted(number: int) -> list[bytes]:
        made = trainer(seed=number)
        made.fit(X, Y, epochs=2)
        return [p.tobytes() for p in made.parameters.values()]

    assert at_once(fitted) == [fitted(number) for number in range(WORKERS)]


class Wait:
    """Holds a fit at its start until it is told to go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    @bp.hookimpl
    def bpframe_fit_start(self, state: Any) -> None:
        assert self.go_on.wait(timeout=60)


def test_of_eight_fits_of_one_trainer_that_begin_at_once_one_runs_and_the_others_are_an_error():
    wait, refused = Wait(), []
    made = trainer(callbacks=[wait])

    def fit(number: int) -> Any:
        try:
            return made.fit(X, Y, epochs=1)
        except ConfigError as error:
            refused.append(error)
            if len(refused) == WORKERS - 1:
                wait.go_on.set()
            raise

    found = at_once(fit)
    assert sum(result is made.history for result in found) == 1
    assert [type(error) for error in refused] == [ConfigError] * (WORKERS - 1)
    assert "Trainer needs one fit to end before another begins. Give each thread its own trainer." in str(refused[0])
    assert len(made.history) == 1
    made.fit(X, Y, epochs=1)
    alone = trainer()
    alone.fit(X, Y, epochs=1)
    alone.fit(X, Y, epochs=1)
    assert all(np.array_equal(alone.parameters[name], p) for name, p in made.parameters.items())


class FitAgain:
    """Fits the trainer from inside its own fit."""

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any) -> None:
        state.trainer.fit(X, Y)


def test_a_fit_inside_a_fit_is_an_error_and_the_next_one_works():
    made = trainer(callbacks=[FitAgain()])
    with pytest.raises(ConfigError, match="needs one fit to end before another begins"):
        made.fit(X, Y, epochs=1)
    made.callbacks.clear()
    assert len(made.fit(X, Y, epochs=1)) == 2


# ----------------------------------------------------------------------------------------------------------- processes

SCRIPT = """
import multiprocessing, os, sys, warnings
import numpy as np
import bpframe as bp

X = np.random.default_rng(0).normal(size=(400, 6))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)


def trainer(engine="numpy"):
    network = bp.Network([bp.layers.dense(16, activation="relu"), bp.layers.dense(2)])
    return bp.Trainer(network, "softmax_cross_entropy", "adam", engine=engine)


def fitted(engine="numpy"):
    made = trainer(engine)
    made.fit(X, Y, epochs=2)
    return [p.tobytes() for p in made.parameters.values()]


def in_fork(work):
    reader, writer = os.pipe()
    if not (child := os.fork()):
        try:
            said = work()
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, str(said).encode())
        os._exit(0)
    os.close(writer)
    said = os.read(reader, 10**6).decode()
    os.waitpid(child, 0)
    return said
"""


def run(tmp_path: Path, code: str, *arguments: object) -> list[str]:
    """The lines that a script prints in a fresh interpreter; it must end well, and within a minute."""
    (tmp_path / "script.py").write_text(SCRIPT + code)
    command = [sys.executable, str(tmp_path / "script.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("before", ["first", "after another folder"])
def test_a_folder_of_compiled_programs_serves_another_process(tmp_path, before):
    code = """
import jax
from bpframe.engine.jax import compile_cache as cache

hits = []
jax.monitoring.register_event_listener(lambda name, **_: hits.append(name) if name.endswith("/cache_hits") else None)
if sys.argv[2] != "first":
    cache.keep_in(sys.argv[1] + " of others")
    jax.jit(lambda x: x + 1)(1.0)
fitted({"name": "jax", "cache": sys.argv[1]})
print(len(hits), len(os.listdir(sys.argv[1])))
"""
    folder = tmp_path / "programs"
    (_, kept), (hits, still) = (map(int, run(tmp_path, code, folder, before)[0].split()) for _ in range(2))
    assert kept > 0
    assert still == kept
    assert hits > 0


def test_the_numpy_engine_trains_in_workers_however_they_are_started(tmp_path):
    code = """
if __name__ == "__main__":
    here = fitted(engine={"name": "numpy", "threads": 1})
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(method, pool.apply(fitted) == here)
"""
    assert run(tmp_path, code) == ["fork True", "spawn True", "forkserver True"]


def test_a_trainer_goes_on_in_a_forked_process_as_in_its_own(tmp_path):
    code = """
made, twin = trainer({"name": "numpy", "threads": 1}), trainer()
for each in (made, twin):
    each.fit(X, Y, epochs=1)


def go_on():
    made.fit(X, Y, epochs=1)
    return [p.tobytes().hex() for p in made.parameters.values()], made.predict(X).tobytes().hex()


there = in_fork(go_on)
print(there == str(go_on()), len(there) > 1000)
"""
    assert run(tmp_path, code) == ["True True"]


JAX = """
import jax  # which sets variables of its own, but does not start yet

from bpframe.engine.numpy import blas as threads

listed, passes = threads._tasks, []


def with_one_that_ended():
    passes.append(listed())
    return passes[-1] + [2**22 - 1] * (len(passes) == 2)


threads._tasks = with_one_that_ended
warnings.simplefilter("ignore")  # JAX warns of every fork
own, variables = os.sched_getaffinity(0), dict(os.environ)
one = {"name": "jax", "threads": 1}


def refused(engine):
    try:
        fitted(engine)
    except bp.errors.ConfigError as error:
        return str(error)


made = trainer(one)
made.fit(X, Y, epochs=1)
tasks = os.listdir("/proc/self/task")
print(sum("XLAEigen" in open(f"/proc/self/task/{task}/comm").read() for task in tasks))
print(all(os.sched_getaffinity(int(task)) == own for task in tasks), dict(os.environ) == variables)
print(fitted(one) == fitted("jax"))
print(refused({"name": "jax", "threads": 2}))
print(in_fork(lambda: made.predict(X)))
print(in_fork(lambda: made.fit(X, Y)))
print(in_fork(lambda: trainer("jax").fit(X, Y)))
print(in_fork(lambda: [fitted()] and "numpy trains"))
made.fit(X, Y, epochs=1)
print("here it goes on")
"""


@pytest.fixture(scope="module")
def jax_said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a process says that starts JAX with one thread, and forks."""
    return run(tmp_path_factory.mktemp("jax"), JAX)


linux = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux can set the CPUs of a process")


@linux
def test_the_threads_of_jax_are_bounded_at_its_first_use_and_only_then(jax_said):
    eigen, elsewhere, same, error = jax_said[:4]
    assert eigen == "1"
    assert elsewhere == "True True"
    assert same == "True"
    assert error == (
        "The engine jax needs threads=2 before JAX is first used in a process, but JAX has started with 1. "
        "Make it the first engine of the process, or leave threads out."
    )


@linux
def test_jax_in_a_fork_of_the_process_that_started_it_is_an_error_and_no_hang(jax_said):
    *forked, numpy, here = jax_said[4:]
    assert len(forked) == 3
    for line in forked:
        assert line.startswith("ConfigError: The engine jax needs the process that started it (")
        assert line.endswith("get_context('spawn') or 'forkserver', or take engine='numpy' in them.")
    assert [numpy, here] == ["numpy trains", "here it goes on"]


def test_a_bound_for_jax_that_has_started_without_one_is_an_error():
    trainer("jax").fit(X, Y, epochs=1)
    with pytest.raises(ConfigError, match=r"JAX has started with a number of its own\. Make it the first engine"):
        trainer({"name": "jax", "threads": 1}).fit(X, Y, epochs=1)


# ----------------------------------------------------------------------------------------------------- bits and threads

WIDE = """
import hashlib
import threadpoolctl

engine, number, begun, file = sys.argv[1:]
x = np.random.default_rng(1).normal(size=(512, 301))
y = (x[:, 0] > 0).astype(int)
wide = bp.Network([bp.layers.dense(223, activation="tanh"), bp.layers.dense(2)])
chosen = {"name": engine, "threads": int(number)}
with threadpoolctl.threadpool_limits(2, user_api="blas"), warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    made = bp.Trainer(wide, "softmax_cross_entropy", "adam", engine=chosen, dtype="float64")
    if begun != "none":
        made.restore(begun)
    made.fit(x, y, epochs=2, batch_size=256)
    made.checkpoint(file)
print(hashlib.sha256(b"".join(p.tobytes() for p in made.parameters.values())).hexdigest())
print([str(each.message) for each in told])
"""
USABLE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@linux
@pytest.mark.parametrize(("engine", "condition", "two"), [("numpy", "threads", 2), ("jax", "cpus", min(2, USABLE))])
def test_one_thread_gives_the_same_bytes_in_every_process_and_other_threads_are_told(tmp_path, engine, condition, two):
    def trained(threads: int, begun: object, file: str) -> tuple[str, str]:
        digest, told = run(tmp_path, WIDE, engine, threads, begun, tmp_path / file)
        return digest, told

    first, again, other = trained(1, "none", "one"), trained(1, "none", "again"), trained(2, "none", "two")
    bytes_are = "the same" if other[0] == first[0] else "other"
    print(f"measured: {engine}, four steps with 2 threads give {bytes_are} bytes")
    assert first == again
    for file, number in {"one": 1, "again": 1, "two": two}.items():
        assert tensor_file.read_tensors(tmp_path / file)[1]["made"][condition] == number
    alike, changed = trained(1, tmp_path / "one", "on"), trained(2, tmp_path / "one", "further")
    assert alike[1] == "[]"
    assert (f"under other conditions: {condition} 1 then, 2 now. The run goes on" in changed[1]) is (two == 2)
