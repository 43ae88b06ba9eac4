"""IDX files and text: what they hold, and what is wrong with those that are refused."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

import bpframe as bp
from bpframe import datasets
from bpframe.errors import ConfigError, DataError

TEXT = bp.sources.text


def idx(array: np.ndarray, code: int) -> bytes:
    """The array as an IDX file, by the format's description."""
    return bytes([0, 0, code, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """Images and labels by the names that MNIST has."""
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images, 8)))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.array([7, 2], np.uint8), 8)))
    return tmp_path / "train-images-idx3-ubyte.gz"


def test_images_of_mnist_are_read_with_the_labels_beside_them(mnist):
    x, y = datasets.read(mnist, source="idx")
    assert np.array_equal(x, np.arange(24).reshape(2, 3, 4))
    assert (x.dtype, y.tolist()) == (np.uint8, [7, 2])


@pytest.mark.parametrize(("code", "dtype"), [(9, ">i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")])
def test_numbers_of_every_type_come_in_the_order_of_bytes_of_this_machine(code, dtype, tmp_path):
    array = (np.arange(6) - 3).astype(dtype)
    (tmp_path / "rows.idx").write_bytes(idx(array, code))
    found = datasets.read_inputs(tmp_path / "rows.idx")
    assert found.tolist() == array.tolist()
    assert found.dtype == np.dtype(dtype).newbyteorder("=")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "needs a header, but 4 bytes of it are missing"),
        (b"PK\3\4....", "begins with 0, 0, a type and a number of axes, got 80, 75, 3, 4"),
        (bytes([0, 0, 8, 2, 0, 0, 0, 1]), "needs its lengths, but 4 bytes of it are missing"),
        (struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 2**31) + b"1", r"the shape \(2147483648, .*are missing"),
        (idx(np.arange(3, dtype=np.uint8), 8) + b"x", r"needs to end with its numbers, shape \(3,\)"),
    ],
)
def test_a_damaged_file_is_refused_without_the_memory_that_it_claims(content, message, tmp_path):
    (tmp_path / "rows.idx").write_bytes(content)
    with pytest.raises(DataError, match=message):
        datasets.read_inputs(tmp_path / "rows.idx")


def test_targets_are_beside_images_alone(tmp_path, mnist):
    (tmp_path / "rows.idx").write_bytes(idx(np.arange(3, dtype=np.uint8), 8))
    with pytest.raises(DataError, match=r"a name with 'images', beside one with 'labels', got 'rows\.idx'"):
        datasets.read(tmp_path / "rows.idx")
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"needs its targets in '.*train-labels-idx1-ubyte\.gz'"):
        datasets.read(mnist, source="idx")


def write(folder: Path, text: str) -> Path:
    (folder / "page.text").write_bytes(text.encode())
    return folder / "page.text"


def test_characters_are_numbered_alike_in_every_file_and_others_are_0(tmp_path):
    x, y = datasets.read(write(tmp_path, "a~\n\u00e9\t B"), source=TEXT(length=3))
    assert x.tolist() == [[68, 97, 1], [0, 2, 3]]
    assert y.tolist() == [[97, 1, 0], [2, 3, 37]]
    assert (x.dtype, x.max() <= 97) == (np.uint8, True)


def test_line_ends_are_newlines_and_an_alphabet_counts_from_1(tmp_path):
    x, _ = datasets.read(write(tmp_path, "\ufeffb\r\na\rb\nc"), source=TEXT(length=6, alphabet="ab\n"))
    assert x.tolist() == [[2, 3, 1, 3, 2, 3]]


def test_bytes_are_themselves_and_windows_may_overlap(tmp_path):
    x, y = datasets.read(write(tmp_path, "a\u00e9\r"), source=TEXT(length=2, stride=1, signs="bytes"))
    assert x.tolist() == [[97, 195], [195, 169]]
    assert y.tolist() == [[195, 169], [169, 13]]


def test_text_that_gives_no_window_and_alphabets_that_are_none_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"page\.text' needs more signs than a window of length 9, got 3"):
        datasets.read(write(tmp_path, "abc"), source=TEXT(length=9))
    (tmp_path / "page.text").write_bytes(b"abc\xff")
    with pytest.raises(DataError, match="needs text in UTF-8, got the byte 0xff"):
        datasets.read(tmp_path / "page.text")
    with pytest.raises(ConfigError, match="different characters"):
        TEXT(alphabet="aba")
    with pytest.raises(ConfigError, match="an alphabet for characters alone"):
        TEXT(signs="bytes", alphabet="ab")
