"""Which cells of a text table are numbers: the syntax that all readers of tables share, not that of Python's source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bpframe.datasets import read
from bpframe.errors import DataError

NUMBERS = {
    "7": 7.0,
    "+7": 7.0,
    "-.5": -0.5,
    "5.": 5.0,
    "1e3": 1000.0,
    "1E+3": 1000.0,
    "inf": np.inf,
    "-Infinity": -np.inf,
    "NaN": np.nan,
    "1e400": np.inf,
    "1e-400": 0.0,
    "0.1000000000000000055511151231257827021181583404541015625": 0.1,
}
NO_NUMBERS = ["1_000", "1_0.5", "0x1p3", "0x10", "٣", "\uff11", "1 0", "--1", "nan(1)", "1e", "e3", ".", "1,5", "½"]
NO_NUMBERS += ["\u22121", "1\xa0000"]


def table(folder: Path, cells: list[str]) -> Path:
    file = folder / "rows.csv"
    file.write_text("a,b\n" + "".join(f'"{cell}",1\n' if "," in cell else f"{cell},1\n" for cell in cells))
    return file


@pytest.mark.parametrize("cell", NUMBERS)
def test_a_number_is_read_as_float64_rounds_it(tmp_path, cell):
    x, _ = read(table(tmp_path, ["1.5", cell, "2"]), "b")
    np.testing.assert_array_equal(x[:, 0], [1.5, NUMBERS[cell], 2.0])


@pytest.mark.parametrize("cell", NO_NUMBERS)
def test_what_only_python_or_c_calls_a_number_is_an_error_that_names_line_and_column(tmp_path, cell):
    with pytest.raises(DataError, match=r"rows.csv', line 3, column 'a' needs a number, got ") as caught:
        read(table(tmp_path, ["1.5", cell, "2"]), "b")
    assert repr(cell) in str(caught.value)


@pytest.mark.parametrize("cell", NO_NUMBERS)
def test_labels_that_are_no_numbers_are_text(tmp_path, cell):
    _, y = read(table(tmp_path, [cell, "10"]), "a")
    assert y.tolist() == [cell, "10"]


def test_labels_that_python_reads_alike_stay_different_classes(tmp_path):
    _, y = read(table(tmp_path, ["1_0", "10", "1_0"]), "a")
    assert np.unique(y).tolist() == ["10", "1_0"]


def test_the_remedy_says_what_is_in_the_way(tmp_path):
    with pytest.raises(DataError, match="Write it in ASCII digits without signs between them"):
        read(table(tmp_path, ["1_000"]), "b")
    with pytest.raises(DataError, match=r"The decimal sign is '.' here: set decimal=',', or write 1.5"):
        read(table(tmp_path, ["1,5"]), "b")
