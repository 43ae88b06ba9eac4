"""Separators and decimal signs of text tables: detected, or set."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import bpframe as bp
from bpframe.data.sources.files import column_kinds
from bpframe.datasets import read, read_inputs
from bpframe.errors import ConfigError, DataError

ROWS = [("width", "y", "height"), ("1.5", "cat", "-2e3"), ("2.25", "dog", "4")]
X = np.array([[1.5, -2000.0], [2.25, 4.0]])


def written(folder: Path, separator: str, decimal: str = ".", name: str = "rows.csv", end: str = "\n") -> Path:
    text = end.join(separator.join(cells) for cells in ROWS) + end
    (folder / name).write_text(text.replace(".", decimal))
    return folder / name


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("separator", "decimal"), [(",", "."), (";", "."), ("\t", "."), ("|", "."), (";", ","), ("\t", ","), ("|", ",")]
)
def test_signs_are_detected(tmp_path, separator, decimal, end):
    x, y = read(written(tmp_path, separator, decimal, end=end), "y")
    np.testing.assert_array_equal(x, X)
    assert y.tolist() == ["cat", "dog"]


@pytest.mark.parametrize(("separator", "decimal"), [("#", "."), (":", ","), (" ", "."), (";", None), (None, ",")])
def test_signs_that_are_set_are_taken(tmp_path, separator, decimal):
    file = written(tmp_path, separator or ";", decimal or ".")
    x, _ = read(file, "y", source=bp.sources.csv(separator=separator, decimal=decimal))
    np.testing.assert_array_equal(x, X)
    x, _ = read(file, "y", source={"name": "csv", "separator": separator, "decimal": decimal})
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("decimal", [".", ","])
def test_tabs_separate_in_tsv_whatever_else_is_there(tmp_path, decimal):
    x, _ = read(written(tmp_path, "\t", decimal, "rows.tsv"), "y")
    np.testing.assert_array_equal(x, X)
    (tmp_path / "names.tsv").write_text("a, b\ty\n1\tx, y\n2\tz, w\n")
    x, y = read(tmp_path / "names.tsv", "y")
    assert (x.tolist(), y.tolist()) == ([[1.0], [2.0]], ["x, y", "z, w"])


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv"])
def test_a_packed_table_is_unpacked(tmp_path, name):
    file = written(tmp_path, "\t", name=name)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    for one, other in zip(read(file, "y"), read(tmp_path / f"{name}.gz", "y"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_packed_file_cut_short_is_a_data_error(tmp_path):
    packed = gzip.compress(b"a,y\n" + b"1,2\n" * 10000)
    for content in (packed[:-9], packed[: len(packed) // 2], b"a,y\n1,2\n"):
        (tmp_path / "rows.csv.gz").write_bytes(content)
        with pytest.raises(DataError, match=r"rows.csv.gz' needs to be a readable"):
            read(tmp_path / "rows.csv.gz", "y")


def test_a_packed_archive_of_arrays_is_unpacked(tmp_path):
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "x.npy.gz").write_bytes(gzip.compress((tmp_path / "x.npy").read_bytes()))
    np.testing.assert_array_equal(read_inputs(tmp_path / "x.npy.gz"), X)


def test_a_number_that_can_be_read_in_two_ways_is_asked_about(tmp_path):
    (tmp_path / "rows.csv").write_text("a;y\n1,234;2\n12,345;3\n")
    with pytest.raises(DataError, match=r"got '1,234'. Set the decimal sign: decimal=',' if that is 1.234; .* 1234"):
        read(tmp_path / "rows.csv", "y")
    x, _ = read(tmp_path / "rows.csv", "y", source=bp.sources.csv(decimal=","))
    assert x.tolist() == [[1.234], [12.345]]
    (tmp_path / "rows.csv").write_text("a;y\n1,234;2\n0,345;3\n")  # nobody groups digits behind a zero
    assert read(tmp_path / "rows.csv", "y")[0].tolist() == [[1.234], [0.345]]


def test_with_a_decimal_comma_a_point_is_no_part_of_a_number(tmp_path):
    (tmp_path / "rows.csv").write_text("a;y\n1,5;2\n1.000;3\n")
    with pytest.raises(DataError, match=r"line 3, column 'a' needs a number, got '1.000'. The decimal sign is ','"):
        read(tmp_path / "rows.csv", "y", source=bp.sources.csv(decimal=","))


def test_text_keeps_the_signs_that_numbers_do_not(tmp_path):
    (tmp_path / "rows.csv").write_text("a;y\n1,5;v1.0\n2,5;v1,0\n")
    assert read(tmp_path / "rows.csv", "y", source=bp.sources.csv(decimal=","))[1].tolist() == ["v1.0", "v1,0"]


def test_a_table_of_one_column_is_no_riddle(tmp_path):
    (tmp_path / "rows.csv").write_text("a\n1\n2\n")
    assert read_inputs(tmp_path / "rows.csv").tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("settings", [{"separator": ""}, {"separator": "ab"}, {"separator": '"'}, {"separator": "1"}])
def test_a_sign_that_cannot_separate_is_refused(settings):
    with pytest.raises(ConfigError, match="csv needs one sign as separator"):
        bp.sources.csv(**settings)


def test_decimal_signs_are_points_and_commas(tmp_path):
    with pytest.raises(ConfigError, match=r"csv needs '.' or ',' as decimal sign, got ';'"):
        bp.sources.csv(decimal=";")
    with pytest.raises(ConfigError, match="two different signs"):
        bp.sources.csv(separator=",", decimal=",")


def test_the_kinds_of_columns_are_known_without_choosing_a_target(tmp_path):
    (tmp_path / "rows.csv").write_text("name,n,w,when\nx,1,0.5,2024-01-01\ny,2,3,2024-01-02\n")
    assert column_kinds(tmp_path / "rows.csv") == {"name": "text", "n": "int", "w": "float", "when": "text"}
