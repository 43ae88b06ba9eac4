"""Thread teams run every job once, whatever goes wrong, and give large networks the same bits every time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import threadpoolctl

import bpframe as bp
from bpframe.engine.numpy.tracing import program_cache
from bpframe.ops import thread_team

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(300, 260)), RNG.normal(size=(260, 250))  # their product is worth sharing
X = RNG.normal(size=(240, 1100)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
EAGER = {"name": "numpy", "scripts": False}
SAM = {"name": "sam", "inner": "sgd"}


@pytest.fixture
def three() -> Iterator[None]:
    """BLAS with three threads, whatever this machine has."""
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        yield


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"}


class Pair:
    """Two jobs that each wait until both have begun, so that two threads have one each."""

    def __init__(self) -> None:
        self.barrier, self.main, self.ended = threading.Barrier(2, timeout=60), threading.get_ident(), False

    def jobs(self, own: Any, helped: Any) -> list[Any]:
        """`own` runs on the thread that asks, `helped` on the other."""

        def job() -> None:
            self.barrier.wait()
            (own if threading.get_ident() == self.main else helped)()

        return [job, job]


# --------------------------------------------------------------------------------------------------------------- jobs


@pytest.mark.parametrize("size", [1, 2, 4])
def test_every_job_runs_once(size):
    done: list[int] = []
    for _ in range(200):
        done.clear()
        thread_team.ThreadTeam(size).run([lambda k=k: done.append(k) for k in range(7)])
        assert sorted(done) == list(range(7))


def test_two_threads_work_at_once():
    seen: list[int] = []
    pair = Pair()
    thread_team.ThreadTeam(2).run(pair.jobs(lambda: seen.append(threading.get_ident()), lambda: seen.append(0)))
    assert sorted(seen) == [0, threading.get_ident()]


def test_helpers_ignore_floating_point_errors_as_the_calling_thread_does():
    pair = Pair()
    with np.errstate(all="ignore"):
        thread_team.ThreadTeam(2).run(pair.jobs(lambda: None, lambda: np.float64(1.0) / np.zeros(1)))


def _fails() -> None:
    raise ValueError("this job")


@pytest.mark.parametrize("where", ["own", "helped"])
def test_an_error_is_raised_once_all_threads_have_ended(where):
    pair = Pair()

    def slow() -> None:
        time.sleep(0.1)
        pair.ended = True

    jobs = pair.jobs(_fails, slow) if where == "own" else pair.jobs(slow, _fails)
    left: list[int] = []
    with pytest.raises(ValueError, match="this job"):
        thread_team.ThreadTeam(2).run([*jobs, *[lambda: left.append(1)] * 50])
    assert pair.ended
    assert not left
    thread_team.ThreadTeam(2).run(
        Pair().jobs(lambda: left.append(1), lambda: left.append(2))
    )  # the helper is there for the next
    assert sorted(left) == [1, 2]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals between threads")
@pytest.mark.parametrize("times", [1, 3])
def test_an_interrupt_waits_for_the_helpers(times):
    pair = Pair()

    def helped() -> None:
        for _ in range(times):
            time.sleep(0.05)  # the other waits for this one by now
            signal.pthread_kill(pair.main, signal.SIGINT)
        time.sleep(0.1)
        pair.ended = True

    with pytest.raises(KeyboardInterrupt):
        thread_team.ThreadTeam(2).run(pair.jobs(lambda: None, helped))
    assert pair.ended


def test_where_no_thread_can_be_started_the_caller_runs_all_jobs(monkeypatch):
    def refused(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(thread_team, "_helpers", thread_team._HelperThreads())
    monkeypatch.setattr(threading.Thread, "start", refused)
    done: list[int] = []
    thread_team.ThreadTeam(3).run([lambda: done.append(threading.get_ident())] * 5)
    assert done == [threading.get_ident()] * 5


def test_helpers_keep_no_reference_to_a_job():
    class Heavy:
        pass

    heavy, pair = Heavy(), Pair()
    gone = weakref.ref(heavy)
    thread_team.ThreadTeam(2).run(pair.jobs(lambda held=heavy: None, lambda held=heavy: None))
    del heavy, pair
    deadline = time.monotonic() + 30
    while gone() is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gone() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_helpers_of_its_own():
    code = """
import os, threading
from bpframe.ops import thread_team as team
def both():
    barrier = threading.Barrier(2, timeout=30)
    team.ThreadTeam(2).run([barrier.wait, barrier.wait])
both()
child = os.fork()
if not child:
    both()
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ended.stdout == "7\n", ended.stderr


