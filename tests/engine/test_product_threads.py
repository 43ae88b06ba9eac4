"""Threads of products follow from shapes: one where they are small, a team's or BLAS's own where they are large."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pytest
import threadpoolctl

import bpframe as bp
from bpframe.engine.numpy import product_threads
from bpframe.engine.numpy.blas import Blas, process_blas
from bpframe.engine.numpy.product_threads import ProductThreads
from bpframe.ops import thread_team
from bpframe.sklearn import MLPClassifier
from tests.engine.blas_threads import Note, blas_threads

X = np.random.default_rng(0).normal(size=(400, 64)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
SMALL, LARGE = 2**16, 2**20  # numbers of a parameter


@pytest.fixture
def three() -> Iterator[None]:
    """BLAS with three threads, whatever this machine has."""
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        yield


def network(*layers: Any) -> bp.Network:
    return bp.Network([*layers, bp.layers.dense(2)])


def library(threads: int | None, api: str = "openblas", layer: str = "pthreads") -> Any:
    own = SimpleNamespace(internal_api=api, threading_layer=layer, threads=threads)
    own.get_num_threads = lambda: own.threads
    own.set_num_threads = lambda number: setattr(own, "threads", number)
    return own


def found(libraries: list[Any], rows: int, largest: int, most: int | None, layers: Any = ()) -> tuple[int | None, int]:
    """(threads of BLAS, threads of a team) in a block for so many rows."""
    with ProductThreads(network(*layers), Blas(libraries), largest, largest, most).block(rows):
        team = thread_team.current_team()
        return libraries[0].threads, 1 if team is None else team.size


@pytest.mark.parametrize(
    ("libraries", "rows", "largest", "most", "expected"),
    [
        ([library(2)], 1, 2**12, None, (2, 1)),  # as it is: no BLAS shares so little
        ([library(2)], 1, 2**12, 1, (1, 1)),
        ([library(2)], 2, 2**12, None, (1, 1)),
        ([library(2)], 32, SMALL, None, (1, 1)),
        ([library(2)], 255, SMALL, None, (1, 1)),
        ([library(2)], 256, SMALL, None, (1, 2)),
        ([library(2)], 256, SMALL, 1, (1, 1)),
        ([library(4), library(3)], 256, LARGE, None, (1, 3)),
        ([library(4)], 256, LARGE, 2, (1, 2)),
        ([library(2)], 256, LARGE, 4, (1, 2)),
        ([library(2)], 1, LARGE, None, (1, 2)),  # the update is shared
        ([library(8)], 256, SMALL, None, (1, 4)),
        ([library(8)], 256, LARGE, None, (8, 1)),
        ([library(8)], 256, LARGE, 6, (6, 1)),
        ([library(8)], 256, LARGE, 3, (1, 3)),
        ([library(1)], 256, LARGE, None, (1, 1)),
        ([library(2, "mkl", "intel")], 256, SMALL, None, (1, 1)),
        ([library(2, "mkl", "intel")], 256, LARGE, None, (2, 1)),
        ([library(2, "openblas", "openmp")], 256, LARGE, None, (2, 1)),
        ([library(2), library(2, "mkl")], 256, LARGE, None, (2, 1)),
        ([library(2), library(None)], 256, SMALL, None, (1, 1)),
    ],
)
def test_the_threads_of_a_block_follow_from_its_shapes_and_from_those_of_blas(libraries, rows, largest, most, expected):
    before = [each.threads for each in libraries]
    if None in before:
        libraries[1].get_num_threads = lambda: None
    assert found(libraries, rows, largest, most) == expected
    assert [each.threads for each in libraries][:1] == before[:1]
    assert thread_team.current_team() is None


@pytest.mark.parametrize(
    ("rows", "largest", "expected"),
    [(1, 8, (1, 1)), (32, LARGE, (1, 1)), (63, LARGE, (1, 1)), (256, LARGE, (3, 1))],
)
def test_layers_of_other_packages_have_one_thread_or_blas_threads(rows, largest, expected):
    assert found([library(3)], rows, largest, None, [Note()]) == expected


@pytest.mark.parametrize(
    ("threads", "rows", "largest", "most", "expected"),
    [
        (2, 1_000, 2**10, None, (1, 1)),  # one chunk
        (2, 1_001, 2**10, None, (1, 2)),
        (2, 1_001, 8, None, (1, 2)),
        (2, 1_001, 2**10, 1, (1, 1)),
        (8, 1_001, 2**10, None, (1, 4)),
        (8, 1_001, LARGE, None, (8, 1)),
        (3, 1_001, LARGE, None, (1, 3)),
    ],
)
def test_several_chunks_are_those_of_a_team(threads, rows, largest, most, expected):
    for layers, wanted in ([], expected), ([Note()], (1 if largest < LARGE else threads, 1)):
        libraries = [library(threads)]
        with ProductThreads(network(*layers), Blas(libraries), 8, largest, most).chunks(rows, 1_000):
            team = thread_team.current_team()
            assert (libraries[0].threads, 1 if team is None else team.size) == wanted


def test_chunks_have_one_thread_while_another_thread_of_the_process_computes():
    blas, began, end = Blas([library(2)]), threading.Event(), threading.Event()

    def compute() -> None:
        with blas.limited_to(1):
            began.set()
            end.wait(60)

    other = threading.Thread(target=compute)
    other.start()
    try:
        assert began.wait(60)
        with ProductThreads(network(), blas, SMALL, SMALL).chunks(2_000, 1_000):
            assert thread_team.current_team() is None
    finally:
        end.set()
        other.join()
    with ProductThreads(network(), blas, SMALL, SMALL).chunks(2_000, 1_000):
        assert thread_team.current_team() is not None


@pytest.mark.parametrize("width", [32, 100])
def test_a_prediction_of_many_rows_has_the_same_bits_on_any_number_of_threads(width):
    x = np.random.default_rng(1).normal(size=(70_001, 20)).astype(np.float32)
    found = []
    for threads in (1, 2, 3):
        with threadpoolctl.threadpool_limits(threads, user_api="blas"):
            layers = [bp.layers.dense(width, activation="relu"), bp.layers.dense(width, activation="tanh")]
            trainer = bp.Trainer(network(*layers), "softmax_cross_entropy")
            trainer.fit(x[:50], x[:50, 0] > 0, epochs=1, verbose=0)
            found.append(trainer.scores(x))
    assert all(np.array_equal(found[0], other) for other in found)


@pytest.mark.usefixtures("three")
def test_foreign_layers_multiply_on_one_thread_in_a_fit_in_predict_and_in_evaluate_and_nowhere_else():
    note, environment = Note(), dict(os.environ)
    made = bp.Trainer(network(note), "softmax_cross_entropy")
    made.fit(X, Y, epochs=1, batch_size=32)
    assert note.seen[1:5] == [(32, 1)] * 4  # the first was the dry run
    for compute in (made.predict, made.scores, made.predict_labels, lambda x: made.evaluate(x, Y)):
        note.seen.clear()
        compute(X)
        assert note.seen == [(400, 1)]
    assert blas_threads() == {3}
    assert dict(os.environ) == environment


class Look:
    """A callback that looks at the recursion of 100 rows."""

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any) -> None:
        state.trace(np.arange(100))


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_look_of_a_callback_multiplies_on_one_thread_whatever_engine_trains(engine):
    note = Note()
    parts: dict[str, Any] = {"callbacks": [Look()], "engine": engine, "metrics": []}
    trainer = bp.Trainer(network(bp.layers.dense(100), note), "softmax_cross_entropy", **parts)
    trainer.fit(X, Y, epochs=1, batch_size=32, verbose=0)
    assert {threads for rows, threads in note.seen if rows == 100} == {1}


@pytest.mark.usefixtures("three")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_multiply_on_one_thread():
    note = Note()
    made = MLPClassifier(hidden_layers=[note, bp.layers.dense(8)], max_iter=2)
    made.fit(X, Y)
    made.predict_proba(X)
    assert {threads for _, threads in note.seen[1:]} == {1}
    assert blas_threads() == {3}


def seen_in_a_fit() -> set[int]:
    """Threads of BLAS during a fit, but for its dry run."""
    note = Note()
    bp.Trainer(network(note), "softmax_cross_entropy").fit(X, Y, epochs=1)
    return {threads for _, threads in note.seen[1:]}


def seen_in_a_process() -> set[int]:
    """The same in a process that has three."""
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        return seen_in_a_fit()


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(("backend", "work"), [("loky", seen_in_a_process), ("threading", seen_in_a_fit)])
def test_workers_of_joblib_multiply_on_one_thread(backend, work):
    assert joblib.Parallel(n_jobs=2, backend=backend)(joblib.delayed(work)() for _ in range(4)) == [{1}] * 4


@pytest.mark.usefixtures("three")
def test_products_beside_those_of_other_fits_have_the_threads_that_they_have_alone(monkeypatch):
    monkeypatch.setattr(product_threads, "MIN_POOL", 400 * 64 * 100)
    x = np.tile(X, (8, 1))

    def seen(units: int) -> set[int]:
        note = Note()
        made = bp.Trainer(network(note, bp.layers.dense(units)), "softmax_cross_entropy", "adam")
        made.fit(x, np.tile(Y, 8), epochs=4, batch_size=400)
        return {threads for rows, threads in note.seen if rows == 400}

    monkeypatch.setattr(thread_team, "MIN_MULTIPLICATIONS", 400 * 64 * 100)
    small, large = {1}, {3}
    assert [seen(8), seen(100)] == [small, large]
    together = joblib.Parallel(n_jobs=4, backend="threading")(joblib.delayed(seen)(u) for u in (8, 100, 8, 100))
    assert together == [small, large, small, large]


def test_no_thread_keeps_computing_after_a_fit():
    code = """
import time
import numpy as np
import bpframe as bp
x = np.random.default_rng(0).normal(size=(512, 256)).astype(np.float32)
made = bp.Trainer(bp.Network([bp.layers.dense(300, activation="relu"), bp.layers.dense(2)]), "softmax_cross_entropy")
made.fit(x, (x[:, 0] > 0).astype(int), epochs=2, batch_size=256)
time.sleep(0.2)
before = time.process_time()
time.sleep(0.2)
print(time.process_time() - before < 0.1)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ended.stdout == "True\n", ended.stderr


def test_a_bound_that_is_no_number_of_threads_is_refused():
    assert process_blas() is process_blas()
    with pytest.raises(bp.errors.ConfigError, match="threads"):
        ProductThreads.of(network().layers, {}, 0)
