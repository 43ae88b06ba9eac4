"""The check of data before a training: what is planted is named, and of sound data nothing is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.data.columns import NamedRows
from bpframe.data.data_check import data_sentences

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
CLASSES = RNG.integers(3, size=200)


def sentences(column: Any = None, y: Any = CLASSES, **parts: Any) -> list[str]:
    """What is said of X, with a column in the place of its third."""
    x = X.copy()
    if column is not None:
        x[:, 2] = column
    return data_sentences({"train": (x, y), **parts})


@pytest.mark.parametrize("y", [CLASSES, X[:, 0] + RNG.normal(size=200), np.array(["a", "b"])[CLASSES % 2]])
def test_nothing_is_said_of_sound_data(y):
    others = RNG.normal(size=(50, 4))
    assert sentences(None, y, validation=(others, y[:50]), test=(-others, y[:50])) == []


def test_rows_in_two_parts_are_counted_and_one_pair_is_named():
    others = np.concatenate([RNG.normal(size=(5, 4)), X[[17, 3]]])
    (said,) = sentences(validation=(others, CLASSES[:7]))
    assert said.startswith("2 of 7 rows of validation stand in train too: row 5 of validation is row 17 of train.")
    (said,) = sentences(validation=(-others, CLASSES[:7]), test=(-others[:6], CLASSES[:6]))
    assert said.startswith("6 of 6 rows of test stand in validation too")


def test_rows_of_few_values_may_be_equal_by_chance():
    coins = RNG.integers(2, size=(300, 4)).astype(float)
    y = RNG.integers(2, size=300)
    assert data_sentences({"train": (coins[:200], y[:200]), "test": (coins[200:], y[200:])}) == []


def test_zeros_of_either_sign_are_one_row():
    x = np.concatenate([X, np.zeros((1, 4))])
    (said,) = data_sentences({"train": (x, np.zeros(201)), "test": (-np.zeros((1, 4)), np.zeros(1))})
    assert "row 0 of test is row 200 of train" in said


@pytest.mark.parametrize("column", [CLASSES * 2.5, -CLASSES + 0.1 * RNG.random(200), (CLASSES + 1) % 3])
def test_a_column_that_alone_gives_the_class_is_named(column):
    (said,) = sentences(column)
    assert said.startswith("train x gives the target by one column alone: '2'.")
    assert sentences(column, np.array(["no", "yes", "maybe"])[CLASSES]) == [said]


def test_a_column_that_is_a_number_target_in_other_units_is_named():
    y = X[:, 0] + X[:, 1] ** 2
    (said,) = sentences(3 - 2 * y, y)
    assert said.startswith("train x gives the target by one column alone: '2'.")
    assert sentences(y + 0.1 * RNG.normal(size=200), y) == []


def test_a_column_that_gives_the_class_but_for_a_row_is_not():
    column = CLASSES.astype(float)
    column[7] = (column[7] + 1) % 3
    assert sentences(column) == []


def test_constant_and_id_like_columns_are_named_as_a_table_has_them():
    values = np.column_stack([X[:, 0], np.full(200, 7.0), RNG.permutation(200) + 1000, X[:, 1]])
    rows = NamedRows(values, ("age", "year", "customer", "size"), ("float", "int", "int", "float"))
    constant, numbering = data_sentences({"train": (rows, CLASSES)})
    assert constant == "train x has one value in every row of: 'year'. Leave out what says nothing."
    assert numbering.startswith("train x has a whole number of its own in each row, as an id is, in: 'customer'.")


def test_images_are_compared_as_wholes_alone():
    images = np.zeros((40, 3, 3))
    images[:, 1, 1] = np.arange(40)
    (said,) = data_sentences({"train": (images, CLASSES[:40]), "test": (images[4:5], CLASSES[:1])})
    assert said.startswith("1 of 1 rows of test stand in train too: row 0 of test is row 4 of train")


def test_of_the_bundled_digits_only_pixels_that_are_always_blank_are_named():
    x, y = bp.datasets.digits()
    (said,) = data_sentences({"train": (x, y)})
    blank = np.flatnonzero((x == x[0]).all(axis=0))
    assert (
        said == f"train x has one value in every row of: {str([*map(str, blank)])[1:-1]}. Leave out what says nothing."
    )


def test_what_the_first_rows_show_is_not_taken_for_all():
    y = RNG.integers(3, size=3000)
    column = np.where(np.arange(3000) < 2990, y, (y + 1) % 3).astype(float)
    numbering = np.where(np.arange(3000) < 2990, np.arange(3000), 7.0)
    assert data_sentences({"train": (np.column_stack([column, numbering]), y)}) == []
