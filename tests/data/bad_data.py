"""A small data set, and every kind of row, target, weight or label that no fit may take.

Sizes: 12 rows of 3 numbers, 3 classes or 2 quantities.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

import bpframe as bp
from bpframe.errors import (
    ConfigError,
    DataError,
    ShapeError,
)

DRAWS = np.random.default_rng(3)
X = DRAWS.normal(size=(12, 3))
LABELS = np.arange(12) % 3
TEXT = np.array(["ant", "bee", "cat"])[LABELS]
Y = DRAWS.normal(size=(12, 2))


def quantities(**settings: Any) -> Any:
    network = bp.Network([bp.layers.dense(4, activation="tanh"), bp.layers.dense(2)])
    return bp.Trainer(network, **{"loss": "mse", "optimizer": "adam", "dtype": "float64", **settings})


def column(**settings: Any) -> Any:
    return bp.Trainer(bp.Network([bp.layers.dense(1)]), **{"loss": "mse", "dtype": "float64", **settings})


def classes(loss: str = "softmax_cross_entropy", outputs: int = 3, **settings: Any) -> Any:
    network = bp.Network([bp.layers.dense(4, activation="tanh"), bp.layers.dense(outputs)])
    return bp.Trainer(network, **{"loss": loss, "optimizer": "adam", "dtype": "float64", **settings})


def put(array: Any, value: Any, *index: int) -> Any:
    """A copy of the array with one value replaced."""
    changed = np.array(array)
    changed[index] = value
    return changed


def same(one: Any, two: Any) -> bool:
    a, b = one.parameters.copy(), two.parameters.copy()
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


Bad = tuple[Callable[[], Any], Any, Any, dict[str, Any], type[Exception], str]
BAD: dict[str, Bad] = {
    # numbers that are none
    "NaN in x": (
        quantities,
        put(X, np.nan, 7, 2),
        Y,
        {},
        DataError,
        "x needs finite numbers, got nan at row 7, column 2",
    ),
    "infinity in x": (quantities, put(X, -np.inf, 0, 1), Y, {}, DataError, "x needs .* got -inf at row 0, column 1"),
    "the first of several": (
        quantities,
        put(put(put(X, np.nan, 9, 0), np.inf, 4, 2), np.nan, 4, 1),
        Y,
        {},
        DataError,
        "nan at row 4, column 1",
    ),
    "NaN in y": (
        quantities,
        X,
        put(Y, np.nan, 3, 1),
        {},
        DataError,
        "^y needs finite numbers, got nan at row 3, column 1",
    ),
    "infinity in y": (quantities, X, put(Y, np.inf, 3, 0), {}, DataError, "^y needs .*inf at row 3, column 0"),
    "NaN in a flat y": (column, X, put(Y[:, 0], np.nan, 5), {}, DataError, "^y needs finite numbers, got nan at row 5"),
    "NaN among labels": (
        classes,
        X,
        put(LABELS * 1.0, np.nan, 5),
        {},
        DataError,
        "^y needs class labels, got nan at row 5",
    ),
    "infinity among labels": (
        classes,
        X,
        put(LABELS * 1.0, np.inf, 5),
        {},
        DataError,
        "^y needs class labels, got inf at row 5",
    ),
    "a huge label": (
        classes,
        X,
        put(LABELS * 1.0, 1e300, 5),
        {},
        DataError,
        r"^y needs class labels, got 1e\+300 at row 5",
    ),
    "NaN among probabilities": (
        classes,
        X,
        put(np.eye(3)[LABELS], np.nan, 2, 0),
        {},
        DataError,
        "^y needs .*nan at row 2, column 0",
    ),
    "NaN in weights": (
        quantities,
        X,
        Y,
        {"sample_weight": put(np.ones(12), np.nan, 11)},
        DataError,
        "sample_weight needs finite numbers, got nan at row 11",
    ),
    "NaN instead of x": (quantities, np.nan, Y, {}, DataError, r"^x needs finite numbers, got nan\."),
    "beyond float32 in x": (
        lambda: quantities(dtype="float32"),
        put(X, 1e300, 6, 0),
        Y,
        {},
        DataError,
        r"x needs numbers of at most 1\.8e\+19 in float32, got 1e\+300 at row 6, column 0\. Scale it\.",
    ),
    "beyond float32 in y": (
        lambda: quantities(dtype="float32"),
        X,
        put(Y, -1e39, 6, 0),
        {},
        DataError,
        r"^y needs numbers of at most 3\.4e\+38 in float32, got -1e\+39 at row 6, .*\. Scale it, or use d",
    ),
    # shapes
    "no rows": (quantities, np.empty((0, 3)), np.empty((0, 2)), {}, DataError, r"x needs at least one row.*\(0, 3\)"),
    "an empty list": (quantities, [], [], {}, ShapeError, r"x needs rows and columns, got shape \(0,\)"),
    "no columns": (
        quantities,
        np.empty((12, 0)),
        Y,
        {},
        DataError,
        r"x needs at least one row and one column.*\(12, 0\)",
    ),
    "x of one axis": (
        quantities,
        X[:, 0],
        Y,
        {},
        ShapeError,
        r"x needs rows and columns, got shape \(12,\).*x.reshape\(-1, 1\)",
    ),
    "x of no axis": (quantities, 3.0, Y, {}, ShapeError, r"x needs rows and columns, got shape \(\)"),
    "x of three axes": (
        quantities,
        X[:, :, None],
        Y,
        {},
        ShapeError,
        r"(y needs a label, or a row of numbers, for each position|x needs rows of shape \(3,\))",
    ),
    "rows that differ in length": (
        quantities,
        [[1.0], [1.0, 2.0]],
        Y[:2],
        {},
        ShapeError,
        "^x needs rows of one length",
    ),
    "targets that differ in length": (
        quantities,
        X[:2],
        [[1.0], [1.0, 2.0]],
        {},
        ShapeError,
        "^y needs rows of one length",
    ),
    "fewer targets than rows": (quantities, X, Y[:11], {}, ShapeError, r"x has 12 rows, y has shape \(11, 2\)"),
    "more targets than rows": (classes, X[:11], LABELS, {}, ShapeError, r"x has 11 rows, y has shape \(12,\)"),
    "one target for all": (quantities, X, 0.0, {}, ShapeError, r"x has 12 rows, y has shape \(\)"),
    "a row of targets": (column, X, Y[:, :1].T, {}, ShapeError, r"x has 12 rows, y has shape \(1, 12\)"),
    "no targets": (quantities, X, None, {}, ShapeError, r"y has shape \(\)"),
    "two columns of targets for one output": (column, X, Y, {}, ShapeError, r"y needs 1 columns, .* got \(12, 2\)"),
    "one column of targets for two outputs": (
        quantities,
        X,
        Y[:, 0],
        {},
        ShapeError,
        r"y needs 2 columns, .* got \(12,\)",
    ),
    "a square of targets": (column, X, np.zeros((12, 12)), {}, ShapeError, r"y needs 1 columns, .* got \(12, 12\)"),
    "targets of three axes": (column, X, Y[:, :1, None], {}, ShapeError, r"y needs 1 columns, .* got \(12, 1, 1\)"),
    "too few columns of probabilities": (
        classes,
        X,
        np.full((12, 2), 0.5),
        {},
        ShapeError,
        r"y needs 3 columns, .* got \(12, 2\)",
    ),
    "fewer weights than rows": (
        quantities,
        X,
        Y,
        {"sample_weight": np.ones(11)},
        ShapeError,
        r"sample_weight .*\(12,\), got \(11,\)",
    ),
    "a column of weights": (
        quantities,
        X,
        Y,
        {"sample_weight": np.ones((12, 1))},
        ShapeError,
        r"\(12,\), got \(12, 1\)",
    ),
    "one weight for all": (quantities, X, Y, {"sample_weight": 1.0}, ShapeError, r"\(12,\), got \(\)"),
    # weights
    "a weight below zero": (
        quantities,
        X,
        Y,
        {"sample_weight": put(np.ones(12), -0.5, 8)},
        DataError,
        r"sample_weight needs numbers of at least 0, got -0.5 at row 8",
    ),
    "no weight above zero": (quantities, X, Y, {"sample_weight": np.zeros(12)}, DataError, "every weight is zero"),
    "weights in words": (
        quantities,
        X,
        Y,
        {"sample_weight": "balanced"},
        DataError,
        "sample_weight needs numbers, got <U8",
    ),
    # types
    "text in x": (
        quantities,
        np.array([["a", "b", "c"]] * 12),
        Y,
        {},
        DataError,
        "x needs numbers, got <U1 .*'a', 'b', 'c'.*Encode text",
    ),
    "objects in x": (
        quantities,
        put(X.astype(object), None, 3, 1),
        Y,
        {},
        DataError,
        "object .*None at row 3, column 1",
    ),
    "a dict": (
        quantities,
        {"a": X},
        Y,
        {},
        DataError,
        "(x has several inputs|x needs one array or table, as in the first fit, got a mapping)",
    ),
    "nothing": (quantities, None, Y, {}, DataError, "x needs numbers, got object"),
    "complex x": (quantities, X + 1j, Y, {}, DataError, "x needs numbers, got complex128"),
    "complex y": (quantities, X, Y + 1j, {}, DataError, "y needs numbers for this loss, got complex128"),
    "dates in x": (quantities, np.zeros((12, 3), "datetime64[D]"), Y, {}, DataError, "x needs numbers, got datetime64"),
    "a sparse x": (
        quantities,
        csr_matrix(X),
        Y,
        {},
        DataError,
        r"x needs a dense array, got a sparse csr_matrix. Use x.toarray\(\)",
    ),
    "a sparse y": (quantities, X, csr_matrix(Y), {}, DataError, r"^y needs a dense array, .*y.toarray\(\)"),
    "a masked x": (
        quantities,
        np.ma.masked_array(X, X > 1),
        Y,
        {},
        DataError,
        "x needs every value, got a masked array",
    ),
    "text for mse": (
        quantities,
        X,
        TEXT,
        {},
        DataError,
        "y needs numbers for this loss, got <U3.*softmax_cross_entropy",
    ),
    # labels
    "labels between whole numbers": (
        classes,
        X,
        put(LABELS * 1.0, 0.5, 4),
        {},
        DataError,
        "y needs class labels, got 0.5 at row 4. For numbers use mse",
    ),
    "more classes than outputs": (
        classes,
        X,
        np.arange(12) % 4,
        {},
        ShapeError,
        "room for 3 classes, but y has 4.*Give it 4 outputs",
    ),
    "a label below zero among all classes": (
        classes,
        X,
        put(LABELS, -1, 0),
        {},
        ShapeError,
        "room for 3 classes, but y has 4",
    ),
    "a label above all classes": (classes, X, put(LABELS, 3, 0), {}, ShapeError, "room for 3 classes, but y has 4"),
    "dates as labels": (
        classes,
        X,
        np.arange(12).astype("datetime64[D]"),
        {},
        DataError,
        "y needs labels that are .*datetime64",
    ),
    "a gap among text": (
        classes,
        X,
        put(TEXT.astype(object), None, 6),
        {},
        DataError,
        "y needs text in every row, got None at row 6",
    ),
    "NaN among text": (
        classes,
        X,
        put(TEXT.astype(object), np.nan, 6),
        {},
        DataError,
        "y needs text in every row, got nan at row 6",
    ),
    "NaN among a list of text": (
        classes,
        X,
        [*TEXT[:11].tolist(), np.nan],
        {},
        DataError,
        "text in every row, got nan at row 11",
    ),
    "numbers among a list of text": (
        classes,
        X,
        [3, *TEXT[1:].tolist()],
        {},
        DataError,
        "text in every row, got 3 at row 0",
    ),
    "three classes for one output": (
        lambda: classes("sigmoid_cross_entropy", 1),
        X,
        LABELS,
        {},
        ShapeError,
        "room for 2 classes, but y has 3",
    ),
    "one column of labels for three outputs": (
        lambda: classes("sigmoid_cross_entropy"),
        X,
        LABELS,
        {},
        ShapeError,
        "ends in 3 outputs, but y is one column of labels",
    ),
    "rows that do not sum to 1": (
        classes,
        X,
        put(np.eye(3)[LABELS], 0.5, 2, 0),
        {},
        DataError,
        "sum to 1, got 1.5 in row 2",
    ),
    "a probability below 0": (
        classes,
        X,
        put(put(np.eye(3)[LABELS], -0.25, 3, 1), 1.25, 3, 0),
        {},
        DataError,
        r"y needs numbers in \[0, 1\], got 1.25 at row 3, column 0",
    ),
    "several labels a row beyond 1": (
        lambda: classes("sigmoid_cross_entropy"),
        X,
        put(np.eye(3)[LABELS], 2, 2, 1),
        {},
        DataError,
        r"\[0, 1\], got 2 at row 2, column 1",
    ),
    # validation
    "validation alone": (
        quantities,
        X,
        Y,
        {"validation": X},
        ConfigError,
        r"needs a pair \(x, y\) as validation, or \(x, y, sample_weight\), got ndarray",
    ),
    "validation with a target in the place of weights": (
        quantities,
        X,
        Y,
        {"validation": (X, Y, Y)},
        ShapeError,
        r"validation sample_weight needs one number a row, shape \(12,\), got \(12, 2\)",
    ),
    "NaN in the validation x": (
        quantities,
        X,
        Y,
        {"validation": (put(X, np.nan, 1, 1), Y)},
        DataError,
        "validation x needs .* row 1, column 1",
    ),
    "NaN in the validation y": (
        quantities,
        X,
        Y,
        {"validation": (X, put(Y, np.nan, 1, 1))},
        DataError,
        "validation y needs .* row 1, column 1",
    ),
    "a validation x of another width": (
        quantities,
        X,
        Y,
        {"validation": (X[:, :2], Y)},
        ShapeError,
        r"validation x needs rows of shape \(3,\).*got \(2,\)",
    ),
    "a validation y of another length": (
        quantities,
        X,
        Y,
        {"validation": (X, Y[:5])},
        ShapeError,
        r"^validation y .*\(5, 2\)",
    ),
    "no validation rows": (
        quantities,
        X,
        Y,
        {"validation": (X[:0], Y[:0])},
        DataError,
        "validation x needs at least one row",
    ),
    "a label that only validation has": (
        classes,
        X,
        TEXT,
        {"validation": (X, put(TEXT.astype(object), "dog", 4))},
        DataError,
        r"^validation y has labels that the model does not know: \['dog'\], first at row 4",
    ),
    # settings of the fit
    **{
        f"{name} {value!r}": (
            quantities,
            X,
            Y,
            {name: value},
            ConfigError,
            f"whole number of at least 1 as {name}, got {re.escape(repr(value))}",
        )
        for name in ("epochs", "batch_size")
        for value in (0, -1, 1.0, "3", None, True)
    },
}
