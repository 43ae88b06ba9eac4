"""Bounds of BLAS's threads: kept while a block runs, taken back after it, one limit at a time; which BLAS there is."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import threadpoolctl

import bpframe as bp
from bpframe.engine.numpy import blas, openblas
from bpframe.errors import ConfigError
from tests.engine.blas_threads import blas_threads

X = np.random.default_rng(0).normal(size=(400, 6))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
WORKERS = 8


@pytest.fixture(autouse=True)
def three() -> Iterator[None]:
    """BLAS with three threads, whatever this machine has."""
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        yield


def limited_to(threads: int) -> Any:
    return blas.process_blas().limited_to(threads)


def fit(**engine: Any) -> None:
    network = bp.Network([bp.layers.dense(16, activation="relu"), bp.layers.dense(2)])
    bp.Trainer(network, "softmax_cross_entropy", "adam", engine={"name": "numpy", **engine}).fit(X, Y, epochs=1)


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """What eight threads make of their numbers, all begun at the same moment."""
    start = threading.Barrier(WORKERS)

    def begun(number: int) -> Any:
        start.wait(timeout=60)
        return work(number)

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(begun, range(WORKERS)))


# -------------------------------------------------------------------------------------------------------------- limits


def test_the_least_limit_of_a_thread_holds_and_the_last_to_end_takes_it_back_in_any_order():
    with limited_to(2):
        with limited_to(1):
            assert blas_threads() == {1}
        with limited_to(sys.maxsize):
            assert blas_threads() == {2}
    assert blas_threads() == {3}
    first, second = limited_to(1), limited_to(2)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas_threads() == {2}
    second.__exit__(None, None, None)
    assert blas_threads() == {3}


def test_a_limit_is_taken_back_after_an_error():
    with pytest.raises(ZeroDivisionError), limited_to(1):
        raise ZeroDivisionError
    assert blas_threads() == {3}


def test_a_limit_above_what_a_process_may_use_raises_nothing():
    with threadpoolctl.threadpool_limits(1, user_api="blas"), limited_to(2):
        assert blas_threads() == {1}


def test_a_block_keeps_its_own_limit_whatever_other_threads_ask_for():
    def work(number: int) -> list[tuple[set[int], int]]:
        seen = []
        for _ in range(5):
            with limited_to(1 + number % 2):
                seen.append((blas_threads(), 1 + number % 2))
                time.sleep(0.002)
                seen.append((blas_threads(), 1 + number % 2))
        return seen

    assert all(found == {asked} for seen in at_once(work) for found, asked in seen)
    assert blas_threads() == {3}


def test_blocks_of_one_limit_run_side_by_side():
    together = threading.Barrier(WORKERS)

    def work(_: int) -> None:
        with limited_to(2):
            together.wait(timeout=60)

    at_once(work)


def test_a_block_that_its_own_thread_waits_for_goes_on_after_a_while(monkeypatch):
    monkeypatch.setattr(blas, "PATIENCE", 0.05)

    def inner() -> set[int]:
        with limited_to(2):
            return blas_threads()

    with limited_to(1), ThreadPoolExecutor(1) as pool:
        assert pool.submit(inner).result(timeout=60) == {1}
    assert blas_threads() == {3}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_no_limit_that_a_thread_of_its_parent_had():
    code = """
import os, threading
from bpframe.engine.numpy.blas import process_blas
blas, inside, end = process_blas(), threading.Event(), threading.Event()
blas._libraries[0].set_num_threads(3)

def other():
    with blas.limited_to(1):
        inside.set()
        end.wait(60)

threading.Thread(target=other).start()
inside.wait(60)
child = os.fork()
if not child:
    with blas.limited_to(2):
        within = blas._libraries[0].get_num_threads()
    os._exit(10 * within + blas._libraries[0].get_num_threads())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
end.set()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ended.stdout == "23\n", ended.stderr


# ----------------------------------------------------------------------------------------------------------- libraries


def test_openblas_of_wheels_is_found_and_tells_what_threadpoolctl_tells():
    found = {library.get_num_threads() for library in openblas.loaded()}
    layers = {library.threading_layer for library in openblas.loaded()}
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    assert found == {3}
    assert layers == {pool["threading_layer"] for pool in pools}
    openblas.loaded()[0].set_num_threads(2)
    own = next(pool for pool in threadpoolctl.threadpool_info() if "numpy" in pool["filepath"])
    assert own["num_threads"] == 2


def test_scipys_openblas_is_bounded_with_numpys_where_it_is_loaded():
    code = """
import numpy, threadpoolctl
from bpframe.engine.numpy.blas import process_blas
process_blas()
import scipy.linalg
with threadpoolctl.threadpool_limits(3, user_api="blas"), process_blas().limited_to(2):
    print([pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ended.stdout == "[2, 2]\n", ended.stderr


def test_a_first_fit_imports_no_threadpoolctl():
    code = """
import sys
import numpy as np
import bpframe as bp
network = bp.Network([bp.layers.dense(1)])
bp.Trainer(network, "mse", engine={"name": "numpy", "threads": 1}).fit(np.ones((4, 2)), np.ones(4), epochs=1)
print("threadpoolctl" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ended.stdout == "False\n", ended.stderr


@pytest.fixture
def another_blas(monkeypatch):
    """A BLAS that is not OpenBLAS, for which threadpoolctl is asked."""
    monkeypatch.setattr(openblas, "loaded", list)
    monkeypatch.setattr(blas, "_blas", [])


@pytest.mark.usefixtures("another_blas")
def test_threadpoolctl_bounds_any_other_blas():
    with limited_to(2):
        assert blas_threads() == {2}
        assert {type(library).__module__ for library in blas.process_blas()._libraries} == {"threadpoolctl"}
    with ThreadPoolExecutor(1) as pool:
        pool.submit(limited_to(1).__enter__).result()
    assert blas_threads() == {1}


@pytest.mark.usefixtures("another_blas")
def test_without_threadpoolctl_a_bound_of_another_blas_is_an_error_with_its_remedy_and_no_bound_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    with pytest.raises(ConfigError, match=r'needs threadpoolctl .* Install it: pip install "bpframe\[threads\]"'):
        fit(threads=1)
    fit()


@pytest.mark.usefixtures("another_blas")
def test_without_threadpoolctl_a_bound_holds_that_the_environment_keeps(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    fit(threads=1)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    with pytest.raises(ConfigError, match="or bound them by its environment variable, which it reads when NumPy is"):
        fit(threads=1)


@pytest.mark.usefixtures("another_blas")
def test_a_blas_that_cannot_be_bounded_is_an_error_where_a_bound_is_asked_for(monkeypatch):
    none = SimpleNamespace(lib_controllers=[])
    monkeypatch.setattr(threadpoolctl.ThreadpoolController, "select", lambda *_, **__: none)
    with pytest.raises(ConfigError, match="needs a BLAS whose threads can be set, got none"):
        fit(threads=1)
    fit()
