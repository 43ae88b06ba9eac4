"""Functions that the Array API standard lacks, in its vocabulary.  x and results any shape, alike in dtype.

erfc is one polynomial for all x >= 0, after Shepherd and Laframboise (1981), Chebyshev approximation of (1 + 2 x)
exp(x^2) erfc x in 0 <= x < infinity, Mathematics of Computation 36: that function of t = (x - 4) / (x + 4) varies
between 1 and 1.25 only. Its Chebyshev series, computed with 60 digits and cut after t^23, leaves a relative error of
6e-17. erf near 0 is the rational function of Cody (1969), Rational Chebyshev approximations for the error function,
Mathematics of Computation 23, with the coefficients of his program CALERF.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any, Literal

import numpy as np

from bpframe.ops import aligned, thread_team
from bpframe.types import Array, HostArray, Namespace, Shape

CROSSPROD: dict[object, Callable[[Array, Array], Array]] = {}  # faster forms, by array namespace
HOSTED: set[type] = {np.ndarray}  # the types that NumPy's functions work on as they do on its own

MANY = 32  # rows of a matrix, from which NumPy reduces them slower than it has to
SMALL = 2**16  # numbers of an array, up to which a second one like it is worth keeping
SHORT = 32  # numbers of a row, up to which NumPy is faster column by column

NEAR = 0.46875  # up to here 1 - erfc would cancel
NOTHING = 30.0  # erfc of more is 0 in every dtype

# coefficients, highest power first
_SCALED = (
    9.311744978232572e-10,
    1.5738283774192037e-09,
    -1.234686604382353e-08,
    -1.6371779763566967e-08,
    1.0633855618594884e-07,
    7.115337800585303e-08,
    -8.210939042560568e-07,
    2.9801353803031333e-07,
    5.706604414895734e-06,
    -1.1225101875659178e-05,
    -2.4397746422436416e-05,
    0.00015062309720018628,
    -0.00019925714661091188,
    -0.000757773707063825,
    0.005031970067657489,
    -0.016197733981455194,
    0.03716751552655567,
    -0.06633036582031154,
    0.0937328349990944,
    -0.10103906603586531,
    0.06809705425466908,
    0.015379652102610473,
    -0.1396211168405623,
    1.2329951186255526,
)
_ABOVE = (
    1.85777706184603153e-1,
    3.16112374387056560,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_BELOW = (
    1.0,
    2.36012909523441209e1,
    2.44024637934444173e2,
    1.28261652607737228e3,
    2.84423683343917062e3,
)


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


def erf(x: Array) -> Array:
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, to the last digits, shape of x."""
    xp = namespace(x)
    near = xp.clip(x, -NEAR, NEAR)
    square = near * near
    near = near * _polynomial(_ABOVE, square) / _polynomial(_BELOW, square)
    return xp.where(abs(x) <= NEAR, near, xp.sign(x) * (1 - _erfc(abs(x))))


def erfc(x: Array) -> Array:
    """1 - erf(x) without the cancellation: to the last digits however small, shape of x."""
    sign = namespace(x).sign(x)
    return (1 - sign) + sign * _erfc(abs(x))  # 2 - erfc(-x) for x < 0


def inner(a: Array, b: Array) -> Array:
    """The sum of a b over all their numbers: the inner product of two arrays of one shape, a single number."""
    host: Any = a
    if type(a) in HOSTED:
        total: Array = np.vdot(host, b)
    else:  # in XLA twice as fast as the sum of a product
        xp = namespace(a)
        total = xp.vecdot(xp.reshape(a, (-1,)), xp.reshape(b, (-1,)))
    return total


def product(a: Array, b: Array) -> Array:
    """a b for matrices, (B, n), (n, m) -> (B, m); in NumPy laid out column by column where that is many short rows.

    So are then the results of what is done with it element by element, and with one row for all (a bias).
    """
    if type(a) not in HOSTED:
        return a @ b
    if b.shape[1] <= SHORT and a.shape[0] >= MANY:
        return (b.T @ a.T).T
    return thread_team.matmul(a, b)


def crossprod(a: Array, b: Array) -> Array:
    """a^T b, the sum over rows of their outer products: (B, n), (B, m) -> (n, m), the gradient of a weight."""
    if type(a) in HOSTED:  # on small arrays the look-up costs as much as the product
        return thread_team.matmul(a.T, b)
    faster = CROSSPROD.get(namespace(a))
    return a.T @ b if faster is None else faster(a, b)


def _erfc(x: Array) -> Array:
    """erfc for x >= 0."""
    xp = namespace(x)
    x = xp.minimum(x, NOTHING)
    head = xp.floor(16 * x) / 16  # its square is exact: exp(-x^2) = exp(-head^2) exp((head - x)(head + x))
    gauss = xp.exp(-head * head) * xp.exp((head - x) * (head + x))
    return gauss * (_polynomial(_SCALED, (x - 4) / (x + 4)) / (1 + 2 * x))


def _polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """By Horner's rule, in the array that the first product makes."""
    y = coefficients[0] * x + coefficients[1]
    for c in coefficients[2:]:
        y *= x
        y += c
    return y
