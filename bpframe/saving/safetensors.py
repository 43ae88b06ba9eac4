"""The safetensors format: a JSON header that lists named tensors, then their bytes; it cannot contain code.

    8 bytes, little-endian n | n bytes, JSON {name: {dtype, shape, data_offsets}, "__metadata__": {str: str}} | data

Offsets count from the start of the data. The tensors fill it without a hole or an overlap, so that the length of
the file bounds the memory that reading it takes. Values are little-endian, in C order.
Source: https://github.com/huggingface/safetensors, section "Format".
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from bpframe.errors import CheckpointError
from bpframe.types import HostArray, Shape

METADATA = "__metadata__"
MAX_HEADER = 16 * 2**20  # bytes of JSON
MAX_DEPTH = 100  # of nested objects and lists: small enough for recursive functions
MAX_DIGITS = 640  # of an integer: read by Python under every setting of sys.set_int_max_str_digits
PREFIX = 8  # bytes that hold the length of the header
DTYPES = {"BOOL": np.dtype("?")} | {
    f"{kind.upper()}{8 * n}": np.dtype(f"<{kind}{n}") for kind in "fiu" for n in (1, 2, 4, 8) if (kind, n) != ("f", 1)
}
CODES = {(dtype.kind, dtype.itemsize): name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Entry:
    """The position of one tensor: bytes begin to end of the data, as `shape` values of `dtype`."""

    begin: int
    end: int
    name: str
    dtype: np.dtype[Any]
    shape: Shape


def canonical_json(value: object) -> str:
    """Canonical JSON: sorted keys, no spaces, ASCII; ValueError for NaN and infinity."""
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))


def parse_json_object(text: str | bytearray) -> dict[str, Any]:
    """The JSON object in `text` (bytes: UTF-8), which must begin with its brace, as the format requires.

    CheckpointError for other texts, repeated keys, NaN, 1e999, and for nesting or numbers beyond the limits above.
    """
    try:
        text = text if isinstance(text, str) else text.decode()
        if not text.startswith("{"):
            raise ValueError(f"it needs to begin with '{{', got {short_repr(text[:1])}")
        _check_depth(text)
        found: dict[str, Any] = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_int=_parse_integer,
            parse_float=_parse_float,
            parse_constant=_parse_float,
        )
    except ValueError as error:
        raise CheckpointError(f"the JSON cannot be read: {error}.") from error
    return found


def short_repr(value: object) -> str:
    """A value from a file for an error message: its `repr`, which a terminal shows safely, shortened."""
    return _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxstring = 100


def _check_depth(text: str) -> None:
    """ValueError for JSON that is nested too deeply, raised before a recursive parser reads it.

    Outside strings, every bracket is structure. A text that is not JSON may hide brackets, but only behind the place
    where a parser fails.
    """
    bare = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    depths = accumulate(1 if mark in "[{" else -1 for mark in bare if mark in "[]{}")
    if max(depths, default=0) > MAX_DEPTH:
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _parse_integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a whole number has {len(text)} digits, not {MAX_DIGITS} at most")
    return int(text)


def _parse_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {short_repr(text)} is not finite")
    return value


def tensor_layout(tensors: Mapping[str, Any]) -> tuple[dict[str, Any], list[HostArray]]:
    """(table, arrays in the order of the file): largest item size first, so that all are aligned, then by name."""
    stored = {name: _to_stored_array(name, value) for name, value in tensors.items()}
    table, arrays, end = {}, [], 0
    for name in sorted(stored, key=lambda name: (-stored[name].itemsize, name)):
        array = stored[name]
        begin, end = end, end + array.nbytes
        code = CODES[array.dtype.kind, array.dtype.itemsize]
        table[name] = {"dtype": code, "shape": array.shape, "data_offsets": (begin, end)}
        arrays.append(array)
    return table, arrays


def _to_stored_array(name: str, value: object) -> HostArray:
    """`value` in C order and little-endian, copied if needed; CheckpointError if the format has no such dtype."""
    if not isinstance(name, str) or name == METADATA:
        raise CheckpointError(f"a tensor needs a text other than {METADATA!r} as its name, got {name!r}.")
    try:
        array = np.asarray(value)
    except Exception as error:  # of another library's array: whatever its conversion raises
        raise CheckpointError(f"tensor {name!r} needs to be an array: {error}.") from error
    code = CODES.get((array.dtype.kind, array.dtype.itemsize))
    if code is None:
        known = ", ".join(DTYPES)
        raise CheckpointError(f"tensor {name!r} needs a dtype among {known}, got {array.dtype}. Convert it.")
    return np.asarray(array, dtype=DTYPES[code], order="C")


def pack_header(header: Mapping[str, Any]) -> bytes:
    """Length and JSON of the header, padded with spaces to a multiple of 8 bytes."""
    text = canonical_json(header).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise CheckpointError(
            f"names and manifest need {MAX_HEADER} bytes at most, got {len(text)}. Save fewer things."
        )
    return len(text).to_bytes(PREFIX, "little") + text


def parse_entries(table: Mapping[str, Any], length: int) -> list[Entry]:
    """The tensors in the order of the data, of `length` bytes, which they fill exactly; else CheckpointError."""
    found = sorted((_entry(name, fields) for name, fields in table.items()), key=lambda entry: (entry.begin, entry.end))
    end = 0
    for entry in found:
        if entry.begin != end:
            raise CheckpointError(f"tensor {short_repr(entry.name)} needs to start at byte {end}, got {entry.begin}.")
        end = entry.end
    if end != length:
        raise CheckpointError(f"the tensors need {end} bytes of data, got {length}.")
    return found


def _entry(name: str, fields: Any) -> Entry:
    who = f"tensor {short_repr(name)}"
    if not isinstance(fields, dict) or fields.keys() != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"{who} needs dtype, shape and data_offsets and nothing else.")
    code, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise CheckpointError(f"{who} needs a dtype among {', '.join(DTYPES)}, got {short_repr(code)}.")
    if not _sizes(shape) or not _sizes(offsets) or len(offsets) != 2 or len(shape) > 64:  # NumPy's own limit of axes
        raise CheckpointError(f"{who} needs a shape and two offsets of whole numbers from 0 to 2^63 - 1.")
    begin, end = offsets
    wanted, got = math.prod(shape) * DTYPES[code].itemsize, end - begin
    if got != wanted:
        raise CheckpointError(f"{who}, {code} {short_repr(tuple(shape))}, needs {short_repr(wanted)} bytes, got {got}.")
    return Entry(begin, end, name, DTYPES[code], tuple(shape))


def _sizes(values: Any) -> bool:
    """Whether these are sizes that an array may have; True and 1.0 are not."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)
