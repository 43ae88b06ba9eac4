"""Rows to train on and rows to hold out."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bpframe.datasets import split
from bpframe.errors import ConfigError, DataError, ShapeError

KINDS = ["random", "stratified", "tail"]
FRACTIONS = st.floats(0.01, 0.99)
SEEDS = st.integers(0, 2**70)


def labels_of(sizes: list[int]) -> np.ndarray:
    """Labels 0, 1, ... as often as `sizes` says, one class after the other."""
    return np.repeat(np.arange(len(sizes)), sizes)


def gives_both_parts(n: int, fraction: float) -> bool:
    return 0 < round(fraction * n) < n


# every kind


@pytest.mark.parametrize("kind", KINDS)
@given(n=st.integers(2, 300), fraction=FRACTIONS, seed=SEEDS)
def test_parts_are_disjoint_rising_int64_and_cover_all_rows(kind, n, fraction, seed):
    assume(gives_both_parts(n, fraction))
    train, held = split(np.zeros(n), fraction, kind, seed)
    assert sorted([*train.tolist(), *held.tolist()]) == list(range(n))
    for part in (train, held):
        assert part.dtype == np.int64
        assert part.tolist() == sorted(part.tolist())


@pytest.mark.parametrize("kind", KINDS)
@given(n=st.integers(2, 300), fraction=FRACTIONS)
def test_the_rounded_fraction_of_rows_is_held_out(kind, n, fraction):
    assume(gives_both_parts(n, fraction))
    assert len(split(np.zeros(n), fraction, kind, seed=0)[1]) == round(fraction * n)


@pytest.mark.parametrize("kind", ["random", "stratified"])
def test_the_seed_alone_decides_which_rows_are_held_out(kind):
    y = labels_of([40, 60])
    first, again, other = (split(y, 0.3, kind, seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("kind", ["random", "stratified"])
def test_every_row_is_held_out_equally_often_over_many_seeds(kind):
    y, draws = labels_of([20, 10]), 2000
    times = Counter(row for seed in range(draws) for row in split(y, 0.3, kind, seed)[1].tolist())
    spread = (draws * 0.3 * 0.7) ** 0.5
    assert len(times) == 30
    assert all(abs(count - 0.3 * draws) < 5 * spread for count in times.values())


# random


@pytest.mark.parametrize(("n", "fraction", "seed"), [(10, 0.3, 0), (57, 0.25, 1), (400, 0.5, 2**40)])
def test_random_holds_out_the_rows_with_the_smallest_raw_draws(n, fraction, seed):
    source = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(1, 0)))
    draws = [int(source.random_raw()) for _ in range(n)]
    smallest = sorted(range(n), key=draws.__getitem__)[: round(fraction * n)]
    assert split(np.zeros(n), fraction, "random", seed)[1].tolist() == sorted(smallest)


def test_random_and_stratified_hold_out_the_same_rows_in_every_release():
    assert split(np.zeros(12), 0.4, "random", 3)[1].tolist() == [3, 4, 6, 7, 10]
    assert split(labels_of([8, 4]), 0.5, "stratified", 3)[1].tolist() == [3, 4, 6, 7, 8, 10]


# tail


def test_tail_holds_out_the_last_rows_whatever_the_seed():
    for seed in (0, 1):
        train, held = split(np.zeros(10), 0.3, "tail", seed)
        assert train.tolist() == list(range(7))
        assert held.tolist() == [7, 8, 9]


# stratified


@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8), fraction=FRACTIONS, seed=SEEDS)
def test_stratified_keeps_each_share_to_within_one_row(sizes, fraction, seed):
    assume(gives_both_parts(sum(sizes), fraction))
    assume(all(size * (1 - fraction) >= 1 for size in sizes))  # otherwise a class keeps its last row: tested below
    y = np.random.default_rng(0).permutation(labels_of(sizes))
    held = Counter(y[split(y, fraction, "stratified", seed)[1]].tolist())
    assert sum(held.values()) == round(fraction * sum(sizes))
    for number, size in enumerate(sizes):
        assert abs(held[number] - fraction * size) <= 1


@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=10), fraction=FRACTIONS, seed=SEEDS)
def test_stratified_keeps_every_class_in_training_or_says_that_it_cannot(sizes, fraction, seed):
    assume(gives_both_parts(sum(sizes), fraction))
    y, wanted = labels_of(sizes), round(fraction * sum(sizes))
    if wanted > sum(size - 1 for size in sizes):
        with pytest.raises(DataError, match=r"needs a row of each of the .* classes for training"):
            split(y, fraction, "stratified", seed)
        return
    train, held = split(y, fraction, "stratified", seed)
    assert set(y[train].tolist()) == set(range(len(sizes)))
    assert len(held) == wanted


def test_a_single_row_of_a_class_stays_in_training_whatever_the_seed():
    y = np.array(["rare", *["common"] * 9])
    for seed in range(30):
        train, held = split(y, 0.5, "stratified", seed)
        assert 0 in train
        assert len(held) == 5


def test_larger_classes_take_over_the_share_of_single_rows_in_proportion():
    y = labels_of([90, 10, *[1] * 50])
    held = Counter(y[split(y, 0.2, "stratified", 0)[1]].tolist())
    assert held == {0: 27, 1: 3}


def test_stratified_draws_within_each_class_at_random():
    y = labels_of([50, 50])
    held = split(y, 0.2, "stratified", 4)[1]
    assert sorted(Counter(y[held].tolist()).values()) == [10, 10]
    assert held[:10].tolist() != list(range(10))


@pytest.mark.parametrize("names", [["no", "yes"], [b"no", b"yes"], [-5, 7], [False, True], [2.0, 3.0]])
def test_stratified_depends_on_which_rows_are_alike_not_on_the_kind_of_label(names):
    number = np.random.default_rng(1).permutation(labels_of([30, 20]))
    held = split(number, 0.3, "stratified", 5)[1].tolist()
    for y in (np.array(names)[number], np.array(names)[number][:, None], np.array(names, dtype=object)[number]):
        assert split(y, 0.3, "stratified", 5)[1].tolist() == held


# errors


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan"), "0.2", None])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fraction_outside_zero_to_one_is_a_config_error(kind, fraction):
    with pytest.raises(ConfigError, match=r"fraction of split needs a number between 0 and 1, got"):
        split(np.zeros(10), fraction, kind, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "fraction"), [(3, 0.1), (3, 0.9), (1, 0.5), (0, 0.5)])
def test_a_part_without_rows_is_a_data_error(kind, n, fraction):
    with pytest.raises(DataError, match=rf"at least one row in each part, got fraction {fraction} of {n} rows"):
        split(np.zeros(n), fraction, kind, 0)


def test_an_unknown_kind_is_a_config_error_with_a_suggestion():
    with pytest.raises(
        ConfigError, match=r"one of random, stratified, tail, got 'stratifed'. Did you mean 'stratified'\?"
    ):
        split(np.zeros(10), 0.5, "stratifed", 0)


@pytest.mark.parametrize("kind", ["random", "stratified"])
def test_a_negative_seed_is_a_config_error(kind):
    with pytest.raises(ConfigError, match=r"seed needs a whole number of at least 0, got -1"):
        split(np.zeros(10), 0.5, kind, -1)


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        (np.array([1.0, 0.5, 2.0, 3.0]), DataError, "needs class labels, got 0.5 in row 1. Use kind='random'"),
        (np.array([1.0, 2.0, np.nan, 3.0]), DataError, "needs class labels, got nan in row 2. Use kind='random'"),
        (np.eye(4), ShapeError, r"needs one label a row, got y of shape \(4, 4\). Use kind='random'"),
        (np.array(["a", None, "a", "b"], dtype=object), DataError, "labels that are numbers or text, got object"),
        (np.zeros(4, dtype=complex), DataError, "labels that are numbers or text, got complex128"),
    ],
)
def test_targets_without_classes_cannot_be_stratified_but_split_at_random(y, error, words):
    with pytest.raises(error, match=words):
        split(y, 0.5, "stratified", 0)
    assert len(split(y, 0.5, "random", 0)[1]) == 2


def test_a_single_value_cannot_be_split():
    with pytest.raises(ShapeError, match=r"one entry a row, got the single value 3"):
        split(np.array(3), 0.5, "random", 0)


@pytest.mark.parametrize(
    "make",
    [
        lambda y: np.array(y, dtype=np.dtypes.StringDType()),
        pl.Series,
        lambda y: pl.Series(y, dtype=pl.Categorical),
        lambda y: pd.Series(y, dtype="category", index=range(30, 0, -1)),
        lambda y: pa.chunked_array([y[:3], y[3:]]),
    ],
    ids=["StringDType", "polars", "polars categories", "pandas categories", "pyarrow"],
)
def test_labels_of_any_library_are_split_as_their_text(make):
    y = ["a", "b", "b"] * 10
    for ours, plain in zip(split(make(y), 0.2, "stratified"), split(y, 0.2, "stratified"), strict=True):
        assert ours.tolist() == plain.tolist()


def test_a_query_of_labels_is_told_to_be_collected():
    with pytest.raises(DataError, match=r"y needs rows in memory, got a LazyFrame. Call .collect\(\)"):
        split(pl.LazyFrame({"y": [1, 2]}), 0.5)
