"""Parquet, Feather, ARFF and svmlight files as pandas, polars, SciPy and scikit-learn write and read them."""

from __future__ import annotations

import io
import re
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest
import scipy.io.arff
import sklearn.datasets

import bpframe as bp
from bpframe.data.sources.files import column_kinds
from bpframe.datasets import read, read_inputs
from bpframe.errors import DataError

FRAME = pd.DataFrame({"a": [1.5, -2.0, 1e300], "n": [3, 4, 5], "flag": [True, False, True], "y": ["x", "ü", "x"]})
ARROW = ("rows.parquet", "rows.feather", "rows.pq", "rows.arrow")


def write(table: pyarrow.Table, path: Path) -> Path:
    parquet = path.suffix in (".parquet", ".pq")
    (pyarrow.parquet.write_table if parquet else pyarrow.feather.write_feather)(table, path)
    return path


@pytest.mark.parametrize("name", ARROW)
def test_columns_of_arrow_keep_their_values(tmp_path, name):
    path = write(pyarrow.Table.from_pandas(FRAME), tmp_path / name)
    x, y = read(path, "y")
    np.testing.assert_array_equal(x, FRAME[["a", "n", "flag"]].to_numpy(dtype=float))
    assert y.tolist() == FRAME["y"].tolist()
    assert column_kinds(path) == {"a": "float", "n": "int", "flag": "bool", "y": "text"}


@pytest.mark.parametrize("name", ["rows.parquet", "rows.feather"])
def test_polars_files_are_read(tmp_path, name):
    frame = polars.from_pandas(FRAME)
    frame.write_parquet(tmp_path / name) if "parquet" in name else frame.write_ipc(tmp_path / name, compression="lz4")
    x, y = read(tmp_path / name, "y")
    np.testing.assert_array_equal(x, FRAME[["a", "n", "flag"]].to_numpy(dtype=float))
    assert y.tolist() == FRAME["y"].tolist()


@pytest.mark.parametrize("name", ["rows.parquet", "rows.feather"])
def test_single_precision_stays_and_mixed_types_meet_in_the_wider(tmp_path, name):
    singles = pyarrow.table({"a": np.float32([0.1, 2]), "b": np.float32([3, 4]), "y": [1, 0]})
    x, y = read(write(singles, tmp_path / name), "y")
    assert (x.dtype, y.dtype) == (np.float32, np.int64)
    mixed = pyarrow.table({"a": np.float32([0.1, 2]), "b": np.array([2**40 + 1, 4]), "y": [True, False]})
    x, y = read(write(mixed, tmp_path / name), "y")
    assert (x.dtype, y.dtype, x[0, 1]) == (np.float64, np.bool_, 2**40 + 1)


@pytest.mark.parametrize("name", ["rows.parquet", "rows.feather"])
def test_dictionaries_decimals_and_chunks_are_what_they_stand_for(tmp_path, name):
    decimals = pyarrow.array([Decimal("0.1"), Decimal("2.5")], type=pyarrow.decimal128(5, 2))
    table = pyarrow.table({"a": decimals, "y": pyarrow.array(["cat", "dog"]).dictionary_encode()})
    x, y = read(write(pyarrow.concat_tables([table, table]), tmp_path / name), "y")
    assert (x.tolist(), y.tolist()) == ([[0.1], [2.5], [0.1], [2.5]], ["cat", "dog", "cat", "dog"])


@pytest.mark.parametrize("name", ["rows.parquet", "rows.feather"])
def test_row_numbers_that_pandas_writes_are_no_inputs(tmp_path, name):
    frame = FRAME.set_axis([2, 7, 0])
    path = write(pyarrow.Table.from_pandas(frame), tmp_path / name)
    assert "__index_level_0__" in pyarrow.feather.read_table(path).column_names if "feather" in name else True
    np.testing.assert_array_equal(read(path, "y")[0], frame[["a", "n", "flag"]].to_numpy(dtype=float))


