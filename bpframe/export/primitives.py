"""Primitives of a recording: what each operation means, as NumPy computes it.  x, y and results any shape.

Formulas ones are NumPy's ufuncs of the same names. All forms of an export have to agree with this table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from bpframe.types import HostArray

Ends = Sequence[int | None]
UNARY = (
    "negative",
    "absolute",
    "exp",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "sqrt",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "arcsin",
    "arccos",
    "arctan",
    "arcsinh",
    "arccosh",
    "arctanh",
    "floor",
    "ceil",
    "rint",
    "trunc",
    "sign",
    "isnan",
    "isinf",
    "isfinite",
    "logical_not",
    "invert",
)
BINARY = (
    "add",
    "subtract",
    "multiply",
    "divide",
    "floor_divide",
    "remainder",
    "power",
    "fmod",
    "maximum",
    "minimum",
    "hypot",
    "arctan2",
    "copysign",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "left_shift",
    "right_shift",
)
UFUNCS: dict[str, np.ufunc] = {name: getattr(np, name) for name in (*UNARY, *BINARY)}
ELEMENTWISE = {*UFUNCS, "where", "cast"}
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": np.sum,
    "max": np.max,
    "min": np.min,
    "prod": np.prod,
    "all": np.all,
    "any": np.any,
}
PLACES: dict[str, Callable[..., Any]] = {"argmax": np.argmax, "argmin": np.argmin}


def _cast(x: HostArray, *, dtype: DTypeLike) -> HostArray:
    return x.astype(dtype)


def _slice(x: HostArray, *, starts: Ends, stops: Ends, steps: Sequence[int]) -> HostArray:
    """One slice an axis; a stop of None is the end on the way of the step."""
    return x[tuple(map(slice, starts, stops, steps))]


def _concat(*parts: HostArray, axis: int) -> HostArray:
    return np.concatenate(parts, axis)


def _arange(*, start: int, stop: int, step: int, dtype: DTypeLike) -> HostArray:
    return np.arange(start, stop, step, dtype=dtype)


def _sort(x: HostArray, *, axis: int, descending: bool) -> HostArray:
    ordered: HostArray = np.sort(x, axis)
    return np.asarray(np.flip(ordered, axis)) if descending else ordered


def _argsort(x: HostArray, *, axis: int, descending: bool) -> HostArray:
    if not descending:
        return np.argsort(x, axis, kind="stable")
    order = np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    last: int = x.shape[axis] - 1
    return np.subtract(last, order)


PRIMITIVES: dict[str, Callable[..., Any]] = {
    **UFUNCS,
    **REDUCTIONS,
    **PLACES,
    "where": np.where,
    "cast": _cast,
    "matmul": np.matmul,
    "reshape": lambda x, *, shape: np.reshape(x, shape),
    "broadcast": lambda x, *, shape: np.broadcast_to(x, shape),
    "transpose": lambda x, *, axes: np.transpose(x, axes),
    "slice": _slice,
    "concat": _concat,
    "gather": lambda x, places, *, axis: np.take(x, places, axis),
    "gather_along": lambda x, places, *, axis: np.take_along_axis(x, places, axis),
    "arange": _arange,
    "sort": _sort,
    "argsort": _argsort,
    "cumulative_sum": lambda x, *, axis: np.cumsum(x, axis, dtype=x.dtype),
}


def evaluate(op: str, operands: list[HostArray], options: dict[str, Any]) -> HostArray:
    """The result of an operation, without warnings about numbers that are not finite."""
    with np.errstate(all="ignore"):
        return np.asarray(PRIMITIVES[op](*operands, **options))
