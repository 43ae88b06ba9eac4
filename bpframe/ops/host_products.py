"""Host products: products of two matrices in NumPy in the form that BLAS computes fastest, large ones by a team.

A form follows from shapes, layouts and dtypes alone, so bits do, too, but for the threads of a team.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from bpframe.ops import thread_team
from bpframe.types import Array, HostArray

MIN_TURNED = 2**19  # multiplications, from which OpenBLAS copies a factor into a layout of its own
MIN_ROWS, MIN_NUMBERS = 8, 16  # rows, and times their square as many numbers in that factor, from which turning pays

Product = Callable[..., Any]  # called as np.matmul is: a, b and an array for the result, or None


def host_matmul(a: Any, b: Any, out: HostArray | None = None) -> HostArray:
    """a b, (n, k), (k, m) -> (n, m), into `out` if given; as NumPy where they are not two matrices."""
    form: Product = np.matmul  # of what stands in for an array, too, which chooses the form itself
    if type(a) is np.ndarray and type(b) is np.ndarray and (a.shape[0] * b.size >= MIN_TURNED or a.shape[-1] == 1):
        form = product_form(a, b)
    product: HostArray = form(a, b, out)
    return product


def product_form(a: Array, b: Array) -> Product:
    """The function for arrays of these shapes and layouts."""
    if a.ndim != 2 or b.ndim != 2:
        return np.matmul
    least = min(thread_team.LEAST, thread_team.MIN_MULTIPLICATIONS)  # that some team may share
    return parallel_matmul if a.shape[0] * a.shape[1] * b.shape[1] >= least else _own_form(a, b)


def parallel_matmul(a: HostArray, b: HostArray, out: HostArray | None = None) -> HostArray:
    """The product of two matrices, shared by the current team where it is large enough.

    It is cut into as many parts as the team has threads, whichever thread computes them: bits depend on the size of the
    team alone. The longer side is cut, since BLAS copies the other factor into its own layout once for each part.
    """
    team, (n, k), m = thread_team.current_team(), a.shape, b.shape[1]
    if team is None or not team.shares(n * k * m):
        product: HostArray = _own_form(a, b)(a, b, out)
        return product
    if out is None:
        out = np.empty((n, m), np.result_type(a, b))
    by_rows = n > m or k == 1
    parts = list(pairwise((n if by_rows else m) * i // team.size for i in range(team.size + 1)))
    shares = [(a[i:j], b, out[i:j]) if by_rows else (a, b[:, i:j], out[:, i:j]) for i, j in parts]
    team.run([partial(_own_form(*share[:2]), *share) for share in shares])
    return out


def _own_form(a: Array, b: Array) -> Product:
    """That of one thread."""
    if a.shape[1] == 1 and a.dtype == b.dtype:
        return _column_times_row
    return _turned_matmul if _is_turned(a, b) else np.matmul


def _is_turned(a: Any, b: Any) -> bool:
    """Whether b is the transpose of a larger matrix, as of a weight on the way back, which BLAS would copy first."""
    rows = a.shape[0]
    return bool(
        rows * b.size >= MIN_TURNED
        and rows >= MIN_ROWS
        and MIN_NUMBERS * rows**2 < b.size
        and b.flags.f_contiguous
        and not b.flags.c_contiguous
        and a.dtype == b.dtype == np.float32
    )


def _column_times_row(a: HostArray, b: HostArray, out: HostArray | None = None) -> HostArray:
    """By `np.dot`, where it can fill `out`: NumPy's matmul leaves it to a loop, which takes ten times as long."""
    able = out is None or (out.flags.c_contiguous and out.dtype == a.dtype)
    product: HostArray = (np.dot if able else np.matmul)(a, b, out)
    return product


def _turned_matmul(a: HostArray, b: HostArray, out: HostArray | None = None) -> HostArray:
    """(b^T a^T)^T: BLAS then copies a, which has fewer numbers, at the price of a copy of the result."""
    turned = np.matmul(b.T, a.T).T
    if out is None:
        return np.ascontiguousarray(turned)
    np.copyto(out, turned)
    return out
