"""Samplers: which rows an epoch visits, and that its order follows from the generator alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bpframe as bp
from bpframe import random
from bpframe.errors import DataError

NAMES = ["shuffled", "sequential", "balanced"]


def order(name, target, seed=0, weight=None):
    """The order of a sampler, on arguments that nobody may write to."""
    target = np.array(target)
    weight = np.ones(len(target)) if weight is None else np.array(weight)
    target.flags.writeable = weight.flags.writeable = False
    return bp.build("sampler", name).order(random.host_generator(seed, random.ORDER), target, weight)


def one_hot(numbers, classes):
    """(N, classes) rows with a single 1."""
    return np.eye(classes, dtype=np.float32)[np.asarray(numbers)]


LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=40)


@given(LABELS, st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_balanced_visits_every_class_as_often_as_the_largest_has_rows(labels, seed):
    rows, labels = order("balanced", one_hot(labels, 5), seed), np.array(labels)
    most = np.bincount(labels).max()
    assert np.array_equal(np.bincount(labels[rows], minlength=5), most * (np.bincount(labels, minlength=5) > 0))


@given(LABELS, st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_balanced_leaves_no_row_out_and_visits_those_of_a_class_equally_often(labels, seed):
    visits = np.bincount(order("balanced", one_hot(labels, 5), seed), minlength=len(labels))
    for c in set(labels):
        of_class = visits[np.array(labels) == c]
        assert of_class.min() >= 1
        assert np.ptp(of_class) <= 1


def test_balanced_draws_which_rows_it_visits_once_more():
    """7 rows of 0 against 3 of 1: two whole rounds and one more, which is each of the three in turn."""
    target = one_hot([0] * 7 + [1] * 3, 2)
    more = [int(np.argmax(np.bincount(order("balanced", target, seed))[7:])) for seed in range(300)]
    assert np.bincount(more) == pytest.approx([100, 100, 100], abs=41)  # five standard deviations


@pytest.mark.parametrize("name", ["shuffled", "balanced"])
def test_every_row_may_come_first_and_all_as_often(name):
    first = [int(order(name, one_hot([0, 1, 0, 1, 1, 0], 2), seed)[0]) for seed in range(420)]
    assert np.bincount(first, minlength=6) == pytest.approx([70] * 6, abs=38)  # five standard deviations


def test_balanced_classes_are_mixed_all_over_the_epoch():
    labels = np.array([0] * 900 + [1] * 100)
    rows = order("balanced", one_hot(labels, 2))
    halves = [labels[part].mean() for part in np.split(rows, 6)]
    assert halves == pytest.approx([0.5] * 6, abs=0.15)


@pytest.mark.parametrize(
    "target",
    [
        [[1], [0], [0], [0]],
        [[1.0], [-1.0], [-1.0], [-1.0]],  # two classes as -1 and 1
        [[0, 1], [1, 0], [1, 0], [1, 0]],
        [[-1, 1], [1, -1], [1, -1], [1, -1]],
        [[0.3, 0.7], [0.8, 0.2], [0.6, 0.4], [1.0, 0.0]],
    ],
    ids=str,
)
def test_balanced_knows_classes_by_their_targets(target):
    assert sorted(order("balanced", target).tolist()) == [0, 0, 0, 1, 2, 3]


@pytest.mark.parametrize(
    "target",
    [
        [[0.1], [0.2], [0.3]],  # quantities
        [[0.1, 2.0], [0.2, -1.0]],
        [[1, 1, 0], [1, 0, 0]],  # several labels
        [[1, 1, 0], [0, 1, 1]],
        [[0, 0], [0, 1]],
    ],
    ids=str,
)
def test_balanced_refuses_targets_that_are_not_one_class_a_row(target):
    with pytest.raises(DataError, match="balanced needs one class a row"):
        order("balanced", target)


def test_one_class_is_balanced():
    assert sorted(order("balanced", one_hot([0, 0, 0], 2)).tolist()) == [0, 1, 2]
    assert order("balanced", [[1.0]]).tolist() == [0]


@given(st.integers(1, 60), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_shuffled_visits_every_row_once_in_the_order_of_a_fit_without_a_sampler(n, seed):
    rows = order("shuffled", np.zeros((n, 1)), seed)
    assert sorted(rows.tolist()) == list(range(n))
    assert np.array_equal(rows, random.permutation(random.host_generator(seed, random.ORDER), n))


def test_sequential_visits_rows_as_they_stand_and_draws_nothing():
    rng = np.random.default_rng(0)
    assert np.array_equal(bp.samplers.sequential().order(rng, np.zeros((5, 2)), np.ones(5)), [0, 1, 2, 3, 4])
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


@pytest.mark.parametrize("name", NAMES)
def test_an_order_is_whole_numbers_and_follows_from_the_generator_alone(name):
    target = one_hot(np.arange(12) % 5 % 2, 2)
    before = np.random.get_state()[1].tobytes(), np.random.get_state()[2]
    first, second, weighted = order(name, target), order(name, target), order(name, target, weight=np.arange(12.0))
    assert first.dtype == np.int64
    assert np.array_equal(first, second)
    assert np.array_equal(first, weighted)
    assert np.array_equal(first, order(name, target, seed=1)) == (name == "sequential")
    assert (np.random.get_state()[1].tobytes(), np.random.get_state()[2]) == before


def test_orders_are_the_same_on_every_machine():
    target = one_hot([0, 0, 0, 0, 1], 2)
    assert order("shuffled", target).tolist() == [1, 3, 0, 4, 2]
    assert order("balanced", target).tolist() == [4, 3, 4, 0, 1, 4, 2, 4]


@pytest.mark.parametrize("name", NAMES)
def test_a_fit_that_goes_on_visits_the_rows_that_an_unbroken_one_does(name):
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 5 // 4

    def losses(*epochs):
        network = bp.Network([bp.layers.dense(2)])
        trainer = bp.Trainer(network, "softmax_cross_entropy", sampler=name, dtype="float64")
        for number in epochs:
            trainer.fit(x, y, epochs=number, batch_size=6)
        return trainer.history.train["loss"], trainer.history.step

    assert losses(4) == losses(1, 3)
    assert losses(2)[1] == ([6, 12] if name == "balanced" else [4, 8])  # 32 rows an epoch, or 20


class Growing:
    """Draws by itself, a row more in each epoch."""

    def order(self, rng, target, weight):
        raise AssertionError("is not asked")

    def epoch_rows(self, epoch, n):
        return np.arange(n - 3 + epoch)


@pytest.mark.parametrize("metrics", [[], ["accuracy"]])
def test_a_sampler_that_draws_by_itself_gives_as_many_rows_for_every_epoch(metrics):
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    network = bp.Network([bp.layers.dense(2)])
    trainer = bp.Trainer(network, "softmax_cross_entropy", sampler=Growing(), metrics=metrics)
    with pytest.raises(DataError, match=r"needs to give as many rows for every epoch, got \[17, 18\]"):
        trainer.fit(x, y, epochs=3, batch_size=6)
