"""Inputs and targets from .npz, .npy and .csv files, and what is said when a file is wrong."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpframe.datasets import read, read_inputs
from bpframe.errors import DataError, ShapeError

X = np.arange(12.0).reshape(4, 3)
Y = np.array([0, 1, 1, 0])
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def write(folder: Path, text: str, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def arrays_or_error(path: Path, target: str | None = None) -> tuple[np.ndarray, np.ndarray] | DataError:
    """What `read` gives, or the only kind of exception that it may raise."""
    try:
        return read(path, target)
    except DataError as error:
        return error


def assert_same(a: np.ndarray, b: np.ndarray) -> None:
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)


# npz


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("y", [Y, Y.astype(np.float32), np.array(["a", "bc", "d", "a"]), np.eye(4)])
def test_npz_gives_back_the_arrays_that_were_saved(tmp_path, save, y):
    save(tmp_path / "d.npz", x=X.astype(np.float32), y=y, note=np.array(["ignored"]))
    for path in (tmp_path / "d.npz", str(tmp_path / "d.npz")):
        got_x, got_y = read(path)
        assert_same(got_x, X.astype(np.float32))
        assert_same(got_y, y)


@pytest.mark.parametrize("arrays", [{"x": X}, {"y": Y}, {"X": X, "labels": Y}, {}])
def test_npz_without_x_or_y_lists_the_arrays_it_holds(tmp_path, arrays):
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(DataError, match=r"d.npz' needs arrays named 'x' and 'y', got") as caught:
        read(tmp_path / "d.npz")
    assert str(sorted(arrays)) in str(caught.value)


def test_inputs_from_npz_need_no_y(tmp_path):
    np.savez(tmp_path / "d.npz", x=X)
    assert_same(read_inputs(tmp_path / "d.npz"), X)
    np.savez(tmp_path / "e.npz", y=Y)
    with pytest.raises(DataError, match=r"e.npz' needs arrays named 'x', got \['y'\]"):
        read_inputs(tmp_path / "e.npz")


def test_inputs_from_npz_leave_y_unread(tmp_path):
    np.savez(tmp_path / "d.npz", x=X, y=np.array([None, {}], dtype=object))
    assert_same(read_inputs(tmp_path / "d.npz"), X)


# npy


@pytest.mark.parametrize(
    ("x_name", "y_name"), [("x.npy", "y.npy"), ("train_x.npy", "train_y.npy"), ("a-x.npy", "a-y.npy")]
)
def test_npy_reads_its_partner_from_the_same_folder(tmp_path, x_name, y_name):
    np.save(tmp_path / x_name, X)
    np.save(tmp_path / y_name, Y)
    np.save(tmp_path / "other_y.npy", 1 - Y)
    got_x, got_y = read(tmp_path / x_name)
    assert_same(got_x, X)
    assert_same(got_y, Y)


def test_npy_in_column_order_keeps_its_rows(tmp_path):
    np.save(tmp_path / "x.npy", np.asfortranarray(X))
    assert_same(read_inputs(tmp_path / "x.npy"), X)


def test_npy_without_partner_names_the_file_it_looked_for(tmp_path):
    np.save(tmp_path / "train_x.npy", X)
    with pytest.raises(DataError, match=r"train_x.npy' needs its targets in '.*train_y.npy', got no such file"):
        read(tmp_path / "train_x.npy")
    assert_same(read_inputs(tmp_path / "train_x.npy"), X)


def test_npy_whose_name_does_not_end_in_x_is_refused_for_training_only(tmp_path):
    np.save(tmp_path / "inputs.npy", X)
    with pytest.raises(
        DataError, match=r"needs a name that ends in x, got 'inputs.npy'. Use NAME_x.npy and NAME_y.npy"
    ):
        read(tmp_path / "inputs.npy")
    assert_same(read_inputs(tmp_path / "inputs.npy"), X)


# rows


@pytest.mark.parametrize(("x", "y"), [(X, Y[:3]), (X, np.array(1)), (np.array(1.0), Y), (X[:0], Y)])
def test_arrays_of_different_lengths_are_a_shape_error(tmp_path, x, y):
    np.savez(tmp_path / "d.npz", x=x, y=y)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    for name in ("d.npz", "x.npy"):
        with pytest.raises(ShapeError, match=f"{name}' needs a row of y for each row of x, got shapes"):
            read(tmp_path / name)


# csv


@pytest.mark.parametrize("target", ["label", "width", "height"])
def test_csv_takes_the_target_from_any_column_and_keeps_the_order_of_the_others(tmp_path, target):
    table = {"width": [1.5, -2.0], "label": [3.0, 4.0], "height": [1e3, 0.25]}
    path = write(tmp_path, "width,label,height\n1.5,3.0,1e3\n-2.0,4.0,0.25\n")
    x, y = read(path, target)
    assert_same(x, np.array([column for name, column in table.items() if name != target]).T)
    assert_same(y, np.array(table[target]))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0", "1", "-7"], np.array([0, 1, -7], dtype=np.int64)),
        (["0", "1.5", "2"], np.array([0, 1.5, 2])),
        (["1e-3", "nan", "inf"], np.array([1e-3, np.nan, np.inf])),
        (["cat", "dog", "1"], np.array(["cat", "dog", "1"])),
        (["True", "False", "True"], np.array(["True", "False", "True"])),
        (["9223372036854775807", "0", "1"], np.array([2**63 - 1, 0, 1], dtype=np.int64)),
        (["9223372036854775808", "0", "1"], np.array([2.0**63, 0, 1])),
    ],
)
def test_csv_target_is_int64_else_float64_else_text(tmp_path, cells, expected):
    path = write(tmp_path, "a,y\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells)))
    assert_same(read(path, "y")[1], expected)


@pytest.mark.parametrize(
    "text",
    [
        '"a","the, label",b\n1,"x, ""y""",2\n3,z,4\n',
        'a,"the, label",b\r\n1,"x, ""y""",2\r\n3,z,4',
        '\n a , "the, label",b\n\n 1 , "x, ""y""", 2\n3,z ,4\n\n\n',
    ],
    ids=["quoted", "windows line ends", "blanks and blank lines"],
)
def test_csv_reads_the_same_table_however_it_is_written(tmp_path, text):
    x, y = read(write(tmp_path, text), "the, label")
    assert_same(x, np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert y.tolist() == ['x, "y"', "z"]


@SAME_FOLDER
@given(
    rows=st.lists(
        st.tuples(st.floats(allow_nan=False), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)), min_size=1
    )
)
def test_csv_gives_back_every_number_exactly(tmp_path, rows):
    with (tmp_path / "d.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("a", "y", "b"), *rows])
    x, y = read(tmp_path / "d.csv", "y")
    assert_same(x, np.array([(a, b) for a, _, b in rows]))
    assert_same(y, np.array([y for _, y, _ in rows], dtype=np.int64))


def test_inputs_from_csv_leave_the_target_out_whether_it_is_there_or_not(tmp_path):
    expected = np.array([[1.0, 2.0], [3.0, 4.0]])
    with_target = write(tmp_path, "a,y,b\n1,cat,2\n3,dog,4\n", "with.csv")
    without = write(tmp_path, "a,b\n1,2\n3,4\n", "without.csv")
    assert_same(read_inputs(with_target, "y"), expected)
    assert_same(read_inputs(without, "y"), expected)
    assert_same(read_inputs(without), expected)


def test_x_from_csv_can_be_written_to(tmp_path):
    x, _ = read(write(tmp_path, "a,y\n1,2\n"), "y")
    x[0, 0] = 5
    assert x[0, 0] == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs a header and rows, got an empty file"),
        ("\n\n", "needs a header and rows, got an empty file"),
        ("a,y\n", "needs at least one row below its header, got none"),
        ("y\n1\n", "needs a column of inputs besides 'y', got none"),
        ("a,y,b\n1,2,3\n1,2\n", "line 3, needs 3 cells like its header, got 2"),
        ("a,y,b\n1,2,3,\n", "line 2, needs 3 cells like its header, got 4"),
        ("a,y,b\n1,2,3\n\n4,5,six\n", "line 4, column 'b' needs a number, got 'six'. Encode text"),
        ("a,b,y\n1,,3\n", "line 2, column 'b' needs a number, got ''. Fill it in"),
        ("a,y\n1,\n", "line 2, column 'y' needs a value, got ''. Fill it in"),
        ('a,y\n"1\n5",2\n', r"line 3, column 'a' needs a number, got '1\\n5'"),
        ("y,a,b,a\n1,2,3,4\n", "needs different names of columns, got 'a' in columns 2 and 4"),
        ("a,b\n1,2\n", "needs a target column 'y', got the columns 'a', 'b'"),
        ('a,y\n"1,2\n3,4\n', "line 3, needs well-formed CSV, got: unexpected end of data"),
        ('a,y\n"1"5,2\n', "line 2, needs well-formed CSV, got: ',' expected after '\"'"),
    ],
)
def test_wrong_csv_is_a_data_error_that_names_file_and_place(tmp_path, text, words):
    with pytest.raises(DataError, match=words) as caught:
        read(write(tmp_path, text), "y")
    assert str(tmp_path / "data.csv") in str(caught.value)


