"""Data frames of every type of column: taken with the values that the column has, or refused by name, type and row.

Sizes: 4 rows.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import bpframe as bp
from bpframe.data.arrays import inputs
from bpframe.data.columns import NamedRows
from bpframe.errors import DataError

NUMBERS = [1.5, -2.0, 0.25, 8.0]
WHOLE = [3, 1, 2, 0]
YES = [True, False, False, True]
TENTHS = [Decimal(f"{value / 10:.1f}") for value in WHOLE]  # of one exponent, as polars 1.0 wants them

TAKEN: dict[str, tuple[Any, Any]] = {  # a table, and its values
    "get_dummies": (
        pd.get_dummies(pd.DataFrame({"a": NUMBERS, "c": list("xyxx")})),
        np.c_[NUMBERS, [1, 0, 1, 1], [0, 1, 0, 0]],
    ),
    "pandas nullable": (
        pd.DataFrame({"a": pd.array(WHOLE, "Int64"), "b": pd.array(NUMBERS, "Float64"), "c": pd.array(YES, "boolean")}),
        np.c_[WHOLE, NUMBERS, YES],
    ),
    "pandas nullable of one type": (pd.DataFrame({"a": WHOLE, "b": WHOLE}, dtype="Int64"), np.c_[WHOLE, WHOLE]),
    "pandas of Arrow": (
        pd.DataFrame(
            {
                "a": pd.array(WHOLE, "int64[pyarrow]"),
                "b": pd.array(NUMBERS, "double[pyarrow]"),
                "c": pd.array(YES, "bool[pyarrow]"),
                "d": pd.array(TENTHS, pd.ArrowDtype(pa.decimal128(5, 2))),
            }
        ),
        np.c_[WHOLE, NUMBERS, YES, np.array(WHOLE) / 10],
    ),
    "pandas objects": (
        pd.DataFrame({"a": NUMBERS, "b": WHOLE, "c": TENTHS}, dtype=object),
        np.c_[NUMBERS, WHOLE, np.array(WHOLE) / 10],
    ),
    "pandas sparse": (pd.DataFrame({"a": pd.arrays.SparseArray(NUMBERS), "b": YES}), np.c_[NUMBERS, YES]),
    "unsigned beside signed": (
        pd.DataFrame({"a": np.array(WHOLE, "u8"), "b": np.array(WHOLE, "i8")}),
        np.c_[WHOLE, WHOLE],
    ),
    "polars": (
        pl.DataFrame({"a": NUMBERS, "b": YES, "c": WHOLE, "d": TENTHS}),
        np.c_[NUMBERS, YES, WHOLE, np.array(WHOLE) / 10],
    ),
    "pyarrow in chunks": (
        pa.concat_tables([pa.table({"a": NUMBERS[:1], "b": YES[:1]}), pa.table({"a": NUMBERS[1:], "b": YES[1:]})]),
        np.c_[NUMBERS, YES],
    ),
    "pyarrow of decimals": (pa.table({"a": TENTHS, "b": YES}), np.c_[np.array(WHOLE) / 10, YES]),
    "NamedRows of objects": (
        NamedRows(np.array([NUMBERS, YES], dtype=object).T, ("a", "b"), ("float", "bool")),
        np.c_[NUMBERS, YES],
    ),
}


@pytest.mark.parametrize("what", TAKEN)
def test_a_table_has_the_values_of_its_columns(what):
    table, values = TAKEN[what]
    np.testing.assert_array_equal(inputs(table, "float64"), values)
    np.testing.assert_array_equal(inputs(table, "float32"), values.astype(np.float32))


def frame(**column: Any) -> Any:
    """A pandas frame of a column of numbers and another."""
    return pd.DataFrame({"a": NUMBERS, **column})


DATES = pd.to_datetime(["2020-01-01"] * 4)
REFUSED: dict[str, tuple[Any, str]] = {  # a table, and what the message says after "needs numbers in every column, got"
    "text": (
        frame(city=["Rome", "Oslo", "Rome", "Bern"]),
        r"text, 'Rome' at row 0, in column 'city' \((?:str|object).*get_dumm",
    ),
    "text of numbers": (frame(b=["1", "2", "3", "4"]), r"text, '1' at row 0, in column 'b' .*\. Convert it to numbers"),
    "one text": (frame(b=np.array([1, 2, "x", 4], dtype=object)), r"text, 'x' at row 2, in column 'b' \(object\)"),
    "categories": (frame(c=pd.Categorical(list("xyxx"))), r"categories, in column 'c' \(category\).*get_dummies.*'c'"),
    "categories of numbers": (pd.DataFrame({"c": pd.Categorical(WHOLE)}), r"categories, in column 'c' \(category\)"),
    "dates": (frame(t=DATES), r"a date, .* at row 0, in column 't' \(datetime64.* Take numbers of it"),
    "dates of a zone": (frame(t=DATES.tz_localize("UTC")), r"a date, .* in column 't' \(datetime64\[.*UTC\]\)"),
    "dates alone": (pd.DataFrame({"t": DATES}), r"a date, .* in column 't' \(datetime64"),
    "spans in nanoseconds": (frame(t=pd.to_timedelta([1, 2, 3, 4], "ns").astype("m8[ns]")), r"a time span, .*seconds"),
    "spans": (frame(t=pd.to_timedelta([1, 2, 3, 4], "s")), r"a time span, .* in column 't' .*seconds"),
    "pd.NA": (frame(b=np.array([1, 2, pd.NA, 4], dtype=object)), r"missing, <NA> at row 2, in column 'b' \(object\)"),
    "None": (frame(b=np.array([1, None, 2, 4], dtype=object)), r"missing, None at row 1, in column 'b' .*Fill it in"),
    "a boolean that misses": (
        pl.DataFrame({"b": [True, None, True, True]}),
        r"missing, None at row 1, in column 'b' .Boolean",
    ),
    "lists": (frame(e=[[1, 2]] * 4), r"an array, .* in column 'e' \(object\).*numpy.stack"),
    "complex": (frame(z=np.ones(4) * 1j), r"a complex number, .* in column 'z' \(complex128\)"),
    "bytes": (frame(b=[b"x"] * 4), r"bytes, b'x' at row 0, in column 'b' .*numpy.char.decode"),
    "polars text": (pl.DataFrame({"a": NUMBERS, "b": list("xyxx")}), r"text, 'x' at row 0, in column 'b' \(String\)"),
    "polars categories": (
        pl.DataFrame({"a": NUMBERS, "b": pl.Series(list("xyxx"), dtype=pl.Categorical)}),
        r"categories, in column 'b' \(Categorical",
    ),
    "polars dates": (
        pl.DataFrame({"a": NUMBERS, "t": pl.Series(WHOLE).cast(pl.Datetime)}),
        r"a date, .* at row 0, in column 't' \(Datetime",
    ),
    "polars days": (
        pl.DataFrame({"a": WHOLE, "t": pl.Series(WHOLE).cast(pl.Date)}),
        r"a date, .* at row 0, in column 't' \(Date\)",
    ),
    "polars spans": (
        pl.DataFrame({"a": WHOLE, "t": pl.Series(WHOLE).cast(pl.Duration)}),
        r"a time span, .* at row 0, in column 't' \(Duration",
    ),
    "polars times": (pl.DataFrame({"a": WHOLE, "t": pl.Series(WHOLE).cast(pl.Time)}), r".* in column 't' \(Time\)"),
    "pyarrow days": (pa.table({"a": WHOLE, "t": pa.array(WHOLE, pa.date32())}), r"a date, .* 't' \(date32"),
    "pyarrow spans": (
        pa.table({"a": WHOLE, "t": pa.array(WHOLE, pa.duration("s"))}),
        r"a time span, .* 't' \(duration",
    ),
    "pyarrow times": (pa.table({"a": WHOLE, "t": pa.array(WHOLE, pa.time32("s"))}), r".* in column 't' \(time32"),
    "polars arrays": (
        pl.DataFrame({"b": pl.Series([[1.0, 2.0]] * 4, dtype=pl.Array(pl.Float64, 2))}),
        r"arrays, in column 'b' \(Array\(Float64",
    ),
    "polars lists": (
        pl.DataFrame({"a": NUMBERS, "b": [[1.0, 2.0]] * 4}),
        r"an array, .* in column 'b' \(List\(Float64",
    ),
    "pyarrow text": (pa.table({"a": NUMBERS, "b": list("xyxx")}), r"text, 'x' at row 0, in column 'b' \(string\)"),
    "pyarrow categories": (
        pa.table({"a": pa.array(WHOLE).dictionary_encode()}),
        r"categories, in column 'a' \(dictionary",
    ),
    "pyarrow dates": (pa.table({"a": NUMBERS, "t": pa.array(WHOLE, pa.timestamp("s"))}), r"a date, .* 't' \(timestamp"),
    "text of a file": (
        NamedRows(np.array([NUMBERS, list("xyxx")], dtype=object).T, ("a", "b"), ("float", "text")),
        r"text, 'x' at row 0, in column 'b' \(text\)",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_column_that_cannot_be_taken_is_named_with_its_type_its_row_and_a_remedy(what):
    table, message = REFUSED[what]
    with pytest.raises(DataError, match=f"^x needs numbers in every column, got {message}"):
        inputs(table, "float32")


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_number_that_is_missing_or_not_finite_is_named_by_column_and_row(make):
    with pytest.raises(DataError, match="x needs finite numbers, got nan at row 2, column 'b'"):
        inputs(make({"a": NUMBERS, "b": [1.0, 2.0, None, 4.0]}), "float32")
    with pytest.raises(DataError, match="got inf at row 3, column 'b'"):
        inputs(make({"a": NUMBERS, "b": [1.0, 2.0, 3.0, np.inf]}), "float32")
    with pytest.raises(DataError, match=r"got 1e\+30 at row 3, column 'b'. Scale it"):
        inputs(make({"a": NUMBERS, "b": [1.0, 2.0, 3.0, 1e30]}), "float32")


def test_a_missing_whole_number_is_named_by_column_and_row():
    nullable = pd.DataFrame({"a": NUMBERS, "b": pd.array([1, 2, None, 4], "Int64")})
    with pytest.raises(DataError, match="got nan at row 2, column 'b'"):
        inputs(nullable, "float32")


def test_a_query_is_told_to_be_collected():
    query = pl.LazyFrame({"a": NUMBERS})
    for place in ("x", "y", "sample_weight"):
        given = {"x": np.ones((4, 1)), "y": np.ones(4)} | {place: query}
        trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), loss="mse")
        with pytest.raises(DataError, match=rf"^{place} needs rows in memory, got a LazyFrame. Call .collect\(\)"):
            trainer.fit(**given)


# ------------------------------------------------------------------------------------------------------ y and weights

TARGETS: dict[str, Any] = {
    "pandas": pd.Series(NUMBERS, index=[7, 7, 1, 0]),
    "pandas nullable": pd.Series(NUMBERS, dtype="Float64"),
    "pandas of Arrow": pd.Series(NUMBERS, dtype="double[pyarrow]"),
    "pandas objects": pd.Series(NUMBERS, dtype=object),
    "pandas decimals": pd.Series([Decimal(str(value)) for value in NUMBERS]),
    "a pandas frame": pd.DataFrame({"y": NUMBERS}),
    "polars": pl.Series(NUMBERS),
    "a polars frame": pl.DataFrame({"y": NUMBERS}),
    "pyarrow": pa.array(NUMBERS),
    "pyarrow in chunks": pa.chunked_array([NUMBERS[:1], NUMBERS[1:]]),
    "a pyarrow table": pa.table({"y": NUMBERS}),
}
WEIGHTS = {what: y + 2 if isinstance(y, pd.Series | pl.Series) else [3.5, 0, 2.25, 10] for what, y in TARGETS.items()}


@pytest.mark.parametrize("what", TARGETS)
def test_targets_and_weights_of_any_library_are_their_numbers(what):
    x, y = np.array(WHOLE)[:, None], TARGETS[what]
    plain, odd = (bp.Trainer(bp.Network([bp.layers.dense(1)]), loss="mse") for _ in range(2))
    plain.fit(x, NUMBERS, epochs=2, sample_weight=[3.5, 0, 2.25, 10])
    odd.fit(x, y, epochs=2, sample_weight=WEIGHTS[what])
    assert odd.history.train == plain.history.train
    assert odd.evaluate(x, y) == plain.evaluate(x, NUMBERS)


def test_a_column_of_targets_that_is_no_numbers_is_named():
    trainer = bp.Trainer(bp.Network([bp.layers.dense(2)]), loss="mse")
    for y in (pl.DataFrame({"p": NUMBERS, "t": pl.Series(WHOLE).cast(pl.Datetime)}), frame(t=DATES)):
        with pytest.raises(DataError, match=r"^y needs numbers in every column, got a date, .* in column 't'"):
            trainer.fit(np.array(WHOLE)[:, None], y)
    mixed = pd.DataFrame({"p": pd.array(NUMBERS, "Float64"), "q": YES})
    trainer.fit(np.array(WHOLE)[:, None], mixed, epochs=1)
    plain = bp.Trainer(bp.Network([bp.layers.dense(2)]), loss="mse")
    plain.fit(np.array(WHOLE)[:, None], np.c_[NUMBERS, YES], epochs=1)
    assert trainer.history.train == plain.history.train


LABELS: dict[str, Any] = {
    "pandas": pd.Series(list("xyxx"), index=[3, 1, 1, 0]),
    "pandas categories": pd.Series(pd.Categorical(list("xyxx"))),
    "pandas objects": pd.Series(list("xyxx"), dtype=object),
    "pandas of Arrow": pd.Series(list("xyxx"), dtype="string[pyarrow]"),
    "a pandas frame": pd.DataFrame({"y": list("xyxx")}),
    "polars": pl.Series(list("xyxx")),
    "polars categories": pl.Series(list("xyxx"), dtype=pl.Categorical),
    "a polars frame": pl.DataFrame({"y": list("xyxx")}),
    "pyarrow": pa.chunked_array([["x", "y"], ["x", "x"]]),
    "pyarrow categories": pa.array(list("xyxx")).dictionary_encode(),
}


@pytest.mark.parametrize("what", LABELS)
def test_labels_of_any_library_are_their_text(what):
    x = np.array(NUMBERS)[:, None]
    trainer = bp.Trainer(bp.Network([bp.layers.dense(2)]), loss="softmax_cross_entropy")
    trainer.fit(x, LABELS[what], epochs=1)
    assert trainer.task.learned["classes"] == ["x", "y"]
    assert trainer.evaluate(x, LABELS[what]) == trainer.evaluate(x, list("xyxx"))
    with pytest.raises(DataError, match=r"needs text in every row, got (None|nan|<NA>) at row 1"):
        trainer.evaluate(x, pd.Series(["x", None, "y", "y"]))


@pytest.mark.parametrize(
    "y", [pd.Series([0, 1, None, 1], dtype="Int64"), pl.Series([0, 1, None, 1]), pa.array([0, 1, None, 1])]
)
def test_a_missing_label_is_named_by_its_row(y):
    trainer = bp.Trainer(bp.Network([bp.layers.dense(2)]), loss="softmax_cross_entropy")
    with pytest.raises(DataError, match=r"y needs class labels, got nan at row 2. Fill it in or drop the row"):
        trainer.fit(np.array(NUMBERS)[:, None], y)


def test_jax_arrays_of_bfloat16_are_read():
    jnp = pytest.importorskip("jax.numpy")
    np.testing.assert_array_equal(inputs(jnp.array([NUMBERS], dtype=jnp.bfloat16), "float32"), [NUMBERS])
