"""NumPy's array namespace with faster reductions and copies for arrays on the host; other libraries keep their own.

x and results any shape, alike in dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import copysign
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from bpframe.ops import aligned, row_sums
from bpframe.types import Array, HostArray, Namespace, Shape

HOST_TYPES: set[type] = {np.ndarray}  # whose arrays take HOST_NAMESPACE; tracers of engine numpy join them

MIN_ROWS = 32  # rows of a matrix, from which NumPy's reductions of it are slower than they need be
MAX_ROW = 32  # numbers in a row, up to which NumPy is faster column by column
MIN_CHOICE = 2**11  # numbers in an array, from which a choice between them and 0 is made without branches
MAX_INTEGER = 8  # bytes of the widest integer
MAX_CONSTANT = 2**16  # numbers in an array, up to which a constant array of its shape is worth caching


def namespace(x: Array) -> Namespace:
    """`x.__array_namespace__()`; for a NumPy array, NumPy with the functions below in the place of its own."""
    return HOST_NAMESPACE if type(x) in HOST_TYPES else x.__array_namespace__()


def placement(x: Array) -> dict[str, Any]:
    """Keywords that put a new array on the device of x: `xp.arange(n, dtype=x.dtype, **ops.placement(x))`.

    None where a new array lies beside x anyway: in NumPy, and inside a program that JAX compiles.
    """
    device = None if type(x) in HOST_TYPES else getattr(x, "device", None)
    return {} if device is None else {"device": device}


def by_columns(x: Array) -> Array:
    """x in column-major order where it is a NumPy matrix of many short rows, else x itself; the same values.

    NumPy vectorises along the contiguous axis, here as long as there are rows, and results take their operands' order.
    """
    if type(x) not in HOST_TYPES or x.ndim != 2 or x.shape[1] > MAX_ROW or x.shape[0] < MIN_ROWS:
        return x
    matrix: Any = x
    return x if matrix.flags.f_contiguous else matrix.copy(order="F")


# NumPy's functions of these names make two or three more calls in Python, which on small arrays cost as much as the
# work itself. And NumPy reduces a matrix row by row: with many rows a product with ones, or column-major order where
# rows are short, takes a half to an eighth of the time.


def _sum(x: HostArray, /, *, axis: Any = None, dtype: DTypeLike | None = None, keepdims: Any = False) -> Any:
    if x.size > row_sums.MAX_RUN and dtype is None and row_sums.long_run(x, axis):
        return on_host(row_sums.long_sum, x, axis, keepdims)
    if x.ndim != 2 or len(x) < MIN_ROWS or axis not in (0, 1, -1) or x.dtype.kind != "f" or dtype is not None:
        return np.add.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims)
    n = x.shape[axis]
    if axis and n > row_sums.MAX_RUN and x.dtype == np.float32 and x.flags.c_contiguous:
        return np.add.reduce(x, axis=1, keepdims=keepdims)  # along rows NumPy itself adds in blocks and pairs
    if axis and n <= MAX_ROW:
        columns: Any = by_columns(x)
        return np.add.reduce(columns, axis=1, keepdims=keepdims)
    ones = _full((n,), 1.0, x.dtype) if n <= MAX_CONSTANT else np.ones(n, x.dtype)
    total = ones @ x if axis == 0 else x @ ones
    return total.reshape((1, -1) if axis == 0 else (-1, 1)) if keepdims else total


def _mean(x: HostArray, /, *, axis: Any = None, keepdims: Any = False) -> Any:
    if x.size > row_sums.MAX_RUN and row_sums.long_run(x, axis):
        total = _sum(x, axis=axis, keepdims=keepdims)
        return total / (x.size // total.size)
    return np.mean(x, axis=axis, keepdims=keepdims)


def on_host(function: Callable[..., Any], x: Any, *rest: Any) -> Any:
    """function(x, ...) as one call, also of an array that stands in for another and records calls."""
    return function(x, *rest) if type(x) is np.ndarray else x.apply(function, *rest)


@lru_cache(maxsize=64)
def _full(shape: Shape, value: float, dtype: np.dtype[Any], order: Literal["C", "F"] = "C") -> HostArray:
    """A read-only constant array, cached."""
    full = np.full(shape, value, dtype, order)
    full.flags.writeable = False
    return full


def _max(x: HostArray, /, *, axis: Any = None, keepdims: Any = False) -> Any:
    columns: Any = by_columns(x) if axis else x
    return np.maximum.reduce(columns, axis=axis, keepdims=keepdims)


def _min(x: HostArray, /, *, axis: Any = None, keepdims: Any = False) -> Any:
    return np.minimum.reduce(x, axis=axis, keepdims=keepdims)


def _maximum(x: HostArray, y: Any, /) -> Any:
    if type(x) in HOST_TYPES and type(y) in (int, float) and x.dtype.kind == "f":
        # NumPy's maximum uses vector instructions on two arrays of one layout, but not on an array and a number
        if x.size > MAX_CONSTANT:
            return on_host(_long_maximum, x, y) if x.flags.forc else np.maximum(x, y)
        y = _full(x.shape, y, x.dtype, "C" if x.flags.c_contiguous else "F")
    return np.maximum(x, y)


def _long_maximum(x: HostArray, y: float) -> HostArray:
    """The same of a contiguous array and a number, in pieces of a constant array's size."""
    result = np.empty_like(x)
    constant = _full((MAX_CONSTANT,), y, x.dtype)
    flat, out = x.ravel(order="K"), result.ravel(order="K")  # views
    for i in range(0, x.size, MAX_CONSTANT):
        piece = out[i : i + MAX_CONSTANT]
        np.maximum(flat[i : i + MAX_CONSTANT], constant[: len(piece)], out=piece)
    return result