def test_a_missing_target_column_brings_a_suggestion_and_a_short_list(tmp_path):
    names = [f"column{i}" for i in range(50)]
    path = write(tmp_path, ",".join([*names, "label"]) + "\n" + ",".join(["0"] * 51))
    with pytest.raises(DataError, match=r"needs a target column 'lable'.* and 31 more. Did you mean 'label'\?"):
        read(path, "lable")


def test_long_bad_text_is_shown_in_part(tmp_path):
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, f"a,y\n{'z' * 5000},1\n"), "y")
    assert len(str(caught.value)) - len(str(tmp_path)) < 250


def test_csv_without_header_is_noticed_before_its_first_row_is_lost(tmp_path):
    with pytest.raises(DataError, match=r"needs names of columns in its first line, got the columns '1.5', '2'"):
        read_inputs(write(tmp_path, "1.5,2\n3,4\n"))
    numbered = write(tmp_path, "0,1\n3,4\n", "numbered.csv")
    assert_same(read_inputs(numbered), np.array([[3.0, 4.0]]))
    years = write(tmp_path, "1990,2000\n3,4\n", "years.csv")
    assert_same(read_inputs(years, "2000"), np.array([[3.0]]))  # the target's name proves that line 1 is a header


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    for first in ("y", '"y"'):
        _, y = read(write(tmp_path, f"\ufeff{first},a\n1,2\n"), "y")
        assert y.tolist() == [1]


