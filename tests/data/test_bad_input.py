"""What cannot be used is an error that names the place and changes nothing; odd but usable input works.

Sizes: 12 rows of 3 numbers, 3 classes or 2 quantities.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

import bpframe as bp
from bpframe.errors import (
    AmbiguousComponent,
    BpframeError,
    ConfigError,
    DataError,
    NumericalError,
    ShapeError,
    UnknownComponent,
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


def state(trainer: Any) -> tuple[Any, ...]:
    """All of a fitted trainer that an error must leave alone."""
    parameters = {name: array.tobytes() for name, array in trainer.parameters.items()}
    return parameters, dict(trainer.task.learned), copy.deepcopy(trainer.history), trainer.network.summary()


def same(one: Any, two: Any) -> bool:
    a, b = one.parameters.copy(), two.parameters.copy()
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


# what a fit refuses, fitted before or not

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
        r"(dense needs rows of one axis|x needs rows of shape \(3,\))",
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
    "objects in x": (quantities, X.astype(object), Y, {}, DataError, "x needs numbers, got object"),
    "a dict": (quantities, {"a": X}, Y, {}, DataError, "x needs numbers, got object"),
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
        r"needs a pair \(x, y\) as validation, got ndarray",
    ),
    "validation with weights": (quantities, X, Y, {"validation": (X, Y, Y)}, ConfigError, r"needs a pair \(x, y\)"),
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


@pytest.mark.parametrize("name", BAD)
def test_a_first_fit_on_bad_input_is_an_error_and_leaves_a_trainer_that_fits_as_if_nothing_had_been(name):
    make, x, y, settings, error, message = BAD[name]
    trainer, fresh = make(), make()
    with pytest.raises(error, match=message):
        trainer.fit(x, y, **settings)
    assert len(trainer.history) == 0
    assert trainer.task.learned == {}
    with pytest.raises(ConfigError, match="no parameters yet"):
        trainer.parameters.copy()
    good = good_target(fresh)
    for one in (trainer, fresh):
        one.fit(X[:, :2], good, epochs=2, batch_size=5)  # another width than that of the failed fit
    assert same(trainer, fresh)
    assert trainer.network.summary() == fresh.network.summary()


def good_target(trainer: Any) -> Any:
    outputs = trainer.network.layers[-1][1].units
    if trainer.loss.link == "softmax":
        return LABELS
    if trainer.loss.link == "sigmoid":
        return np.eye(3)[LABELS][:, :outputs]
    return Y[:, :outputs]


@pytest.mark.parametrize("name", BAD)
def test_a_second_fit_on_bad_input_is_an_error_and_leaves_the_trainer_as_it_was(name):
    make, x, y, settings, error, message = BAD[name]
    trainer, undisturbed = make(), make()
    if trainer.task.classes:  # whose labels the first fit has settled
        error = DataError if issubclass(error, DataError) else error
        message = "y has labels that the model does not know|y needs labels like those of the first fit|" + message
    good = good_target(trainer)
    for one in (trainer, undisturbed):
        one.fit(X, good, epochs=2, batch_size=5)
    before = state(trainer)
    with pytest.raises(error, match=message):
        trainer.fit(x, y, **settings)
    assert state(trainer) == before
    for one in (trainer, undisturbed):
        one.fit(X, good, epochs=1, batch_size=5)
    assert same(trainer, undisturbed)
    assert trainer.history.train == undisturbed.history.train


def test_the_check_of_an_untouched_trainer_notices_a_touched_one():
    trainer = quantities()
    trainer.fit(X, Y, epochs=1)
    before = state(trainer)
    trainer.parameters["dense_1/bias"] = trainer.parameters["dense_1/bias"] + 1e-15
    assert state(trainer) != before


ROWS: dict[str, tuple[Any, type[Exception], str]] = {
    "another width": (X[:, :2], ShapeError, r"x needs rows of shape \(3,\), as in the first fit, got \(2,\)"),
    "one axis": (X[0], ShapeError, r"x needs rows and columns, got shape \(3,\)"),
    "no rows": (X[:0], DataError, "x needs at least one row"),
    "NaN": (put(X, np.nan, 2, 1), DataError, "nan at row 2, column 1"),
    "text": (np.array([["a", "b", "c"]]), DataError, "x needs numbers"),
    "sparse": (csr_matrix(X), DataError, "x needs a dense array"),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("method", ["predict", "scores", "predict_labels"])
def test_rows_to_predict_are_checked_as_those_to_fit(name, method):
    x, error, message = ROWS[name]
    trainer = classes()
    trainer.fit(X, TEXT, epochs=1)
    before = state(trainer)
    with pytest.raises(error, match=message):
        getattr(trainer, method)(x)
    assert state(trainer) == before


@pytest.mark.parametrize("method", ["evaluate", "trace"])
def test_data_to_evaluate_or_trace_are_checked_as_those_to_fit(method):
    trainer = classes()
    trainer.fit(X, TEXT, epochs=1)
    before = state(trainer)
    for x, error, message in ROWS.values():
        with pytest.raises(error, match=message):
            getattr(trainer, method)(x, TEXT)
    with pytest.raises(ShapeError, match=r"x has 12 rows, y has shape \(3,\)"):
        getattr(trainer, method)(X, TEXT[:3])
    with pytest.raises(DataError, match=r"does not know: \['eel'\], first at row 0. It knows \['ant', 'bee', 'cat'\]"):
        getattr(trainer, method)(X[:1], ["eel"])
    with pytest.raises(DataError, match=r"y needs labels like those of the first fit \(\['ant'"):
        getattr(trainer, method)(X, LABELS)
    with pytest.raises(DataError, match="sample_weight needs numbers of at least 0"):
        getattr(trainer, method)(X, TEXT, sample_weight=-np.ones(12))
    assert state(trainer) == before


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.predict(X),
        lambda t: t.scores(X),
        lambda t: t.predict_labels(X),
        lambda t: t.evaluate(X, Y),
        lambda t: t.parameters,
        lambda t: t.save("never.safetensors"),
    ],
    ids=["predict", "scores", "predict_labels", "evaluate", "parameters", "save"],
)
def test_what_needs_parameters_says_so_before_the_first_fit(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"no parameters yet. Call fit first, or give Network\(..., inputs=...\)"):
        call(quantities())
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_quantities_predicts_no_labels():
    trainer = quantities()
    trainer.fit(X, Y, epochs=1)
    with pytest.raises(DataError, match=r"needs a model of classes, but Mse predicts quantities\. Use predict"):
        trainer.predict_labels(X)


def test_a_wrong_width_names_the_layer_that_meets_it():
    network = bp.Network([bp.layers.dense(3, label="first"), Reshaped(), bp.layers.dense(2)])
    with pytest.raises(
        ShapeError, match=r"layer 3 \('dense_2'\): dense needs rows of one axis.*'reshaped_1', gives \(3, 1\)"
    ):
        bp.Trainer(network, loss="mse").fit(X, Y)


def test_scores_of_two_axes_a_row_are_refused():
    with pytest.raises(ShapeError, match=r"needs scores of one axis a row, got \(3, 1\). End the network in a dense"):
        bp.Trainer(bp.Network([Reshaped()]), loss="mse").fit(X, Y)


class Reshaped:
    """Rows (n,) as (n, 1)."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, (*in_shape, 1)

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return x[..., None], None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy[..., 0], {}


