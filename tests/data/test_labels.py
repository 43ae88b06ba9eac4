"""Labels become targets and come back: for any labels, by plain dictionaries and loops."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bpframe.data import labels
from bpframe.errors import DataError, ShapeError

TEXT = st.lists(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6), min_size=1, max_size=12
)
WHOLE = st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=12)
FLAGS = st.lists(st.booleans(), min_size=1, max_size=12)
ANY = st.one_of(TEXT, WHOLE, FLAGS)


def one_hot(y: Any, outputs: int | None = None) -> tuple[Any, dict[str, Any]]:
    """(targets, what was learned) of first labels, with room for all of them."""
    learned: dict[str, Any] = {"outputs": outputs or max(2, len(set(y)))}
    return labels.one_hot(labels.as_array(y), learned), learned


# softmax


@given(ANY)
def test_targets_have_a_single_one_in_the_column_of_the_labels_place_among_the_sorted_classes(y):
    target, learned = one_hot(y)
    assert target.shape == (len(y), learned["outputs"])
    for row, label in zip(target.tolist(), y, strict=True):
        column = learned["classes"].index(label)
        assert row == [1.0 if j == column else 0.0 for j in range(len(row))]
    assert learned["classes"] == sorted(learned["classes"])
    assert set(y) <= set(learned["classes"])


@given(ANY)
def test_decoding_gives_the_labels_back_with_their_type(y):
    target, learned = one_hot(y)
    found = labels.decode(labels.class_numbers(target, "softmax", learned), learned)
    assert found.tolist() == y
    assert found.dtype.kind == np.asarray(y).dtype.kind


@given(ANY)
def test_what_was_learned_survives_json(y):
    target, learned = one_hot(y)
    again = json.loads(json.dumps(learned))
    np.testing.assert_array_equal(labels.one_hot(labels.as_array(y), again), target)
    numbers = target.argmax(axis=1)
    before, after = labels.decode(numbers, learned), labels.decode(numbers, again)
    assert before.tolist() == after.tolist() == y
    assert before.dtype == after.dtype


@given(ANY, st.randoms(use_true_random=False))
def test_later_labels_are_encoded_as_the_first_ones_whatever_their_order(y, shuffler):
    target, learned = one_hot(y)
    rows = list(range(len(y)))
    shuffler.shuffle(rows)
    known = dict(learned)
    later = labels.one_hot(labels.as_array([y[i] for i in rows]), learned)
    np.testing.assert_array_equal(later, target[rows])
    assert learned == known


@given(ANY, st.data())
def test_a_label_that_the_first_fit_did_not_have_is_named_with_its_row(y, data):
    _, learned = one_hot(y)
    kind = {str: st.text("abcxyz", min_size=1), bool: st.nothing(), int: st.integers(-99, 99)}[type(y[0])]
    if kind.is_empty:
        return
    new = data.draw(kind.filter(lambda label: label not in learned["classes"]))
    with pytest.raises(DataError, match="does not know") as caught:
        labels.one_hot(labels.as_array([*y, new]), learned)
    assert f"first at row {len(y)}." in str(caught.value)
    assert repr(new) in str(caught.value)


@given(st.integers(2, 9), st.data())
def test_whole_numbers_below_the_number_of_outputs_are_their_own_columns(outputs, data):
    y = data.draw(st.lists(st.integers(0, outputs - 1), min_size=1))
    target, learned = one_hot(y, outputs)
    assert target.argmax(axis=1).tolist() == y
    assert learned["classes"] == list(range(outputs))


@given(
    hnp.array_shapes(min_dims=1, max_dims=1, max_side=9),
    st.sampled_from([np.int8, np.uint8, np.int32, np.uint64]),
    st.data(),
)
def test_numbers_come_back_in_their_own_dtype(shape, dtype, data):
    y = data.draw(hnp.arrays(dtype, shape, elements=st.integers(0, 100)))
    target, learned = one_hot(y)
    found = labels.decode(target.argmax(axis=1), learned)
    np.testing.assert_array_equal(found, y)
    assert found.dtype == y.dtype


@pytest.mark.parametrize("y", [[0.0, 2.0, 1.0], [-1.0, 5.0, -1.0]])
def test_floats_that_are_whole_are_whole_numbers(y):
    target, learned = one_hot(y, 3)
    assert labels.decode(target.argmax(axis=1), learned).tolist() == [int(label) for label in y]


@pytest.mark.parametrize(
    "y",
    [["b", "a"], np.array(["b", "a"]), np.array(["b", "a"], object), np.array([["b"], ["a"]]), ("b", "a")],
    ids=repr,
)
def test_text_may_come_in_any_container(y):
    target, learned = one_hot_of(y)
    np.testing.assert_array_equal(target, [[0, 1], [1, 0]])
    assert learned["classes"] == ["a", "b"]


def one_hot_of(y: Any) -> tuple[Any, dict[str, Any]]:
    learned: dict[str, Any] = {"outputs": 2}
    return labels.one_hot(labels.as_array(y), learned), learned


@pytest.mark.parametrize(
    ("y", "wrong"),
    [
        (["a", 1], "1 at row 1"),
        ([None, "a"], "None at row 0"),
        (["a", "b", float("nan")], "nan at row 2"),
        (np.array(["a", 2.5], object), "2.5 at row 1"),
        (np.array([["a"], [None]], object), "None at row 1"),
    ],
)
def test_anything_else_among_text_is_an_error_and_not_made_into_text(y, wrong):
    with pytest.raises(DataError, match=f"y needs text in every row, got {wrong}"):
        labels.as_array(y)


def test_text_and_numbers_are_never_the_same_label():
    _, learned = one_hot(["1", "2"])
    with pytest.raises(DataError, match=r"labels like those of the first fit \(\['1', '2'\]\), got \[1, 2\]"):
        labels.one_hot(np.array([1, 2]), learned)
    _, learned = one_hot([1, 2])
    with pytest.raises(DataError, match=r"labels like those of the first fit .* got \['1', '2'\]"):
        labels.one_hot(np.array(["1", "2"]), learned)


def test_a_refused_batch_teaches_nothing():
    for y in (["a", "b", "c"], [0.5, 1.0], [1j]):
        learned: dict[str, Any] = {"outputs": 2}
        with pytest.raises(DataError):
            labels.one_hot(np.asarray(y), learned)
        assert learned == {"outputs": 2}


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(2, 4)), elements=st.floats(0.01, 1)))
def test_rows_of_probabilities_stay_as_they_are(raw):
    y = raw / raw.sum(axis=1, keepdims=True)
    learned = {"outputs": y.shape[1]}
    np.testing.assert_array_equal(labels.one_hot(y, learned), y)
    assert "classes" not in learned


@pytest.mark.parametrize("off", [1e-3, -1e-3])
def test_rows_that_do_not_sum_to_one_are_an_error_with_their_row(off):
    y = np.full((4, 2), 0.5)
    y[2, 1] += off
    with pytest.raises(DataError, match=r"rows that sum to 1, got (1.001|0.999) in row 2"):
        labels.one_hot(y, {"outputs": 2})


# sigmoid


@given(
    st.one_of(
        FLAGS, st.lists(st.sampled_from(["no", "yes"]), min_size=1), st.lists(st.sampled_from([-1, 1]), min_size=1)
    )
)
def test_two_classes_are_zero_and_one_in_sorted_order(y):
    learned: dict[str, Any] = {"outputs": 1}
    target = labels.binary(labels.as_array(y), learned)
    assert target.shape == (len(y), 1)
    assert [learned["classes"][int(number)] for number in target[:, 0]] == y
    assert labels.decode(labels.class_numbers(target, "sigmoid", learned), learned).tolist() == y


@pytest.mark.parametrize("flag", [True, False])
def test_one_boolean_alone_keeps_its_meaning(flag):
    learned: dict[str, Any] = {"outputs": 1}
    assert labels.binary(np.array([flag, flag]), learned).tolist() == [[flag], [flag]]
    assert learned["classes"] == [False, True]


@pytest.mark.parametrize("link", ["sigmoid", "softmax", "identity"])
def test_where_only_one_class_is_known_it_is_predicted_whatever_the_score(link):
    learned = {"outputs": 1, "classes": ["only"], "dtype": "str"}
    numbers = labels.class_numbers(np.array([[0.0], [0.5], [1.0]]), link, learned)
    assert labels.decode(numbers, learned).tolist() == ["only"] * 3


def test_a_probability_of_one_half_is_the_second_class():
    numbers = labels.class_numbers(np.array([[0.4999], [0.5]]), "sigmoid", {"classes": ["a", "b"]})
    assert numbers.tolist() == [0, 1]


@pytest.mark.parametrize("y", [[[0.25], [1.0]], [0.25, 1.0]])
def test_soft_targets_of_one_output_stay_as_they_are(y):
    learned: dict[str, Any] = {"outputs": 1}
    np.testing.assert_array_equal(labels.binary(np.array(y), learned), [[0.25], [1.0]])
    assert "classes" not in learned


def test_several_columns_are_labels_each_on_its_own():
    y = np.array([[1, 0, 1], [0, 0, 0]])
    learned: dict[str, Any] = {"outputs": 3}
    np.testing.assert_array_equal(labels.binary(y, learned), y)
    found = labels.class_numbers(np.array([[0.7, 0.2, 0.5], [0.1, 0.49, 0.0]]), "sigmoid", learned)
    np.testing.assert_array_equal(labels.decode(found, learned), y)


@pytest.mark.parametrize(
    ("y", "place"), [([[0.5, 2.0]], "2 at row 0, column 1"), ([[0.5, 1.0], [-0.25, 0.0]], "-0.25 at row 1, column 0")]
)
def test_targets_outside_of_zero_and_one_are_an_error_with_their_place(y, place):
    with pytest.raises(DataError, match=rf"numbers in \[0, 1\], got {place}"):
        labels.binary(np.array(y), {"outputs": 2})


def test_one_column_of_labels_for_several_outputs_is_an_error_with_three_remedies():
    with pytest.raises(
        ShapeError, match=r"ends in 3 outputs.*End it in 1 output.*softmax_cross_entropy.*3 columns of 0 and 1"
    ):
        labels.binary(np.array([0, 1]), {"outputs": 3})


# quantities


@given(hnp.arrays(st.sampled_from([np.float64, np.float32, np.int64, np.bool_]), st.integers(1, 8)))
def test_a_flat_target_becomes_a_column(y):
    target = labels.continuous(y, {"outputs": 1})
    assert target.shape == (len(y), 1)
    np.testing.assert_array_equal(target[:, 0], y)


@given(hnp.array_shapes(min_dims=1, max_dims=4, max_side=4), st.integers(1, 4))
def test_a_target_of_any_other_shape_is_an_error_and_never_stretched(shape, outputs):
    y = np.zeros(shape)
    fits = shape[1:] == (outputs,) or (len(shape) == 1 and outputs == 1)
    if fits:
        assert labels.continuous(y, {"outputs": outputs}).shape == (shape[0], outputs)
    else:
        with pytest.raises(ShapeError, match=f"y needs {outputs} columns"):
            labels.continuous(y, {"outputs": outputs})


def test_text_is_no_quantity():
    with pytest.raises(DataError, match="y needs numbers for this loss, got <U1"):
        labels.continuous(np.array(["a"]), {"outputs": 1})


# class numbers


@given(hnp.arrays(np.bool_, st.tuples(st.integers(0, 6), st.integers(1, 3))))
def test_yes_and_no_are_zeros_and_ones_and_a_class_where_two_are_known(yes):
    found = labels.yes_or_no(yes, {})
    assert found.tolist() == [[int(value) for value in row] for row in yes]
    if yes.shape[1] == 1:
        assert labels.yes_or_no(yes, {"classes": ["a", "b"]}).tolist() == [int(row[0]) for row in yes]
        assert labels.yes_or_no(yes, {"classes": ["only"]}).tolist() == [0] * len(yes)


def test_without_known_classes_the_largest_column_counts():
    assert labels.class_numbers(np.array([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05]]), "softmax", {}).tolist() == [1, 0]
    assert labels.decode(np.array([1, 0]), {}).tolist() == [1, 0]


def test_columns_beyond_the_known_classes_are_never_predicted():
    learned = {"classes": ["a", "b"]}
    assert labels.class_numbers(np.array([[0.1, 0.2, 0.7]]), "softmax", learned).tolist() == [1]


def test_one_column_of_quantities_is_taken_as_a_yes_or_no():
    found = labels.class_numbers(np.array([[0.2], [0.8]]), "identity", {})
    np.testing.assert_array_equal(found, [[0], [1]])


@pytest.mark.parametrize(("link", "shape"), [("softmax", (3, 2)), ("sigmoid", (3, 1)), ("identity", (3, 1))])
def test_encode_follows_the_losss_link(link, shape):
    assert labels.encode(np.array([0, 1, 0]), link, {"outputs": shape[1]}).shape == shape
