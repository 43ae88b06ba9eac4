"""Long runs and many models leave memory as it was: Python's own, the number of objects, and the process as a whole.

Short forms run with the suite, the long ones (100,000 steps, 1,000 models) with `pytest -m slow`.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

import bpframe as bp

X = np.random.default_rng(0).normal(size=(400, 16))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
STEPS = 40  # of an epoch, ten rows each; few epochs, since the history keeps a line of each
KIB = 2**10
MIB = 2**20
NOTICED = 8 * MIB  # growth of a process
ENGINES = pytest.mark.parametrize("engine", ["numpy", "jax"])


class Growth(NamedTuple):
    """What is left of a piece of work: bytes of Python's own, objects, arrays on devices, bytes of the process."""

    traced: int
    objects: int
    arrays: int
    resident: int


def used() -> tuple[int, int, int]:
    gc.collect()
    return tracemalloc.get_traced_memory()[0], len(gc.get_objects()), len(jax.live_arrays())


def resident() -> int:
    """Bytes of memory that the process has; 0 where the system does not say, so that only the rest is compared."""
    gc.collect()
    statm = Path("/proc/self/statm")
    if statm.exists():
        getattr(ctypes.CDLL(None), "malloc_trim", bool)(0)  # glibc keeps what was freed, much of it by chance
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


def growth(work: Callable[[int], Any], warm: int, much: int, traced: bool = True) -> Growth:
    """What work(much) leaves behind, after work(warm) has filled buffers and caches; tracing is slow.

    The memory of a process swings by tens of MiB as it takes and returns it: the least of the second half of the work
    is compared with the least of the first, and where that has grown, the work is done again, up to three times: a
    swing ends, a leak goes on. Traced work is too short for that, and tracing takes memory itself.
    """
    work(warm)
    used()  # JAX starts, if it has not yet
    if traced:
        tracemalloc.start()
    try:
        work(warm)  # what it replaces counts from here on
        before, grown = used(), list[int]()
        for _ in range(1 if traced else 3):
            parts = []
            for _ in range(10):
                work(much // 10)
                parts.append(resident())
            grown.append(min(parts[5:]) - min(parts[:5]))
            if grown[-1] < NOTICED:
                break
        left = (after - was for after, was in zip(used(), before, strict=True))
        return Growth(*left, 0 if traced else min(grown))
    finally:
        tracemalloc.stop()


def check_flat(found: Growth, traced: int = 64 * KIB) -> None:
    """Nothing of note is left."""
    assert found.traced < traced
    assert found.objects < 100
    assert found.arrays <= 0
    assert found.resident < NOTICED
    print(f"measured: {found}")


def trainer(engine: str = "numpy", units: int = 16, **settings: Any) -> Any:
    layers = [bp.layers.dense(units, activation="relu"), bp.layers.batch_norm(), bp.layers.dropout(0.1)]
    network = bp.Network([*layers, bp.layers.dense(2)])
    return bp.Trainer(network, "softmax_cross_entropy", "adam", engine=engine, **settings)


class Listener:
    """Is told of every step, and may keep what it sees."""

    def __init__(self, keeps: bool = False) -> None:
        self.keeps, self.kept = keeps, []

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        if self.keeps:
            self.kept.append(np.zeros(256))


def train(made: Any, steps: int, **fit: Any) -> None:
    made.fit(X, Y, epochs=steps // STEPS, batch_size=len(X) // STEPS, **fit)


# --------------------------------------------------------------------------------------------------------------- steps


@ENGINES
def test_two_thousand_steps_leave_memory_flat(engine):
    made = trainer(engine)
    check_flat(growth(partial(train, made), 200, 2_000))
    assert made._session.step == 2_400


def test_steps_with_validation_and_a_hook_at_each_leave_memory_flat():
    made = trainer(callbacks=[Listener()])
    check_flat(growth(partial(train, made, validation=(X[:50], Y[:50])), 80, 400))


def test_a_run_that_keeps_something_of_every_step_is_noticed():
    made = trainer(callbacks=[Listener(keeps=True)])
    found = growth(partial(train, made), 40, 400)
    assert found.traced > 400 * 8 * 256
    with pytest.raises(AssertionError):
        check_flat(found)


@pytest.mark.slow
@ENGINES
def test_a_hundred_thousand_steps_leave_memory_flat(engine):
    network = bp.Network([bp.layers.dense(8, activation="relu"), bp.layers.dense(2)])
    made = bp.Trainer(network, "softmax_cross_entropy", "adam", engine=engine, metrics=[])
    check_flat(growth(partial(train, made), 400, 100_000, traced=False))
    assert made._session.step == 100_800
    assert np.isfinite(made.history.train["loss"]).all()


@ENGINES
def test_predictions_leave_memory_flat(engine):
    made = trainer(engine)
    train(made, STEPS)

    def predict(times: int) -> None:
        for _ in range(times):
            made.predict(X)

    check_flat(growth(predict, 5, 200))


# -------------------------------------------------------------------------------------------------------------- models


def come_and_go(engine: str, models: int) -> None:
    for seed in range(models):
        made = trainer(engine, units=8, seed=seed)
        made.fit(X, Y, epochs=1, batch_size=200)
        made.predict(X[:5])


@ENGINES
@pytest.mark.parametrize("models", [30, pytest.param(1_000, marks=pytest.mark.slow)])
def test_models_that_come_and_go_leave_memory_flat(engine, models):
    with multiprocessing.get_context("spawn").Pool(1) as apart:  # what other tests left in JAX's caches would count
        found = apart.apply(growth, (partial(come_and_go, engine), models // 3, models), {"traced": models < 100})
    check_flat(found, traced=128 * KIB)  # JAX's caches go on filling for a hundred models


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Nothing goes that lies in a circle."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@ENGINES
@pytest.mark.parametrize("listening", [[], [Listener, bp.callbacks.early_stopping]], ids=["alone", "callbacks"])
@pytest.mark.usefixtures("no_collector")
def test_a_model_goes_with_its_last_name(engine, listening):
    callbacks = [make() for make in listening]
    made = trainer(engine, callbacks=callbacks, metrics=["accuracy"])
    made.fit(X, Y, epochs=20, batch_size=100, validation=(X, Y))  # long enough for traced programs
    made.predict(X)
    gone = [weakref.ref(one) for one in (made, made.session, *callbacks)]
    callbacks.clear()
    del made
    assert [ref() for ref in gone] == [None] * len(gone)


def test_models_that_stay_are_noticed():
    kept: list[Any] = []

    def keep(models: int) -> None:
        for seed in range(models):
            kept.append(trainer(units=8, seed=seed))
            kept[-1].fit(X, Y, epochs=1, batch_size=200)

    with pytest.raises(AssertionError):
        check_flat(growth(keep, 1, 10))