def test_csv_in_another_encoding_names_the_byte(tmp_path):
    (tmp_path / "d.csv").write_bytes("a,y\n1,é\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"d.csv' needs text in UTF-8, got the byte 0xe9"):
        read(tmp_path / "d.csv", "y")


# the target argument


def test_a_target_column_is_asked_for_with_csv_and_refused_with_arrays(tmp_path):
    np.savez(tmp_path / "d.npz", x=X, y=Y)
    with pytest.raises(DataError, match=r"needs no target column, got target='y'"):
        read(tmp_path / "d.npz", "y")
    assert_same(read_inputs(tmp_path / "d.npz", "y"), X)
    with pytest.raises(DataError, match=r"data.csv' needs the name of its target column, got none"):
        read(write(tmp_path, "a,y\n1,2\n"))


# files that are no good


@pytest.mark.parametrize("reader", [read, read_inputs])
@pytest.mark.parametrize(("name", "suffix"), [("d.txt", ".txt"), ("d", ""), ("d.txt.gz", ".txt"), ("d.pkl", ".pkl")])
def test_an_unknown_suffix_lists_the_known_ones(tmp_path, reader, name, suffix):
    with pytest.raises(DataError, match=rf"{name}' needs one of the suffixes .*.csv, .*.npy, .npz, .*, got '{suffix}'"):
        reader(tmp_path / name)


def test_suffixes_may_be_in_capitals(tmp_path):
    x, _ = read(write(tmp_path, "a,y\n1,2\n", "D.CSV"), "y")
    assert x.tolist() == [[1.0]]


@pytest.mark.parametrize("name", ["d.csv", "d.npz", "d.npy", "no/folder.csv"])
def test_a_missing_file_is_a_data_error(tmp_path, name):
    with pytest.raises(DataError, match=f"needs an existing file, got '.*{name}'"):
        read_inputs(tmp_path / name, "y")


@pytest.mark.parametrize("name", ["d.csv", "d.npz", "d.npy", "nul\0byte.csv", "n" * 300 + ".csv"])
def test_what_cannot_be_opened_is_a_data_error(tmp_path, name):
    if name.startswith("d."):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=r"needs to be a readable"):
        read_inputs(tmp_path / name, "y")


