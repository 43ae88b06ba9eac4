"""Flat rows: arrays of any rank as matrices of their last axis.  x (B, *S, n), |S| the product of S."""

from __future__ import annotations

import math

from bpframe.ops.host import namespace
from bpframe.types import Array


def flat_rows(x: Array) -> Array:
    """(B |S|, n): the rows of the last axis one below the other; a matrix is itself."""
    return x if x.ndim == 2 else namespace(x).reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))