def _where(condition: Any, x: Any, y: Any, /) -> Any:
    """NumPy's branches at each number, which costs ten times as much where no processor can guess the way."""
    if _is_zero(y) and _long_floats(condition, x):
        return on_host(_kept, condition, x)
    if _is_zero(x) and _long_floats(condition, y):
        return on_host(_kept, ~condition, y)
    return np.where(condition, x, y)


def _is_zero(x: Any) -> bool:
    return type(x) in (int, float) and x == 0 and copysign(1.0, x) > 0


def _long_floats(condition: Any, x: Any) -> bool:
    if type(condition) not in HOST_TYPES or type(x) is not type(condition) or x.size < MIN_CHOICE:
        return False
    if condition.dtype != bool or x.dtype.kind != "f" or x.dtype.itemsize > MAX_INTEGER:
        return False
    return bool(condition.shape == x.shape and condition.flags.c_contiguous and x.flags.c_contiguous)


def _kept(condition: HostArray, x: HostArray) -> HostArray:
    """x where the condition holds, 0.0 elsewhere: its bits times 1 or 0, as integers."""
    bits = x.view(f"i{x.dtype.itemsize}")
    return (bits * condition).view(x.dtype)


def _astype(x: HostArray, dtype: DTypeLike, /, *, copy: bool = True) -> Any:
    return x.astype(dtype, copy=copy)


def _asarray(x: Any, /, *, dtype: DTypeLike | None = None, copy: bool | None = None) -> Any:
    if type(x) in HOST_TYPES and x.ndim:
        return x.astype(x.dtype if dtype is None else dtype, copy=bool(copy))
    return np.asarray(x, dtype=dtype, copy=copy)


def _zeros_like(x: HostArray, /, *, dtype: DTypeLike | None = None) -> Any:
    if type(x) is not np.ndarray or not x.flags.c_contiguous:
        return np.zeros_like(x, dtype=dtype)
    return (np if x.nbytes < aligned.MIN_BYTES else aligned).zeros(x.shape, x.dtype if dtype is None else dtype)


HOST_NAMESPACE: Any = ModuleType("numpy")
vars(HOST_NAMESPACE).update(vars(np), sum=_sum, mean=_mean, max=_max, min=_min, maximum=_maximum, where=_where)
vars(HOST_NAMESPACE).update(astype=_astype, asarray=_asarray, zeros_like=_zeros_like)