def test_a_name_that_begins_another_brings_no_other_column(tmp_path):
    table = pyarrow.table({"a": [1.0, 2.0], "a.b": [3.0, 4.0], "y": [0, 1]})
    x, _ = read(write(table, tmp_path / "rows.parquet"), "y")
    assert x.tolist() == [[1.0, 3.0], [2.0, 4.0]]


@pytest.mark.parametrize("name", ["rows.parquet", "rows.feather"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pyarrow.array([1.0, None]), r"column 'a' needs a value in every row, got none at row 1"),
        (pyarrow.array([None, "x"]), r"column 'a' needs a value in every row, got none at row 0"),
        (pyarrow.array([1, 2], type=pyarrow.timestamp("s")), r"needs numbers, booleans or text, got timestamp\[m?s\]"),
        (pyarrow.array([[1.0], [2.0]]), r"needs numbers, booleans or text, got list<"),
        (pyarrow.array(["x", "y"]), r"column 'a' needs numbers, got <U1 \('x', 'y'\). Encode it, or leave it out"),
    ],
)
def test_what_is_no_number_is_named_with_its_column(tmp_path, name, values, words):
    path = write(pyarrow.table({"a": values, "y": [0, 1]}), tmp_path / name)
    with pytest.raises(DataError, match=rf"{name}', .*{words}"):
        read(path, "y")


def test_two_columns_of_one_name_are_refused(tmp_path):
    table = pyarrow.Table.from_arrays([pyarrow.array([1.0]), pyarrow.array([2.0]), pyarrow.array([0])], ["a", "a", "y"])
    with pytest.raises(DataError, match="needs different names of columns, got 'a' in columns 1 and 2"):
        read(write(table, tmp_path / "rows.parquet"), "y")


@pytest.mark.parametrize("name", ["rows.parquet", "rows.feather"])
def test_without_pyarrow_the_error_says_what_to_install(tmp_path, name, monkeypatch):
    path = write(pyarrow.table({"a": [1.0], "y": [0]}), tmp_path / name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=rf"{name}' needs pyarrow .* Install it: pip install \"bpframe\[data\]\""):
        read(path, "y")


@pytest.mark.parametrize("name", ["rows.parquet", "rows.feather", "rows.arff", "rows.svmlight"])
@pytest.mark.parametrize("content", [b"", b"text, no table", b"PAR1" * 9, bytes(100), b"\xff\xfe{1 2"])
def test_files_that_hold_something_else_are_data_errors(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}'"):
        read_inputs(tmp_path / name)


# arff


ARFF = r"""% a comment
@RELATION 'the iris'
@Attribute width REAL
@attribute 'the height' numeric
@attribute n integer
@attribute kind {setosa, 'iris v.', "it's"}
@data
5.1, -3.5e0, 3,setosa
% between rows
4.9,3,1  ,  'iris v.'

-1e-3,	2,0,"it's"
"""


def test_arff_is_read_as_scipy_reads_it(tmp_path):
    (tmp_path / "rows.arff").write_text(ARFF)
    x, y = read(tmp_path / "rows.arff", "kind")
    plain = re.sub(
        " *'iris v.'|\"it's\"", "other", ARFF.replace("'iris v.', ", "")
    )  # quotes in later rows fail in SciPy
    theirs, _ = scipy.io.arff.loadarff(io.StringIO(plain))
    np.testing.assert_array_equal(x, [list(row)[:3] for row in theirs])
    assert y.tolist() == ["setosa", "iris v.", "it's"]
    assert column_kinds(tmp_path / "rows.arff")["the height"] == "float"


