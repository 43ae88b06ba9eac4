"""Batches that a sampler makes itself: whole groups, classes, epochs known; rows that fill them up do not count."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, DataError

RNG = np.random.default_rng(3)
N = 40
X, Y = RNG.normal(size=(N, 3)), RNG.integers(0, 2, N)
QUERY = np.array([f"q{k}" for k in RNG.integers(0, 9, N)])
RANKING = {"relevance": np.round(X[:, 0]), "query": QUERY}


@dataclass(frozen=True)
class Cut:
    """The rows in order, `rows` a batch; from `start` on in each later epoch."""

    rows: int = 3
    start: int = 0

    def batches(self, rng: Any, target: Any, weight: Any, size: int, epoch: int) -> Any:
        order = np.roll(np.arange(len(weight)), -self.start * epoch)
        return [order[i : i + self.rows] for i in range(0, len(order), self.rows)]


@dataclass(frozen=True)
class InOrder:
    """The rows as they stand."""

    def order(self, rng: Any, target: Any, weight: Any) -> Any:
        return np.arange(len(weight))


def trainer(loss="softmax_cross_entropy", units=2, lr=0.1, layers=None, **parts):
    layers = [bp.layers.dense(4), bp.layers.batch_norm(momentum=0.5)] if layers is None else layers
    network = bp.Network([*layers, bp.layers.dense(units, bias=False)])
    return bp.Trainer(network, loss, bp.optimizers.sgd(lr), dtype="float64", seed=5, **parts)


def same(one, other, tolerance=1e-12):
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=tolerance, atol=tolerance, err_msg=name)


def test_rows_that_fill_a_batch_up_are_in_no_statistic_and_no_gradient():
    padded, plain = trainer(lr=0.8, sampler=Cut(4)), trainer(lr=0.4, sampler=InOrder())
    one = padded.fit(X, Y, epochs=3, batch_size=8, validation=(X, Y))  # half of each batch counts, so divided by 8
    other = plain.fit(X, Y, epochs=3, batch_size=4, validation=(X, Y))
    same(padded.parameters, plain.parameters)
    assert one.train["loss"] == pytest.approx(other.train["loss"], rel=1e-12)
    assert one.train["accuracy"] == pytest.approx(other.train["accuracy"], rel=1e-12)
    assert one.validation["loss"] == pytest.approx(other.validation["loss"], rel=1e-12)


def test_a_batch_may_be_divided_by_its_own_rows():
    padded, plain = trainer(sampler=Cut(3), weights_by_batch=True), trainer(sampler=InOrder())
    padded.fit(X, Y, epochs=2, batch_size=8)
    plain.fit(X, Y, epochs=2, batch_size=3)
    same(padded.parameters, plain.parameters)


def test_weights_and_rows_of_weight_0_stay_what_they_are():
    w = RNG.uniform(0.5, 2.0, N) * (np.arange(N) % 4 > 0)
    padded, plain = trainer(lr=0.8, sampler=Cut(4)), trainer(lr=0.4, sampler=InOrder())
    padded.fit(X, Y, epochs=2, batch_size=8, sample_weight=w, class_weight="balanced")
    plain.fit(X, Y, epochs=2, batch_size=4, sample_weight=w, class_weight="balanced")
    same(padded.parameters, plain.parameters)


def test_the_epoch_is_known_and_a_fit_goes_on_in_its_middle(tmp_path):
    class Stop:
        @bp.hookimpl
        def bpframe_batch_end(self, state):
            if state.step == 17:
                state.trainer.checkpoint(tmp_path / "c")
                state.stop("cut")

    bp.register("sampler", "cut_rows", Cut, replace=True)
    sampler = {"name": "cut_rows", "start": 5}
    whole, still = trainer(sampler=sampler), trainer(sampler="cut_rows")
    for each in (whole, still):
        each.fit(X, Y, epochs=3, batch_size=8)
    assert not np.array_equal(whole.parameters["dense_1/weight"], still.parameters["dense_1/weight"])
    trainer(sampler=sampler, callbacks=[Stop()]).fit(X, Y, epochs=3, batch_size=8)
    again = bp.Trainer.resume(tmp_path / "c", callbacks=[])
    again.fit(X, Y, epochs=3, batch_size=8)
    same(whole.parameters, again.parameters, 0.0)
    assert whole.history.train == again.history.train


def test_engines_agree_on_batches_of_whole_queries():
    made = []
    for engine in ("numpy", "jax"):
        layers = [bp.layers.dense(4), bp.layers.batch_norm(), bp.layers.dropout(0.2)]
        one = trainer("ranknet", 1, layers=layers, sampler="grouped", engine=engine, metrics=["ndcg"])
        one.fit(X, RANKING, epochs=3, batch_size=12)
        made.append(one)
    same(made[0].parameters, made[1].parameters, 1e-10)
    assert made[0].history.train["ndcg"] == pytest.approx(made[1].history.train["ndcg"], rel=1e-9)


@pytest.mark.parametrize("size", [9, 12, 40])
def test_grouped_keeps_groups_whole_and_visits_each_row_once(size):
    codes = np.unique(QUERY, return_inverse=True)[1][:, None] * 1.0
    orders = [
        bp.samplers.grouped().batches(np.random.default_rng(k), {"query": codes}, np.ones(N), size, k) for k in (0, 1)
    ]
    for batches in orders:
        assert sorted(np.concatenate(batches).tolist()) == list(range(N))
        for batch in batches:
            inside = set(codes[batch, 0])
            assert all(set(np.flatnonzero(codes[:, 0] == one)) <= set(batch) for one in inside)
    assert [batch.tolist() for batch in orders[0]] != [batch.tolist() for batch in orders[1]]


def test_a_group_larger_than_a_batch_makes_batches_of_its_own():
    target = {"query": np.zeros((10, 1))}
    batches = bp.samplers.grouped().batches(RNG, target, np.ones(10), 4, 0)
    assert [len(batch) for batch in batches] == [4, 4, 2]


def test_by_class_has_so_many_rows_of_each_class_in_a_batch():
    labels = np.repeat([0, 1, 2], [12, 8, 5])
    batches = bp.samplers.by_class(rows=2).batches(RNG, np.eye(3)[labels], np.ones(25), 4, 0)
    for batch in batches:
        assert set(np.unique(labels[batch], return_counts=True)[1]) == {2}
    visits = np.bincount(np.concatenate(batches), minlength=25)
    assert visits.min() == 1
    assert visits.sum() == 26  # the class of five rows has one of them twice
    one = trainer(sampler=bp.samplers.by_class(2))
    one.fit(X, Y, epochs=1, batch_size=4)


class Joined:
    """y = x - mean of all rows: it takes no mask."""

    def init(self, rng, in_shape):
        return {}, in_shape

    def forward(self, params, x, context):
        return x - x.__array_namespace__().mean(x, axis=0), None

    def backward(self, params, cache, dy, context):
        return dy - dy.__array_namespace__().mean(dy, axis=0), {}


def test_parts_that_take_neither_mask_nor_weights_refuse_such_a_sampler():
    with pytest.raises(ConfigError, match="layer Joined joins all rows"):
        trainer(layers=[Joined()], sampler=Cut()).fit(X, Y)
    with pytest.raises(ConfigError, match="dice couples rows and takes no weights"):
        trainer(bp.losses.dice(over="batch"), 1, sampler=Cut()).fit(X, Y)


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([np.arange(9)], "at most 8 rows, got 9"),
        ([np.array([N])], "row numbers from 0 to 39"),
        ([np.array([], int)], "row numbers from 0 to 39"),
        ([], "at least one batch, got none"),
    ],
)
def test_batches_that_are_none_are_refused(batches, message):
    class Wrong:
        def batches(self, rng, target, weight, size, epoch):
            return batches

    with pytest.raises(DataError, match=message):
        trainer(sampler=Wrong()).fit(X, Y, batch_size=8)


def test_samplers_say_which_targets_they_need():
    with pytest.raises(DataError, match="grouped needs a loss with the field 'query'"):
        trainer(sampler="grouped").fit(X, Y)
    with pytest.raises(DataError, match="by_class needs one class a row"):
        trainer("ranknet", 1, sampler="by_class").fit(X, RANKING)
    with pytest.raises(DataError, match="by_class needs batches of at least 4 rows, got batch_size 3"):
        trainer(sampler="by_class").fit(X, Y, batch_size=3)
