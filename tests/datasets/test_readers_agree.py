"""The fast readers of text tables give the bytes of the exact one, or leave the file to it."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpframe.errors import DataError
from bpframe_sources.blocks import Doubt, read_blocks
from bpframe_sources.dialect import Dialect
from bpframe_sources.records import read_header, read_records

COMMA = Dialect(",")
ODDITIES = {
    "plain": "a,b,c\n1,2,x\n3,4,y\n",
    "no end of line": "a,b,c\n1,2,x\n3,4,y",
    "windows": "a,b,c\r\n1,2,x\r\n3,4,y\r\n",
    "mixed ends": "a,b,c\n1,2,x\r\n3,4,y\n",
    "old mac": "a,b,c\r1,2,x\r3,4,y\r",
    "byte order mark": "\ufeffa,b,c\n1,2,x\n",
    "blanks": " a , b,c \n 1 ,\t2, x y \n3 , 4 ,z\t\n",
    "other blanks": "a,b,c\n1\xa0,\u20032,\x1fx\x85\n3,4,y\x0c\n5,6,u\u2028v\n",
    "blank lines": "\n\na,b,c\n\n1,2,x\n\n\n3,4,y\n\n",
    "blank ends": "a,b,c\n1,2,x\n\n\n3,4,y\n\n",
    "lines of blanks": "a,b,c\n1,2,x\n   \n3,4,y\n",
    "nan and inf": "a,b,c\nnan,inf,x\nNaN,-Infinity,y\n+inf,-nan,z\n",
    "too large and too small": "a,b,c\n1e400,-1e400,x\n1e-400,4.9e-324,y\n",
    "quotes": 'a,b,c\n"1",2,"x, y"\n3,"4","z ""w"""\n',
    "quotes in the header": '"a","b","c, d"\n1,2,x\n',
    "quotes without need": '"a","b","c"\r\n"1",2,"x"\r\n3,"4"," y z "\r\n',
    "quotes behind blanks": 'a,b,c\n1,2, "x"\n"3" ,4,y\n',
    "doubled quotes": 'a,b,c\n1,2,"x""y"\n1,2,""""\n',
    "empty quotes": 'a,b,c\n1,2,""\n',
    "newline in quotes": 'a,b,c\n1,2,"x\ny"\n"3\n",4,z\n',
    "a quote inside a cell": 'a,b,c\n1,2,5" disk\n',
    "an open quote": 'a,b,c\n1,2,"x\n3,4,y\n',
    "a row too short": "a,b,c\n1,2,x\n3,4\n5,6,y\n",
    "a row too long": "a,b,c\n1,2,x\n3,4,y,z\n",
    "rows that even out": "a,b,c\n1,2\n3,4,y,z\n",
    "an empty number": "a,b,c\n1,,x\n",
    "an empty text": "a,b,c\n1,2,\n",
    "a text of blanks": "a,b,c\n1,2,  \n",
    "text for a number": "a,b,c\n1,two,x\n",
    "python's numbers": "a,b,c\n1_000,2,x\n",
    "other digits": "a,b,c\n٣,2,x\n",
    "hexadecimal": "a,b,c\n0x10,2,x\n",
    "nul": "a,b,c\n1\0,2,x\n3,4,y\0\n",
    "a comment": "a,b,c\n1,2,x\n#3,4,y\n",
    "one name": "a\n1\n2\n",
    "header alone": "a,b,c\n",
    "nothing": "",
    "a long cell": "a,b,c\n1,2," + "x" * 200_000 + "\n",
    "a long number": "a,b,c\n1," + "0" * 200_000 + "2,x\n",
    "latin-1": b"a,b,c\n1,2,\xe9\n",
    "half a letter": b"a,b,c\n1,2,x\n3,4,\xc3\n",
    "surrogates": b"a,b,c\n1,2,\xed\xa0\x80\n",
}