def test_sparse_rows_of_arff_have_zeros_and_first_values_elsewhere(tmp_path):
    head = "@relation r\n@attribute a real\n@attribute b real\n@attribute y {no, yes}\n@data\n"
    (tmp_path / "rows.arff").write_text(head + "{0 1.5, 2 yes}\n{}\n{1 -2}\n")
    x, y = read(tmp_path / "rows.arff", "y")
    assert (x.tolist(), y.tolist()) == ([[1.5, 0], [0, 0], [0, -2]], ["yes", "no", "no"])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("1,2,yes\n?,2,no\n", "line 7, column 'a' needs a value, got '\\?'"),
        ("1,2,maybe\n", "line 6, column 'y' needs one of no, yes, got 'maybe'"),
        ("1,two,no\n", "line 6, column 'b' needs a number, got 'two'"),
        ("1,2\n", "line 6, needs 3 cells, one for each attribute, got 2"),
        ("1,2,no,{5}\n", "line 6, needs 3 cells, one for each attribute, got 4"),
        ("1,'2,no\n", "line 6, needs cells with commas between them"),
        ("{3 1}\n", "line 6, needs {NUMBER VALUE, ...} of 3 attributes"),
    ],
)
def test_wrong_rows_of_arff_are_told_by_line_and_column(tmp_path, rows, words):
    head = "@relation r\n@attribute a real\n@attribute b real\n@attribute y {no, yes}\n@data\n"
    (tmp_path / "rows.arff").write_text(head + rows)
    with pytest.raises(DataError, match=rf"rows.arff', {words}"):
        read(tmp_path / "rows.arff", "y")


# svmlight


@pytest.mark.parametrize("zero_based", [True, False])
def test_svmlight_is_read_as_scikit_learn_writes_it(tmp_path, zero_based, rng):
    x = np.where(rng.uniform(size=(20, 6)) < 0.4, rng.normal(size=(20, 6)), 0)
    x[0] = 1
    y = rng.integers(-1, 2, 20)
    sklearn.datasets.dump_svmlight_file(x, y, str(tmp_path / "rows.svmlight"), zero_based=zero_based, comment="rows")
    (tmp_path / "rows.libsvm").write_bytes((tmp_path / "rows.svmlight").read_bytes())
    for name in ("rows.svmlight", "rows.libsvm"):
        got_x, got_y = read(tmp_path / name)
        theirs, labels = sklearn.datasets.load_svmlight_file(str(tmp_path / name))
        np.testing.assert_array_equal(got_x, theirs.toarray())
        np.testing.assert_array_equal(got_x, np.vectorize(lambda v: float(f"{v:.16g}"))(x))
        np.testing.assert_array_equal(got_y, labels)
        assert got_y.dtype == np.int64


def test_svmlight_files_of_other_widths_get_the_width_that_is_set(tmp_path):
    (tmp_path / "rows.svm").write_text("1 1:2\n0 3:4 # none\n")
    assert read(tmp_path / "rows.svm")[0].tolist() == [[2, 0, 0], [0, 0, 4]]
    wide = bp.sources.svmlight(features=5, zero_based=True)
    assert read(tmp_path / "rows.svm", source=wide)[0].tolist() == [[0, 2, 0, 0, 0], [0, 0, 0, 4, 0]]
    with pytest.raises(DataError, match=r"rows.svm' needs 2 columns from number 1 on, got number 3. Set features"):
        read(tmp_path / "rows.svm", source=bp.sources.svmlight(features=2))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 1:2\n0 2:x\n", "line 2, needs a number, got 'x'"),
        ("1 qid:3 1:2\n", "line 1, needs COLUMN:NUMBER, .* got 'qid:3'. Rows in groups are for ranking"),
        ("1 1:2 1:3\n", "line 1, needs COLUMN:NUMBER, each column once"),
        ("1,2 1:2\n", "line 1, needs a number, got '1,2'"),
        ("1 999999999999:2\n0 1:2\n", "rows.svm' needs to fit into memory as dense rows, got 2 x 999999999999"),
        ("", "needs at least one row, got none"),
    ],
)
def test_wrong_svmlight_is_a_data_error(tmp_path, text, words):
    (tmp_path / "rows.svm").write_text(text)
    with pytest.raises(DataError, match=words):
        read(tmp_path / "rows.svm")
