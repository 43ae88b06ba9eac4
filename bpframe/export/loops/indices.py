"""Indices of elements in flat memory, as expressions in a loop's counter.

Strides count elements; a counter i runs over an array of shape (n_1, ..., n_k) in row-major order.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from bpframe.types import Shape


def strides_of(shape: Sequence[int]) -> Shape:
    """Row-major strides."""
    return tuple(prod(shape[k + 1 :]) for k in range(len(shape)))


def broadcast_strides(shape: Sequence[int], to: Sequence[int]) -> Shape:
    """The strides of an array that is read as if it had the shape `to`: 0 along axes that it repeats."""
    missing = len(to) - len(shape)
    own = strides_of(shape)
    return tuple(0 if k < missing or shape[k - missing] == 1 else own[k - missing] for k in range(len(to)))


def flat_index(quotient: str, counter: str, shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> str:
    """Where the element at `counter` of an array of that shape lies: offset + sum_k i_k stride_k.

    `quotient`: how a language divides whole numbers, with two places for them.
    """
    terms = []
    axes = _joined([(n, stride) for n, stride in zip(shape, strides, strict=True) if n != 1])
    inner = prod(n for n, _ in axes)
    for k, (n, stride) in enumerate(axes):
        inner //= n
        if stride:
            part = counter if inner == 1 else quotient.format(counter, inner)
            part = part if k == 0 else f"{part} % {n}"
            terms.append(part if stride == 1 else f"({part}) * {stride}")
    if offset or not terms:
        terms.append(str(offset))
    return " + ".join(terms)


def _joined(axes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours that lie in memory as one axis would, as one."""
    joined: list[tuple[int, int]] = []
    for n, stride in axes:
        if joined and joined[-1][1] == stride * n:
            joined[-1] = (joined[-1][0] * n, stride)
        else:
            joined.append((n, stride))
    return joined