# ------------------------------------------------------------------------------------------------------ large networks


def trainer(engine: Any = "numpy", units: int = 1000, optimizer: Any = "adam", **settings: Any) -> Any:
    network = bp.Network([bp.layers.dense(units, activation="relu"), bp.layers.dense(2)])
    settings = {"dtype": "float64", "regularizers": ["l2"], **settings}
    return bp.Trainer(network, "softmax_cross_entropy", optimizer, engine=engine, metrics=[], **settings)


def fitted(engine: Any = "numpy", **settings: Any) -> dict[str, bytes]:
    """The bits of a session, and of the losses on the way."""
    made = trainer(engine, **settings)
    history = made.fit(X, Y, epochs=6, batch_size=100)
    return {
        **{name: array.tobytes() for name, array in made.session.snapshot().items()},
        "losses": np.array([history.train["loss"], history.train["objective"]]).tobytes(),
    }


@pytest.fixture
def early(monkeypatch):
    """Parts of a step are traced at their third run."""
    monkeypatch.setattr(program_cache, "EAGER_RUNS", 2)
    monkeypatch.setattr(program_cache, "_programs", type(program_cache._programs)())


@pytest.fixture
def asked(monkeypatch) -> list[int]:
    """How many jobs teams were given, each time."""
    counts: list[int] = []
    run = thread_team.ThreadTeam.run

    def counted(self: thread_team.ThreadTeam, jobs: Any) -> None:
        counts.append(len(jobs))
        assert blas_threads() == {1}
        run(self, jobs)

    monkeypatch.setattr(thread_team.ThreadTeam, "run", counted)
    return counts


@pytest.mark.usefixtures("three", "early")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_team_gives_the_same_bits_with_programs_and_without_and_every_time(asked, dtype):
    whole = fitted(dtype=dtype)
    assert asked
    assert set(asked) == {3}
    assert whole == fitted(EAGER, dtype=dtype)
    assert whole == fitted(dtype=dtype)
    assert blas_threads() == {3}
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: fitted(dtype=dtype), range(2))) == [whole, whole]
    assert blas_threads() == {3}


@pytest.mark.usefixtures("three", "early")
def test_products_and_the_update_are_shared(asked):
    made, rows = trainer(), 210
    made.fit(X[:200], Y[:200], epochs=1, batch_size=100)
    assert len(asked) == 2 * 2  # forward and the gradient; no programs yet for the update
    made.fit(X[:rows], Y[:rows], epochs=3, batch_size=100)
    asked.clear()
    made.fit(X[:rows], Y[:rows], epochs=1, batch_size=100)
    # of two batches of 100 rows forward and the gradient, of a third of 10 neither, and the update of every batch
    assert len(asked) == 2 * 2 + 3
    asked.clear()
    made.scores(X)
    assert len(asked) == 1


@pytest.mark.usefixtures("three", "early")
def test_a_team_comes_to_what_one_thread_comes_to():
    alone, together = trainer({"name": "numpy", "threads": 1}), trainer({"name": "numpy", "threads": 2})
    for made in (alone, together):
        made.fit(X, Y, epochs=6, batch_size=100)
    for name, value in alone.session.parameters.items():
        np.testing.assert_allclose(together.session.parameters[name], value, rtol=0, atol=1e-9)


@pytest.mark.usefixtures("three", "early")
@pytest.mark.parametrize("optimizer", ["sgd", "muon", "lbfgs", "schedule_free_adamw", SAM], ids=str)
@pytest.mark.filterwarnings("ignore:.* needs the same objective at each step")
@pytest.mark.filterwarnings("ignore:muon moves no parameter")
def test_a_team_serves_every_kind_of_rule(asked, optimizer):
    traced, eager = (fitted(engine, optimizer=optimizer) for engine in ("numpy", EAGER))
    assert traced == eager
    assert asked


class Identity:
    """A layer of another package."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return x, None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy, {}


@pytest.mark.usefixtures("three", "early")
@pytest.mark.parametrize(
    ("layers", "engine", "units"),
    [([], "numpy", 100), ([Identity()], "numpy", 1000), ([], {"name": "numpy", "threads": 1}, 1000)],
    ids=["small products", "a layer of another package", "one thread"],
)
def test_no_team_where_it_does_not_pay_or_may_not_be(asked, layers, engine, units):
    network = bp.Network([*layers, bp.layers.dense(units), bp.layers.dense(2)])
    bp.Trainer(network, "softmax_cross_entropy", engine=engine).fit(X, Y, epochs=4, batch_size=100)
    assert not asked
