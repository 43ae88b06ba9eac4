"""The estimators know columns by name as scikit-learn's do: its own ValueError, at every door by which rows come in.

Sizes: 40 rows of 3 numbers, 2 classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as Reference

import bpframe as bp
from bpframe.errors import ColumnWarning, DataError
from bpframe.sklearn import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.arange(40) % 2
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
WRONG = {
    "another order": FRAME[["b", "a", "c"]],
    "one missing": FRAME[["a", "b"]],
    "one more": FRAME.assign(d=1.0),
    "another name": FRAME.rename(columns={"c": "d"}),
    "polars": pl.DataFrame(FRAME[["b", "a", "c"]].to_dict("list")),
    "pyarrow": pa.table(FRAME[["b", "a", "c"]].to_dict("list")),
}
SETTINGS: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
DOORS: dict[str, Callable[[Any, Any], Any]] = {  # a fitted model, other rows
    "predict": lambda model, x: model.predict(x),
    "predict_proba": lambda model, x: model.predict_proba(x),
    "predict_log_proba": lambda model, x: model.predict_log_proba(x),
    "score": lambda model, x: model.score(x, Y),
    "trace": lambda model, x: model.trace(x, Y),
    "partial_fit": lambda model, x: model.partial_fit(x, Y),
    "warm start": lambda model, x: model.set_params(warm_start=True).fit(x, Y),
    "validation_set": lambda model, x: model.set_params(validation_set=(x, Y)).fit(FRAME, Y),
    "validation_set of partial_fit": lambda model, x: model.set_params(validation_set=(x, Y)).partial_fit(FRAME, Y),
    "validation_set of early stopping": lambda model, x: model.set_params(
        validation_set=(x, Y), early_stopping=True
    ).fit(FRAME, Y),
    "validation_set of lbfgs": lambda model, x: model.set_params(validation_set=(x, Y), solver="lbfgs").fit(FRAME, Y),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("what", WRONG)
def test_other_columns_are_scikit_learns_own_error_at_every_door(what, door):
    model = MLPClassifier(**SETTINGS).fit(FRAME, Y)
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
        DOORS[door](model, WRONG[what])


@pytest.mark.parametrize("what", WRONG)
def test_a_regressor_a_loaded_model_and_a_margin_do_the_same(what, tmp_path):
    regressor = MLPRegressor(**SETTINGS).fit(FRAME, X[:, 0])
    MLPClassifier(**SETTINGS).fit(FRAME, Y).save(tmp_path / "model.safetensors")
    loaded = MLPClassifier.load(tmp_path / "model.safetensors")
    margin = MLPClassifier(loss="hinge", **SETTINGS).fit(FRAME, Y)
    calls = [regressor.predict, loaded.predict, loaded.predict_proba, margin.predict]
    calls += [margin.decision_function] if hasattr(margin, "decision_function") else []
    for call in calls:
        with pytest.raises(ValueError, match="The feature names should match"):
            call(WRONG[what])


@pytest.mark.parametrize("door", DOORS)
def test_the_same_columns_of_any_library_are_taken(door):
    for table in (FRAME, pl.DataFrame(FRAME.to_dict("list")), pa.table(FRAME.to_dict("list"))):
        DOORS[door](MLPClassifier(**SETTINGS).fit(FRAME, Y), table)


def test_rows_of_read_table_are_refused_with_a_way_to_keep_their_names(tmp_path):
    FRAME.assign(y=Y).to_csv(tmp_path / "rows.csv", index=False)
    x, y = bp.datasets.read_table(tmp_path / "rows.csv", target="y")
    model = MLPClassifier(**SETTINGS)
    with pytest.raises(DataError, match=r"got rows of read_table.*pandas\.DataFrame"):
        model.fit(x, y)
    named = pd.DataFrame(x.values, columns=x.columns)
    assert list(model.fit(named, y).feature_names_in_) == ["a", "b", "c"]


def outcome(make: Callable[..., Any], x: Any) -> Any:
    """The error of a fit, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            make(**SETTINGS).fit(x, Y)
        except Exception as error:
            return type(error), str(error)


TWICE = {
    "pandas": pd.DataFrame(X, columns=["a", "b", "a"]),
    "pandas of objects": pd.DataFrame(X, columns=["a", "b", "a"], dtype=object),
    "pyarrow": pa.Table.from_arrays([pa.array(column) for column in X.T], names=["a", "b", "a"]),
    "names of two types": FRAME.rename(columns={"a": 1}),
}


@pytest.mark.parametrize("what", TWICE)
def test_columns_of_one_name_are_what_they_are_to_scikit_learn(what):
    assert outcome(MLPClassifier, TWICE[what]) == outcome(Reference, TWICE[what])


def test_a_trainer_reads_an_estimators_file_by_the_names_of_its_columns(tmp_path):
    model = MLPClassifier(**SETTINGS).fit(FRAME, Y)
    model.save(tmp_path / "model.safetensors")
    trainer = bp.Trainer.load(tmp_path / "model.safetensors")
    assert trainer.predict_labels(WRONG["another order"]).tolist() == model.predict(FRAME).tolist()
    with pytest.warns(ColumnWarning, match="'d'"):
        trainer.predict(WRONG["one more"])
    with pytest.raises(DataError, match="needs a column 'c'"):
        trainer.predict(WRONG["one missing"])


REFUSED = {
    "dates": (FRAME.assign(t=pd.Timestamp("2020")), "X needs numbers in every column, got a date, .* in column 't'"),
    "spans": (FRAME.assign(t=pd.Timedelta(1)), "X needs numbers in every column, got a time span, .* in column 't'"),
    "categories": (FRAME.assign(k=pd.Categorical(["x", "y"] * 20)), "text in column 'k', as 'x'"),
    "a query": (pl.LazyFrame({"a": X[:, 0]}), r"X needs rows in memory, got a LazyFrame. Call .collect\(\)"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_column_that_is_no_numbers_is_named(what):
    with pytest.raises(DataError, match=REFUSED[what][1]):
        MLPClassifier(**SETTINGS).fit(REFUSED[what][0], Y)


def test_a_query_is_refused_in_predict_too():
    with pytest.raises(DataError, match="X needs rows in memory"):
        MLPClassifier(**SETTINGS).fit(X, Y).predict(REFUSED["a query"][0])
