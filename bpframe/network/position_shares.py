"""Position shares: of the positions of a row, so that every loss takes scores of any shape as rows of their last axis.

A row has |S| positions, those of the axes S between the rows and the scores of one position.
Shapes: scores (B, *S, C), target (B, *S, M), share (B,), (B, *S) or one number.
"""

from __future__ import annotations

import math
from typing import Any

from bpframe import ops
from bpframe.types import Array, Shape


def flat_shares(share: Any, shape: Shape) -> Any:
    """The share of each position (B |S|,), `shape` (B, *S): a row's in equal parts, one number where all are alike."""
    count = math.prod(shape[1:])
    if isinstance(share, float):
        return share / count
    xp = ops.namespace(share)
    if share.ndim > 1:
        return xp.reshape(share, (math.prod(shape),))
    return xp.reshape(xp.broadcast_to((share / count)[:, None], (shape[0], count)), (math.prod(shape),))


def stand_ins(array: Array, share: Any) -> Array:
    """Rows (B |S|, C) with the first that counts in the place of those whose share is 0.

    So what stands at padding comes into no step: 0 times a loss that overflows would be NaN.
    """
    xp = ops.namespace(array)
    first = xp.argmax(xp.astype(share > 0, xp.int8), keepdims=True)
    return xp.where((share > 0)[:, None], array, xp.take(array, first, axis=0))