def outcome(reader, content: bytes, dialect: Dialect = COMMA) -> object:
    """What a reader gives: numbers as bytes, texts; or the error."""
    file = io.BytesIO(content)
    try:
        names = read_header(io.BytesIO(content), dialect)
        x, cells = reader(file, dialect, names[:2], names[2:])
    except (DataError, UnicodeDecodeError) as error:
        return f"{type(error).__name__}: {error}"
    return x.shape, x.tobytes(), cells


def agree(reader, content: bytes, dialect: Dialect = COMMA) -> bool:
    """Whether the fast reader took the file; if so, it must give what the exact one gives."""
    try:
        fast = outcome(reader, content, dialect)
    except Doubt:
        return False
    assert fast == outcome(read_records, content, dialect)
    return True


FAST = [pytest.param(read_blocks, id="NumPy")]


@pytest.mark.parametrize("reader", FAST)
@pytest.mark.parametrize("name", ODDITIES)
def test_both_readers_give_the_same_bytes_on_every_oddity(reader, name):
    content = ODDITIES[name]
    agree(reader, content if isinstance(content, bytes) else content.encode("utf-8"))


@pytest.mark.parametrize("reader", FAST)
def test_a_plain_table_is_left_to_no_slow_reader(reader):
    names = [
        "plain",
        "no end of line",
        "blank ends",
        "byte order mark",
        "blanks",
        "windows",
        "mixed ends",
        "nan and inf",
    ]
    for name in [*names, "quotes without need"]:
        assert agree(reader, ODDITIES[name].encode()), name


@pytest.mark.parametrize("reader", FAST)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_tables_of_many_blocks_are_read_alike(reader, ends, rng):
    rows = [f"{a!r},{b:.3f},n{i % 7}" for i, (a, b) in enumerate(rng.normal(size=(90_000, 2)).tolist())]
    assert agree(reader, ends.join(["a,b,c", *rows, ""]).encode())
    assert not agree(reader, ends.join(["a,b,c", *rows, "1,2", ""]).encode())


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def decimals() -> st.SearchStrategy[str]:
    """Numbers as people and programs write them: of any float64, of many digits, halfway between two of them."""
    digits = st.text("0123456789", min_size=1, max_size=40)
    bits = st.integers(0, 2**64 - 1).map(lambda n: struct.unpack("<d", struct.pack("<Q", n))[0])
    free = st.builds(
        "{}{}.{}e{}".format, st.sampled_from(["", "-", "+"]), digits, digits, st.integers(-330, 330).map(str)
    )
    return st.one_of(bits.map(repr), bits.map("{:.17e}".format), bits.map("{:.25g}".format), free, digits)


@pytest.mark.parametrize("reader", FAST)
@settings(max_examples=200, deadline=None)
@given(cells=st.lists(decimals(), min_size=2, max_size=40))
def test_both_readers_round_every_decimal_alike(reader, cells: Sequence[str]):
    rows = "".join(f"{a},{b},t\n" for a, b in zip(cells[::2], cells[1::2], strict=False))
    assert agree(reader, f"a,b,c\n{rows}".encode())


SIGNS = [
    "a",
    "1",
    "2",
    ".",
    "-",
    "e",
    "_",
    "n",
    '"',
    ",",
    ",",
    ";",
    "\n",
    "\n",
    "\r",
    "\r\n",
    " ",
    "\t",
    "\0",
    "é",
    "٣",
]


@pytest.mark.parametrize("reader", FAST)
@pytest.mark.parametrize("dialect", [COMMA, Dialect(";", ","), Dialect("\t")], ids=["comma", "semicolon", "tab"])
@settings(max_examples=300, deadline=None)
@given(signs=st.lists(st.sampled_from(SIGNS), max_size=60))
def test_both_readers_agree_on_any_text(reader, dialect, signs):
    agree(reader, f"a{dialect.separator}b{dialect.separator}c\n{''.join(signs)}".encode(), dialect)