@pytest.mark.parametrize("names", [("x", "y"), ("y", "x")])
def test_object_arrays_are_never_unpickled(tmp_path, names):
    plain, objects = names
    arrays = {plain: np.arange(2), objects: np.array([Trap(), Trap()], dtype=object)}
    np.savez(tmp_path / "d.npz", **arrays)
    for name, values in arrays.items():
        np.save(tmp_path / f"{name}.npy", values)
    for path in ("d.npz", "x.npy"):
        with pytest.raises(DataError, match=r"Object arrays cannot be loaded.* Save numbers or text: y.astype\(str\)"):
            read(tmp_path / path)


class Trap:
    """Fails the test when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


@pytest.mark.parametrize("content", [b"", b"text, not arrays", b"\x93NUMPY", b"PK\x03\x04 cut short", bytes(200)])
@pytest.mark.parametrize("name", ["d.npz", "d.npy"])
def test_files_that_hold_something_else_are_data_errors(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}' needs to be a readable {name[1:]} file"):
        read_inputs(tmp_path / name)


def test_an_array_under_the_name_of_an_archive_and_the_reverse_are_data_errors(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "d.npz", x=X)
    (tmp_path / "x.npy").rename(tmp_path / "a.npz")
    (tmp_path / "d.npz").rename(tmp_path / "b.npy")
    for name in ("a.npz", "b.npy"):
        with pytest.raises(DataError, match=f"{name}' needs to be a readable"):
            read_inputs(tmp_path / name)


def saved(save, **arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


ARCHIVES = [saved(np.savez, x=X, y=Y), saved(np.savez_compressed, x=X, y=Y)]


@SAME_FOLDER
@given(content=st.sampled_from(ARCHIVES), where=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_changed_byte_in_an_archive_never_changes_the_data_unnoticed(tmp_path, content, where, flip):
    damaged = bytearray(content)
    damaged[int(where * len(content))] ^= flip
    (tmp_path / "d.npz").write_bytes(damaged)
    got = arrays_or_error(tmp_path / "d.npz")
    if isinstance(got, DataError):
        assert "d.npz" in str(got)
    else:
        assert_same(got[0], X)
        assert_same(got[1], Y)


@SAME_FOLDER
@given(content=st.sampled_from(ARCHIVES), keep=st.floats(0, 1, exclude_max=True))
def test_an_archive_cut_short_is_a_data_error(tmp_path, content, keep):
    (tmp_path / "d.npz").write_bytes(content[: int(keep * len(content))])
    with pytest.raises(DataError, match=r"d.npz"):
        read(tmp_path / "d.npz")


@SAME_FOLDER
@given(keep=st.integers(0, 223))
def test_an_array_file_cut_short_or_too_long_is_a_data_error(tmp_path, keep):
    np.save(tmp_path / "x.npy", X)
    whole = (tmp_path / "x.npy").read_bytes()
    assert len(whole) == 224
    for content in (whole[:keep], whole + b"\0"):
        (tmp_path / "x.npy").write_bytes(content)
        with pytest.raises(DataError, match=r"x.npy"):
            read_inputs(tmp_path / "x.npy")


@SAME_FOLDER
@given(content=st.binary(max_size=300))
def test_arbitrary_bytes_read_as_a_table_or_are_a_data_error(tmp_path, content):
    (tmp_path / "d.csv").write_bytes(b"a,y\n" + content)
    got = arrays_or_error(tmp_path / "d.csv", "y")
    if isinstance(got, DataError):
        assert "d.csv" in str(got)
    else:
        assert got[0].shape == (len(got[1]), 1)


def test_an_archive_with_a_lying_header_is_a_data_error(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**15, 7)})
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(80))
    (tmp_path / "x.npy").write_bytes(header.getvalue() + bytes(80))
    for name in ("d.npz", "x.npy"):
        with pytest.raises(DataError, match=f"{name}' needs to be a readable"):
            read_inputs(tmp_path / name)
