"""Thread tables: what is measured says from which size on sharing pays, and an engine's table which threads work."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.numpy.blas import Blas, process_blas
from bpframe.engine.numpy.thread_table import (
    NEVER,
    ProductTimes,
    ThreadTable,
    default_table,
    product_times,
    slowed,
    table_of,
)
from bpframe.errors import ConfigError
from bpframe.ops import thread_team

X = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


def times(team: list[float], pool: list[float]) -> list[ProductTimes]:
    """Of products of 2^22 multiplications and more, over those of one thread."""
    return [ProductTimes(2 ** (22 + k), 1.0, *pair) for k, pair in enumerate(zip(team, pool, strict=True))]


@pytest.mark.parametrize(
    ("team", "pool", "wanted"),
    [
        ([0.6] * 4, [0.5] * 4, (2**22, 2**24)),  # no pool below that
        ([0.6, 1.1, 0.6, 0.6], [1, 1, 1, 0.5], (2**24, 2**25)),  # a gain that ends again is none
        ([1.0] * 4, [0.8] * 4, (NEVER, NEVER)),
    ],
)
def test_sharing_begins_where_it_gains_for_every_larger_product(team, pool, wanted):
    assert table_of(times(team, pool)) == wanted


def test_products_of_every_size_are_measured(monkeypatch):
    monkeypatch.setattr("bpframe.engine.numpy.thread_table.ROUNDS", 1)
    found = product_times(process_blas(), 2)
    assert [time.multiplications for time in found] == [2**k for k in range(22, 29)]
    assert all(min(time[1:]) > 0 for time in found)
    assert all(time.slowed == pytest.approx(1) for time in found)  # one round is the least


def test_rounds_that_take_longer_than_the_least_slow_a_measurement(monkeypatch):
    monkeypatch.setattr("bpframe.engine.numpy.thread_table.ROUNDS", 4)
    seconds = itertools.cycle([1.0, 1.0, 1.0, 1.0, 1.0, 7.0])  # one way takes 7 in every second round
    monkeypatch.setattr("bpframe.engine.numpy.thread_table._on", lambda *_: lambda: next(seconds))
    found = product_times(process_blas(), 2)
    assert [time.slowed for time in found] == [2.0] * 7
    assert slowed(found) == 2.0
    assert slowed([time._replace(slowed=1.2) for time in found[:4]] + found[:3]) is None


def shared(monkeypatch: pytest.MonkeyPatch, **table: Any) -> int:
    """How many products of 256 x 256 by 256 x 128, 2^23 multiplications, a team shares in a fit."""
    calls: list[int] = []
    run = thread_team.ThreadTeam.run
    with monkeypatch.context() as patch:
        patch.setattr(Blas, "free", 2)
        patch.setattr(thread_team.ThreadTeam, "run", lambda team, jobs: calls.append(len(jobs)) or run(team, jobs))
        network = bp.Network([bp.layers.dense(128, activation="relu"), bp.layers.dense(2)])
        made = bp.Trainer(network, "softmax_cross_entropy", engine={"name": "numpy", **table})
        made.fit(X, Y, epochs=12, batch_size=256, verbose=0)
    return len(calls)


def test_a_team_shares_products_from_the_number_on_that_its_engine_has(monkeypatch):
    assert shared(monkeypatch) == 0
    assert shared(monkeypatch, team_from=2**23) > 12
    assert shared(monkeypatch, team_from=2**23 + 1) == shared(monkeypatch) == 0  # whatever was recorded before


def test_an_engine_without_a_table_takes_that_of_the_block_it_is_built_in():
    table = ThreadTable(2**23, 2**25)
    with default_table(table):
        inner, own = bp.engines.numpy(), bp.engines.numpy(team_from=2**22)
        with default_table(None):
            assert bp.engines.numpy().team_from is None
    assert (inner.team_from, inner.pool_from) == table
    assert (own.team_from, own.pool_from) == (2**22, None)
    assert bp.engines.numpy().team_from is None


@pytest.mark.parametrize("value", [2**21, 0.5, "many"])
def test_a_number_that_no_team_can_have_is_refused(value):
    with pytest.raises(ConfigError, match="team_from"):
        bp.engines.numpy(team_from=value)