# what a Trainer refuses

SETTINGS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "an unknown loss": (
        {"loss": "msee"},
        UnknownComponent,
        "no loss named 'msee'. Did you mean 'mse'. Installed: binary_cross_entropy",
    ),
    "an optimizer as a loss": (
        {"loss": "adam"},
        UnknownComponent,
        r"no loss named 'adam'.*\('adam' is an optimizer.\)",
    ),
    "an unknown optimizer": ({"optimizer": "adm"}, UnknownComponent, "no optimizer named 'adm'. Did you mean 'adam'"),
    "an unknown engine": ({"engine": "nunpy"}, UnknownComponent, "no engine named 'nunpy'. Did you mean 'numpy'"),
    "an unknown metric": (
        {"metrics": ["acuracy"]},
        UnknownComponent,
        "no metric named 'acuracy'. Did you mean 'accuracy'",
    ),
    "an unknown callback": ({"callbacks": ["early"]}, UnknownComponent, "no callback named 'early'"),
    "an unknown regularizer": ({"regularizers": ["l3"]}, UnknownComponent, "no regularizer named 'l3'"),
    "an unknown sampler": (
        {"sampler": "balance"},
        UnknownComponent,
        "no sampler named 'balance'. Did you mean 'balanced'",
    ),
    "an unknown argument": (
        {"optimizer": {"name": "adam", "beta3": 0.9}},
        ConfigError,
        "Adam has no argument 'beta3'. Did you mean 'beta[12]'. Arguments: lr, beta1, beta2, eps",
    ),
    "an argument of the wrong type": (
        {"optimizer": {"name": "sgd", "lr": "fast"}},
        ConfigError,
        "lr: wants a number, got 'fast'",
    ),
    "a rate below zero": (
        {"optimizer": {"name": "sgd", "lr": -0.1}},
        ConfigError,
        "sgd needs a number of at least 0 as lr, got -0.1",
    ),
    "a rate that is none": (
        {"optimizer": {"name": "sgd", "lr": np.nan}},
        ConfigError,
        "sgd needs a number of at least 0 as lr, got nan",
    ),
    "no loss": ({"loss": None}, ConfigError, "loss wants a name, a mapping with 'name', or a component, got None"),
    "a loss without a name": ({"loss": {"delta": 1.0}}, ConfigError, "loss wants a name, got {'delta': 1.0}"),
    "a loss that is no loss": ({"loss": object()}, BpframeError, "lacks link, value_and_delta"),
    "metrics as one name": ({"metrics": "accuracy"}, ConfigError, "needs a list of metrics, got 'accuracy'"),
    "callbacks as one object": ({"callbacks": bp.callbacks.early_stopping()}, ConfigError, "needs a list of callbacks"),
    "a dtype of sixteen bits": (
        {"dtype": "float16"},
        ConfigError,
        "needs a dtype of float32 or float64, got 'float16'",
    ),
    "whole numbers": ({"dtype": "int32"}, ConfigError, "needs a dtype of float32 or float64, got 'int32'"),
    **{
        f"the seed {seed!r}": (
            {"seed": seed},
            ConfigError,
            f"whole number of at least 0 as seed, got {re.escape(repr(seed))}",
        )
        for seed in (-1, 0.5, "1", None, True)
    },
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_wrong_setting_is_an_error_when_the_trainer_is_made(name):
    settings, error, message = SETTINGS[name]
    with pytest.raises(error, match=message):
        quantities(**settings)


