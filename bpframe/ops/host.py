"""NumPy's own array namespace with reductions and copies that cost less; other libraries' arrays keep theirs.

x and results any shape, alike in dtype.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType
from typing import Any, Literal

import numpy as np

from bpframe.ops import aligned
from bpframe.types import Array, HostArray, Namespace, Shape

HOSTED: set[type] = {np.ndarray}  # the types that NumPy's functions work on as they do on its own

MANY = 32  # rows of a matrix, from which NumPy reduces them slower than it has to
SMALL = 2**16  # numbers of an array, up to which a second one like it is worth keeping
SHORT = 32  # numbers of a row, up to which NumPy is faster column by column


def namespace(x: Array) -> Namespace:
    """`x.__array_namespace__()`; of a NumPy array, with the functions below in the place of NumPy's own."""
    return HOST if type(x) in HOSTED else x.__array_namespace__()


def by_columns(x: Array) -> Array:
    """x, laid out column by column where it is a NumPy matrix of many short rows: the same numbers, for who reads them.

    NumPy works on the numbers that lie side by side, here on as many as there are rows, and results lie like operands.
    """
    if type(x) not in HOSTED or x.ndim != 2 or x.shape[1] > SHORT or x.shape[0] < MANY:
        return x
    matrix: Any = x
    return x if matrix.flags.f_contiguous else matrix.copy(order="F")


# Behind NumPy's functions of these names are two or three more calls of Python's, which on small arrays cost as much
# as the work itself. And NumPy reduces a matrix row by row: with many rows a product with ones, or columns where they
# are short, takes a half to an eighth of the time.


def _sum(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: Any = False) -> Any:
    if x.ndim != 2 or len(x) < MANY or axis not in (0, 1, -1) or x.dtype.kind != "f" or dtype is not None:
        return np.add.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims)
    n = x.shape[axis]
    if axis and n <= SHORT:
        columns: Any = by_columns(x)
        return np.add.reduce(columns, axis=1, keepdims=keepdims)
    ones = _full((n,), 1.0, x.dtype) if n <= SMALL else np.ones(n, x.dtype)
    total = ones @ x if axis == 0 else x @ ones
    return total.reshape((1, -1) if axis == 0 else (-1, 1)) if keepdims else total


@lru_cache(maxsize=64)
def _full(shape: Shape, value: float, dtype: np.dtype[Any], order: Literal["C", "F"] = "C") -> HostArray:
    full = np.full(shape, value, dtype, order)
    full.flags.writeable = False
    return full


def _max(x: Any, /, *, axis: Any = None, keepdims: Any = False) -> Any:
    columns: Any = by_columns(x) if axis else x
    return np.maximum.reduce(columns, axis=axis, keepdims=keepdims)


def _min(x: Any, /, *, axis: Any = None, keepdims: Any = False) -> Any:
    return np.minimum.reduce(x, axis=axis, keepdims=keepdims)


def _maximum(x: Any, y: Any, /) -> Any:
    if type(x) in HOSTED and type(y) in (int, float) and x.size <= SMALL and x.dtype.kind == "f":
        # NumPy takes two arrays that lie alike several numbers at a time, a number one by one
        y = _full(x.shape, y, x.dtype, "C" if x.flags.c_contiguous else "F")
    return np.maximum(x, y)


def _astype(x: Any, dtype: Any, /, *, copy: bool = True) -> Any:
    return x.astype(dtype, copy=copy)


def _asarray(x: Any, /, *, dtype: Any = None, copy: bool | None = None) -> Any:
    if type(x) in HOSTED and x.ndim:
        return x.astype(x.dtype if dtype is None else dtype, copy=bool(copy))
    return np.asarray(x, dtype=dtype, copy=copy)


def _zeros_like(x: Any, /, *, dtype: Any = None) -> Any:
    if type(x) is not np.ndarray or not x.flags.c_contiguous:
        return np.zeros_like(x, dtype=dtype)
    return (np if x.nbytes < aligned.LONG else aligned).zeros(x.shape, x.dtype if dtype is None else dtype)


HOST: Any = ModuleType("numpy")
vars(HOST).update(vars(np), sum=_sum, max=_max, min=_min, maximum=_maximum)
vars(HOST).update(astype=_astype, asarray=_asarray, zeros_like=_zeros_like)
