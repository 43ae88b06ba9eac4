"""The offset of inputs: a number that leaves a column before the run's dtype would round what is left without it.

Unix seconds over a minute are 60 values around 1.7e9, which float32 tells apart in steps of 128. Where the first layer
makes the same of a column and of that column plus a number, the offset is learned at the first fit and subtracted from
then on, in the dtype in which the rows came. What was learned stands in a task's `learned` under "input_offset":
{"places": [1], "values": [1.7e9]}, in float64; most models have none.

Shapes: source and converted rows (N, ...), of n places a row, flat.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bpframe.data.columns import Names, warn_caller
from bpframe.types import HostArray, Shape

KEY = "input_offset"
HARMLESS = 1e-4  # rounding in units of a column's deviation: what standardised inputs of float32 hardly notice
SAMPLE = 2**16  # rows that show which columns are worth a closer look
CHUNK = 2**20  # numbers at a time
SHOWN = 3  # columns that a warning names


def coarse_places(converted: HostArray) -> HostArray:
    """The places of a row whose dtype has few steps over the deviation of their values, so far as a sample shows."""
    rows = _flat(converted)
    sample = rows[:: max(1, len(rows) // SAMPLE)]
    with np.errstate(all="ignore"):
        low, high = sample.min(axis=0), sample.max(axis=0)
        peak = np.maximum(np.abs(low), np.abs(high)).astype(np.float64)
        deviation = sample.std(axis=0, dtype=np.float64)
        return np.flatnonzero(_step(peak, converted.dtype) > HARMLESS / 4 * deviation)


def learned_offset(source: HostArray, converted: HostArray) -> dict[str, list[Any]] | None:
    """The offset of the places that lose what standardised rows would show; None where there are none."""
    rows = _flat(source)
    places = list(_losing_places(rows, converted))
    return {"places": places, "values": [_middle(rows[:, place]) for place in places]} if places else None


def without_offset(source: HostArray, converted: HostArray, offset: Mapping[str, Any]) -> HostArray:
    """Converted rows with (source - offset), rounded once, in the places that have an offset."""
    shared = np.may_share_memory(source, converted) or not converted.flags.writeable
    result = converted.copy() if shared else converted
    flat, rows = result.reshape(len(result), -1), _flat(source)
    for place, value in zip(offset["places"], offset["values"], strict=True):
        flat[:, place] = _difference(rows[:, place], value)
    return result


def lost_values(source: HostArray, converted: HostArray) -> Iterator[tuple[int, int, int]]:
    """(place, how many of its distinct values the dtype does not tell apart, how many there are) of each that loses."""
    rows, rounded = _flat(source), _flat(converted)
    for place in _losing_places(rows, converted):
        all_of_them = len(np.unique(rows[:, place]))
        if lost := all_of_them - len(np.unique(rounded[:, place])):
            yield place, lost, all_of_them


def warn_of_loss(name: str, source: HostArray, converted: HostArray, remedy: str, columns: Names | None = None) -> None:
    """A UserWarning that names columns of x or y of which the run's dtype does not tell values apart, and a remedy."""
    shape, dtype = source.shape[1:], converted.dtype
    found = [
        f"column {_place_text(place, shape, columns)} loses {lost} of its {total} values in {dtype}"
        for place, lost, total in lost_values(source, converted)
    ]
    if found:
        more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        wider = ", or use dtype='float64'" if dtype == np.float32 else ""
        warn_caller(f"{name}: {'; '.join(found[:SHOWN])}{more}. {remedy}, subtract an offset{wider}.", UserWarning)


def _place_text(place: int, shape: Shape, columns: Names | None) -> str:
    """ "1", the column's name where it has one, or "3, 4" in a row of several axes."""
    if columns:
        return repr(columns[place])
    return ", ".join(str(int(k)) for k in np.unravel_index(place, shape))


def _losing_places(source: HostArray, converted: HostArray) -> Iterator[int]:
    """Of the coarse places those that vary, whose values are rounded, by more than is harmless."""
    if source.dtype == converted.dtype:
        return
    rows, rounded = _flat(source), _flat(converted)
    for place in coarse_places(converted):
        column = rows[:, place]
        deviation = _deviation(column)
        peak = np.float64(np.abs(rounded[:, place]).max())
        if 0 < deviation * HARMLESS < _step(peak, converted.dtype) and not _is_held(column, rounded[:, place]):
            yield int(place)


def _step(peak: Any, dtype: np.dtype[Any]) -> Any:
    """How far rounding may move numbers of that size."""
    return peak * (float(np.finfo(dtype).eps) / 2)


def _is_held(column: HostArray, rounded: HostArray) -> bool:
    return all(
        bool((column[i : i + CHUNK] == rounded[i : i + CHUNK].astype(column.dtype)).all())
        for i in range(0, len(column), CHUNK)
    )


def _middle(column: HostArray) -> float:
    """The mean of a column, as a number that its dtype and float64 hold."""
    first = float(column[0])
    parts = (_difference(column[i : i + CHUNK], first) for i in range(0, len(column), CHUNK))
    mean = first + sum(float(part.sum()) for part in parts) / len(column)
    return float(round(mean)) if column.dtype.kind in "iu" else mean


def _deviation(column: HostArray) -> float:
    """Its standard deviation; of a column of one value exactly 0."""
    first, moments = float(column[0]), np.zeros(2)
    shift = float(_difference(column[:1], first)[0])
    for i in range(0, len(column), CHUNK):
        d = _difference(column[i : i + CHUNK], first) - shift
        moments += d.sum(), d @ d
    mean, square = moments / len(column)
    return float(np.sqrt(max(0.0, square - mean * mean)))


def _difference(column: HostArray, value: float) -> HostArray:
    """column - value in float64, exact where whole numbers beyond 2^53 are close to the value."""
    if column.dtype.kind in "iu" and column.dtype.itemsize == 8 and abs(value) < 2**62:
        whole = int(value)
        if int(column.min(initial=0)) > -(2**62) and int(column.max(initial=0)) < 2**62:
            return np.asarray(column.astype(np.int64) - whole, dtype=np.float64) - (value - whole)
    wide = np.dtype(np.longdouble if column.dtype.itemsize > 8 else np.float64)
    return np.asarray(column.astype(wide) - wide.type(value), dtype=np.float64)


def _flat(rows: HostArray) -> HostArray:
    return rows.reshape(len(rows), -1)