def test_a_list_of_layers_is_no_network():
    with pytest.raises(ConfigError, match=r"Trainer needs a Network, got \[Dense.*For a list of layers: bp.Network"):
        bp.Trainer([bp.layers.dense(2)], loss="mse")


def test_unknown_components_answer_as_missing_attributes_and_keys_do():
    with pytest.raises(AttributeError):
        _ = bp.losses.msee
    with pytest.raises(LookupError):
        bp.load("loss", "msee")
    assert not issubclass(AmbiguousComponent, LookupError)


# (n,) against (n, 1)


def test_a_flat_target_and_a_column_are_the_same_and_no_square_comes_of_it():
    one, two = column(), column()
    first, second = one.fit(X, Y[:, 0], epochs=5), two.fit(X, Y[:, :1], epochs=5)
    assert same(one, two)
    assert first.train == second.train
    loss = np.mean((one.predict(X)[:, 0] - Y[:, 0]) ** 2) / 2
    assert one.evaluate(X, Y[:, 0])["loss"] == pytest.approx(loss, rel=1e-12)
    assert one.evaluate(X, Y[:, 0]) == one.evaluate(X, Y[:, :1])


# a loss that turns NaN


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [3, 10])
@pytest.mark.parametrize("rate", [1e10, 1e30])
def test_a_diverging_fit_names_step_rate_loss_and_layer_and_keeps_the_last_finite_step(dtype, size, rate):
    def make() -> Any:
        layers = [bp.layers.dense(4, activation="relu", label="hidden"), bp.layers.dense(1, label="out")]
        return bp.Trainer(bp.Network(layers), loss="mse", optimizer={"name": "sgd", "lr": rate}, dtype=dtype)

    trainer = make()
    with pytest.raises(NumericalError) as caught:
        trainer.fit(X[:10], Y[:10, 0], epochs=400, batch_size=size)
    pattern = (
        r"not finite at step (\d+), lr (\S+); last finite loss: (\S+)\. First in (.*)\. The model holds .* step (\d+)\."
    )
    found = re.search(pattern, str(caught.value))
    assert found, str(caught.value)
    step, lr, loss, place, kept = found.groups()
    assert float(lr) == pytest.approx(rate)
    assert np.isfinite(float(loss))
    assert "'hidden'" in place or "'out'" in place
    assert int(kept) == int(step) - 1 > 0
    parameters = trainer.parameters.copy()
    assert all(np.isfinite(array).all() for array in parameters.values())
    steps = Upto(int(kept))
    twin = make()
    twin.callbacks = [steps]
    twin.memories = [{}]
    with pytest.raises(NumericalError):
        twin.fit(X[:10], Y[:10, 0], epochs=400, batch_size=size)
    assert all(np.array_equal(steps.parameters[name], array) for name, array in parameters.items())
    assert trainer.history.step == list(range(-(-10 // size), int(kept) + 1, -(-10 // size)))


class Upto:
    """Notes the parameters after one step."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.parameters: dict[str, Any] = {}

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        if state.step == self.step:
            self.parameters = state.parameters.copy()


def test_after_divergence_the_trainer_equals_one_that_was_stopped_in_time_and_trains_on():
    trainer, stopped = column(optimizer={"name": "sgd", "lr": 1e10}), column(optimizer={"name": "sgd", "lr": 1e10})
    with pytest.raises(NumericalError) as caught:
        trainer.fit(X[:10], Y[:10, 0], epochs=100)
    step = int(re.search(r"after step (\d+)", str(caught.value))[1])
    stopped.fit(X[:10], Y[:10, 0], epochs=step)
    assert same(trainer, stopped)
    assert trainer.history.train == stopped.history.train
    assert np.isfinite(trainer.predict(X)).all()
    trainer.parameters.replace({name: np.zeros_like(array) for name, array in trainer.parameters.items()})
    assert np.isfinite(trainer.evaluate(X, Y[:, 0])["loss"])


def test_a_loss_that_is_infinite_at_the_first_step_leaves_the_initial_parameters():
    trainer, fresh = column(), column()
    fresh.trace(X, Y[:, 0])
    with pytest.raises(
        NumericalError, match=r"at step 1, lr 0.01; last finite loss: none. First in the loss, .*'dense_1'"
    ):
        trainer.fit(X, Y[:, 0] * 1e200, epochs=1)
    assert same(trainer, fresh)
    assert len(trainer.history) == 0


def test_a_first_layer_that_overflows_is_named_as_the_first():
    network = bp.Network([bp.layers.dense(3, label="first"), bp.layers.dense(1, label="second")])
    trainer = bp.Trainer(network, loss="huber", dtype="float64")
    trainer.trace(X, Y[:, 0])
    trainer.parameters["first/weight"] = np.full((3, 3), 1e308)
    with pytest.raises(NumericalError, match="First in layer 'first', u"):
        trainer.fit(np.abs(X) + 2, Y[:, 0])


# odd input that must work


@pytest.mark.parametrize("batch", [1, 32])
def test_one_row_is_enough(batch):
    for trainer, y in ((quantities(), Y[:1]), (classes(), [2]), (classes(), ["only"]), (column(), [0.5])):
        history = trainer.fit(X[:1], y, epochs=60, batch_size=batch, validation=(X[:1], y))
        assert history.train["loss"][-1] < history.train["loss"][0] or history.train["loss"] == [0.0] * 60
        assert np.isfinite(list(history.train.values())).all()
        assert trainer.predict(X[:1]).shape == (1, trainer.network.layers[-1][1].units)


@pytest.mark.parametrize("y", [[1] * 12, [7] * 12, ["all"] * 12, [True] * 12, [False] * 12, [-3] * 12], ids=str)
@pytest.mark.parametrize(
    ("loss", "outputs"), [("softmax_cross_entropy", 2), ("sigmoid_cross_entropy", 1), ("softmax_cross_entropy", 1)]
)
def test_a_single_class_is_learned_and_comes_back(y, loss, outputs):
    trainer = classes(loss, outputs, optimizer={"name": "adam", "lr": 0.1})
    history = trainer.fit(X, y, epochs=60)
    assert trainer.predict_labels(X).tolist() == y
    assert history.train["accuracy"][-1] == trainer.evaluate(X, y)["accuracy"] == 1
    assert set(trainer.predict_labels(X * 1e6).tolist()) <= {*y, 0, 1}


def test_true_alone_is_learned_as_the_probability_of_true():
    trainer = classes("sigmoid_cross_entropy", 1, optimizer={"name": "adam", "lr": 0.1})
    trainer.fit(X, [True] * 12, epochs=60)
    assert (trainer.predict(X) > 0.9).all()
    trainer.fit(X, [False] * 12, epochs=1)  # known, though the first fit had none


def test_a_label_of_the_right_range_may_appear_later_for_the_first_time():
    trainer = classes()
    trainer.fit(X, LABELS % 2, epochs=1)
    trainer.fit(X, LABELS, epochs=1)
    assert trainer.task.learned["classes"] == [0, 1, 2]


def variants() -> dict[str, Any]:
    """The same numbers, small and whole where a narrow type must hold them, in other dresses."""
    whole = np.arange(36).reshape(12, 3) % 7 - 3.0
    padded = np.zeros((24, 6))
    padded[::2, ::2] = whole
    frozen = whole.copy()
    frozen.flags.writeable = False
    return {
        "lists": whole.tolist(),
        "tuples of arrays": tuple(whole),
        "Fortran order": np.asfortranarray(whole),
        "every second row and column": padded[::2, ::2],
        "backwards": whole[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": frozen,
        "float16": whole.astype(np.float16),
        "float32": whole.astype(np.float32),
        "longdouble": whole.astype(np.longdouble),
        "int8": whole.astype(np.int8),
        "int64": whole.astype(np.int64),
        "big-endian": whole.astype(">f8"),
        "a masked array that masks nothing": np.ma.masked_array(whole),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", variants())
def test_the_dress_of_an_array_changes_no_bit_and_the_array_is_not_written_to(name, dtype):
    whole, x = np.arange(36).reshape(12, 3) % 7 - 3.0, variants()[name]
    before = np.array(x)
    y = np.asarray(x)[:, :2]
    plain, odd = quantities(dtype=dtype), quantities(dtype=dtype)
    for trainer, rows, target in ((plain, whole, whole[:, :2]), (odd, x, y)):
        trainer.fit(rows, target, epochs=3, batch_size=5, validation=(rows, target))
    assert same(plain, odd)
    assert plain.history.train == odd.history.train
    assert plain.history.validation == odd.history.validation
    np.testing.assert_array_equal(odd.predict(x), plain.predict(whole))
    assert odd.evaluate(x, y) == plain.evaluate(whole, whole[:, :2])
    assert odd.trace(x, y).loss == plain.trace(whole, whole[:, :2]).loss
    np.testing.assert_array_equal(np.array(x), before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_memory_mapped_array_works_and_its_file_stays_as_it_is(dtype, tmp_path):
    path = tmp_path / "x.bin"
    X.astype(dtype).tofile(path)
    bytes_before = path.read_bytes()
    mapped = np.memmap(path, dtype=dtype, mode="r+", shape=(12, 3))
    plain, odd = quantities(dtype=dtype), quantities(dtype=dtype)
    plain.fit(X, Y, epochs=2, batch_size=5)
    odd.fit(mapped, Y, epochs=2, batch_size=5)
    assert same(plain, odd)
    np.testing.assert_array_equal(odd.predict(mapped), plain.predict(X))
    mapped.flush()
    assert path.read_bytes() == bytes_before


def test_booleans_are_zeros_and_ones():
    plain, odd = column(), column()
    odd.fit(X > 0, Y[:, 0] > 0, epochs=2)
    plain.fit((X > 0).astype(float), (Y[:, 0] > 0).astype(float), epochs=2)
    assert same(plain, odd)


def test_weights_and_labels_may_be_lists_strided_or_read_only():
    weight = np.repeat(np.arange(1.0, 13.0), 2)[::2]
    labels = np.repeat(LABELS, 2)[::2]
    weight.flags.writeable = labels.flags.writeable = False
    plain, odd = classes(), classes()
    plain.fit(X, LABELS.copy(), epochs=2, sample_weight=list(range(1, 13)))
    odd.fit(X, labels, epochs=2, sample_weight=weight)
    assert same(plain, odd)
    listed = classes()
    listed.fit(X.tolist(), LABELS.tolist(), epochs=2, sample_weight=weight.tolist())
    assert same(plain, listed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_input_of_the_runs_own_dtype_is_written_to_or_handed_out(dtype):
    x, y, weight = X.astype(dtype), Y.astype(dtype), np.arange(1, 13).astype(dtype)
    copies = x.copy(), y.copy(), weight.copy()
    network = bp.Network([{"name": "activation", "activation": "identity"}, bp.layers.dense(2)])
    trainer = bp.Trainer(network, loss="mse", dtype=dtype, optimizer="adam")
    trainer.fit(x, y, epochs=3, batch_size=5, sample_weight=weight, validation=(x, y), shuffle=False)
    trainer.evaluate(x, y, sample_weight=weight)
    trainer.predict(x)
    trainer.trace(x, y)
    for array, original in zip((x, y, weight), copies, strict=True):
        np.testing.assert_array_equal(array, original)


def test_predictions_are_arrays_of_their_own_even_where_the_network_passes_rows_through():
    network = bp.Network([{"name": "activation", "activation": "identity"}], inputs=3)
    trainer = bp.Trainer(network, loss="mse", dtype="float64")
    x = X.copy()
    trainer.predict(x)[...] = 0
    trainer.scores(x)[...] = 0
    np.testing.assert_array_equal(x, X)


def test_changing_the_data_after_a_fit_changes_nothing_about_it():
    x, y = X.copy(), Y.copy()
    trainer, plain = quantities(), quantities()
    for one, rows, target in ((trainer, x, y), (plain, X, Y)):
        one.fit(rows, target, epochs=1)
    x[...] = y[...] = 1e9
    assert same(trainer, plain)
    trainer.fit(X, Y, epochs=1)
    plain.fit(X, Y, epochs=1)
    assert same(trainer, plain)
