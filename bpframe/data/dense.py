"""Dense NumPy arrays of the values that users bring, and numbers out of arrays of other types.

Shapes: any; what cannot be taken is a DataError that names the type, the place and a remedy.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from datetime import date
from numbers import Real
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np

from bpframe.data.columns import NamedRows
from bpframe.data.table_types import refuse_lazy
from bpframe.errors import DataError, RangeError, ShapeError
from bpframe.types import HostArray

READABLE = ("__array__", "__array_interface__", "__array_struct__")  # what NumPy reads an object by


@runtime_checkable
class DlpackOffer(Protocol):
    """An array of a library that exchanges by DLPack."""

    def __dlpack__(self, *, stream: None = None) -> Any:
        """A capsule."""

    def __dlpack_device__(self) -> tuple[int, int]:
        """Where the array is."""


REMEDIES = {  # by what a value is
    "text": "Encode text and dates first",
    "a date": "Take numbers of it first: seconds since a date, or month and weekday",
    "a time span": "Take its seconds as numbers first",
    "missing": "Fill it in or drop the row",
    "a complex number": "Take real and imaginary part as columns",
    "bytes": "Decode text, numpy.char.decode(values, 'utf-8'), and encode it as numbers",
    "an array": "Give each of its entries a column: numpy.stack",
    "records": "Take pandas.DataFrame(values) or numpy.lib.recfunctions.structured_to_unstructured(values)",
    "an object": "Convert it to numbers first",
}


def as_dense(values: object, name: str) -> HostArray:
    """The values as an array; DataError for what NumPy would take apart or pass over in silence.

    Types below 32 bits (float16, bfloat16, float8, int4, ...) come back as float32, which holds the same numbers and
    has room to compute with them; strings of varying length as objects.
    """
    array = values if type(values) is np.ndarray else _read(values, name)
    dtype = array.dtype
    if dtype.kind == "T":
        return array.astype(object)
    narrow = dtype.kind in "fV" and dtype.itemsize <= 2 and dtype.names is None
    return array.astype(np.float32) if narrow and np.can_cast(dtype, np.float32) else array


def _read(values: object, name: str) -> HostArray:
    """What NumPy makes of an object that is no array of its own."""
    if isinstance(values, NamedRows):
        return values.values
    if hasattr(values, "toarray"):
        raise DataError(f"{name} needs a dense array, got a sparse {type(values).__name__}. Use {name}.toarray().")
    if np.ma.is_masked(values):
        raise DataError(f"{name} needs every value, got a masked array. Fill what is masked, or remove its rows.")
    refuse_lazy(values, name)
    try:
        return np.from_dlpack(values) if needs_dlpack(values) else np.asarray(values)
    except Exception as error:  # libraries raise what they like for arrays of other devices
        if isinstance(values, list | tuple) and isinstance(error, ValueError):
            raise ShapeError(
                f"{name} needs rows of one length, got rows that differ. ({error}) Fill up sequences: "
                "bp.datasets.pad_sequences."
            ) from None
        kind = f"{type(values).__module__.partition('.')[0]}.{type(values).__name__}"
        raise DataError(
            f"{name} needs an array that NumPy can read, got {kind}, which says: {error} Convert it to a NumPy array."
        ) from error


def needs_dlpack(values: object) -> TypeGuard[DlpackOffer]:
    """Whether an array can be read by DLPack alone."""
    return isinstance(values, DlpackOffer) and not any(hasattr(values, way) for way in READABLE)


def as_real(array: HostArray, name: str) -> HostArray:
    """The array of numbers; of an array of objects that are all numbers (Decimal, Fraction too) their values.

    DataError otherwise, for the first that is none.
    """
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind != "O" or not array.ndim:
        raise DataError(f"{name} needs numbers, got {type_and_values(array)}. {REMEDIES[_kind(array)]}.")
    if (first := first_other(array)) is not None:
        place = place_text(np.unravel_index(first, array.shape))
        value = array.ravel()[first]
        what = f"{type_and_values(array)}, {reprlib.repr(value)} at {place}"
        raise DataError(f"{name} needs numbers, got {what}. {REMEDIES[kind_of(value)]}.")
    try:
        return array.astype(np.float64)
    except OverflowError:
        raise RangeError(f"{name} needs numbers that float64 holds, got {type_and_values(array)}. Scale it.") from None


def first_other(array: HostArray) -> int | None:
    """The place, counted row by row, of the first value of an array of objects that is no number."""
    items = array.ravel().tolist()
    from decimal import Decimal  # only here: start-up can do without

    others = {kind for kind in set(map(type, items)) if not issubclass(kind, Real | Decimal | np.bool)}
    return next(i for i, item in enumerate(items) if type(item) in others) if others else None


def kind_of(value: object) -> str:
    """What a value is that is no number: a key of `REMEDIES`."""
    kind = type(value)
    if value is None or kind.__name__ in ("NAType", "NaTType"):
        return "missing"
    if isinstance(value, np.ndarray | list | tuple):
        return "an array"
    if "delta" in kind.__name__.lower():
        return "a time span"
    if isinstance(value, date | np.datetime64):
        return "a date"
    named = {str: "text", bytes: "bytes", complex: "a complex number", np.void: "records"}
    return next((word for base, word in named.items() if isinstance(value, base)), "an object")


def _kind(array: HostArray) -> str:
    kinds = {"U": "text", "M": "a date", "m": "a time span", "c": "a complex number", "S": "bytes"}
    return "records" if array.dtype.names else kinds.get(array.dtype.kind, "an object")


def type_and_values(array: HostArray) -> str:
    """The type of an array and its first values: "<U1 ('a', 'b', 'c')"."""
    return f"{array.dtype} ({', '.join(map(reprlib.repr, array.ravel()[:3].tolist()))})"


def place_text(where: Iterable[Any], columns: Sequence[str] | None = None) -> str:
    """ "row 3, column 2", with the column's name where it has one: "row 3, column 'age'"."""
    row, *rest = (int(i) for i in where)
    named = [repr(columns[rest[0]])] if columns and rest else map(str, rest)
    return f"row {row}" + (f", column {', '.join(named)}" if rest else "")
