"""Blocks of batches on their way to a device: the same rows whichever way they go, and epochs that run on."""

from __future__ import annotations

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.epoch_order import epoch_order
from bpframe.engine.jax import device_batches
from bpframe.engine.jax import session as compiled
from bpframe.engine.jax.device import Device
from bpframe.errors import NumericalError
from bpframe.ops import aligned
from bpframe.protocols import Batches, Data
from bpframe.random import epoch_key

ROWS = 70
X = np.random.default_rng(0).normal(size=(ROWS, 6)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
CPU = Device("cpu", "highest", "float32")
DATA = Data(X, np.eye(2, dtype=np.float32)[Y], np.linspace(0.5, 2, ROWS, dtype=np.float32))


def batches(size, epochs=1):
    return Batches(0, epoch_order(3, DATA, True, None), size, epochs)


@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("size", [7, 14])
def test_a_block_holds_the_rows_of_its_steps_in_order_over_the_end_of_an_epoch(size, resident):
    taken, epochs = device_batches.Stream(DATA, 5, CPU, resident), batches(size, epochs=3)
    start, stop = epochs.steps - 2, 2 * epochs.steps + 1
    feed, end = taken.block(epochs, start, stop)
    assert end == stop
    for k, i in enumerate(range(start, stop)):
        cut = slice(k * size, (k + 1) * size)
        parts = [part[feed.rows[cut]] if resident else part[cut] for part in feed[:3]]
        for part, whole in zip(parts, (DATA.x, DATA.target, DATA.weight), strict=True):
            np.testing.assert_array_equal(part, whole[epochs.rows(i)])
        epoch, number = epochs.at(i)
        key = epoch_key(5, epoch)
        assert feed.keys[k].tolist() == [key.a, key.b, number]


def test_a_block_ends_where_its_memory_is_full_and_a_prepared_one_is_not_gathered_twice(monkeypatch):
    row = X[:1].nbytes + 2 * 4 + 4
    monkeypatch.setattr(device_batches, "BYTES", 3 * 7 * row)
    taken, epochs, gathered = device_batches.Stream(DATA, 5, CPU, resident=False), batches(7), []
    filled = taken._filled
    monkeypatch.setattr(taken, "_filled", lambda *place: gathered.append(place[1:]) or filled(*place))
    first, stop = taken.block(epochs, 0, 10)
    kept = first.x.copy()
    taken.prepare(epochs, stop, 10)
    np.testing.assert_array_equal(first.x, kept)  # the next block lies elsewhere
    assert (stop, taken.block(epochs, stop, 10)[1], gathered) == (3, 6, [(0, 10), (3, 10)])


@pytest.mark.parametrize("strides", [None, (40, 8), (8, 24)])
def test_arrays_begin_where_the_compiler_reads_them_in_place(strides):
    for _ in range(20):
        made = aligned.empty((3, 5), np.float64, strides)
        assert made.ctypes.data % aligned.CACHE_LINE == 0
        assert (made.shape, made.dtype, made.strides) == ((3, 5), np.float64, strides or (40, 8))
        zeros = aligned.zeros((3, 5), np.float32)
        assert zeros.ctypes.data % aligned.CACHE_LINE == 0
        assert zeros.dtype == np.float32
        assert not zeros.any()


def test_long_arrays_of_the_eager_engine_begin_at_a_line():
    wide = bp.Network([bp.layers.dense(70, activation="relu"), bp.layers.dense(2)], inputs=70)
    made = bp.Trainer(wide, "softmax_cross_entropy", "adam", metrics=[])
    made.fit(np.ones((90, 70), np.float32), np.arange(90) % 2, epochs=20, batch_size=45)
    stepper = made.session._stepper
    (only,), (group,) = stepper.flats, stepper.groups
    spaces = [stepper._programs._pools[0], stepper._updater._programs._pools[0]]
    places = [array for space in spaces for array in space.arrays.values()]
    assert places
    for array in (only.p, only.g, *group.states[0][-1].values(), *places):
        assert array.ctypes.data % aligned.CACHE_LINE == 0


def trainer(engine, activation="tanh", **settings):
    layers = [bp.layers.dense(8, activation=activation), bp.layers.dropout(0.3), bp.layers.dense(2)]
    given = {"optimizer": "adam", "dtype": "float64", "metrics": []} | settings
    return bp.Trainer(bp.Network(layers), "softmax_cross_entropy", engine=engine, **given)


@pytest.mark.parametrize("way", [True, False])
def test_nothing_is_read_behind_the_last_step_of_a_block(monkeypatch, way):
    given = {"sample_weight": DATA.weight, "batch_size": 16}
    made = [trainer({"name": "jax", "stream": way}, metrics=["accuracy"]) for _ in range(2)]
    made[0].fit(X, Y, epochs=3, **given)
    empty, spoilt = aligned.empty, []

    def filled(shape, dtype):
        spoilt.append(empty(shape, dtype))
        spoilt[-1].view(np.uint8)[...] = 255  # NaN, or a row far beyond the last
        return spoilt[-1]

    monkeypatch.setattr(aligned, "empty", filled)
    made[1].fit(X, Y, epochs=3, **given)
    assert spoilt
    assert made[0].history.train == made[1].history.train
    for name, value in made[0].parameters.items():
        assert value.tobytes() == made[1].parameters[name].tobytes(), name


@pytest.mark.parametrize("batch_size", [14, 16])
@pytest.mark.parametrize("metrics", [[], ["accuracy"]])
def test_streamed_and_resident_rows_give_the_same_bits(monkeypatch, batch_size, metrics):
    monkeypatch.setattr(device_batches, "BYTES", 5000)  # two steps a block
    made = [trainer({"name": "jax", "stream": way}, metrics=metrics) for way in (True, False)]
    for each in made:
        each.fit(X, Y, epochs=3, batch_size=batch_size, sample_weight=DATA.weight)
    assert made[0].history.train == made[1].history.train
    for name, p in made[0].parameters.items():
        np.testing.assert_array_equal(made[1].parameters[name], p)


class Look:
    """Somebody who looks between epochs."""

    @bp.hookimpl
    def bpframe_epoch_end(self, state):
        assert state.done == state.steps


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize("batch_size", [14, 16])
def test_epochs_that_run_on_leave_the_same_history_as_epochs_apart(engine, batch_size):
    schedule = {"name": "adam", "lr": {"name": "cosine", "initial": 0.01}}
    on, apart = trainer(engine, optimizer=schedule), trainer(engine, optimizer=schedule, callbacks=[Look()])
    for each in (on, apart):
        each.fit(X, Y, epochs=4, batch_size=batch_size)
        each.fit(X, Y, epochs=2, batch_size=batch_size)
    assert (on.history.train, on.history.lr, on.history.step) == (
        apart.history.train,
        apart.history.lr,
        apart.history.step,
    )
    assert len(on.history) == 6
    assert all(seconds > 0 for seconds in on.history.seconds)
    for name, p in on.parameters.items():
        np.testing.assert_array_equal(apart.parameters[name], p)


@pytest.mark.parametrize(("batch_size", "steps"), [(14, 30), (16, 30)])
def test_a_compiled_run_takes_several_epochs_in_one_call(monkeypatch, batch_size, steps):
    calls, run = [], compiled.JaxSession.run

    def counted(self, *place):
        losses = run(self, *place)
        calls.append(len(losses))
        return losses

    monkeypatch.setattr(compiled.JaxSession, "run", counted)
    monkeypatch.setattr(compiled, "BLOCK_SECONDS", 1e9)
    trainer("jax").fit(X, Y, epochs=6, batch_size=batch_size)
    assert calls == [1, steps - 1]  # one before anybody knows how long a step takes


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_epochs_before_numbers_stop_being_finite_are_in_the_history(engine):
    lr = {"name": "piecewise", "values": [0.1, 1e300], "boundaries": [12]}
    made = trainer(engine, "relu", optimizer={"name": "sgd", "lr": lr})
    with pytest.raises(NumericalError, match=r"step 1[345]"):
        made.fit(X, Y, epochs=9, batch_size=14)
    assert made.history.step == [5, 10]
    assert all(np.isfinite(p).all() for p in made.parameters.values())


def test_a_block_is_as_long_as_the_steps_before_it_allow():
    made = trainer("jax", metrics=[])
    made.fit(X, Y, epochs=1, batch_size=14)
    made._session._seconds = compiled.BLOCK_SECONDS / 3.5
    assert made._session._end(0, 45) == 3
    made._session._seconds = 10.0
    assert made._session._end(4, 45) == 5
