"""Rotary positions: pairs of numbers turned by an angle that grows with their step.  x (..., T, d), d even."""

from __future__ import annotations

import math
from typing import Any

from bpframe.plugin import Array, ops

BASE = 10000.0


def rotated(x: Array, way: int = 1) -> Array:
    """Number i and i + d / 2 of step t turned by t BASE^(-2 i / d); `way` -1 turns back, which is also the slope's way.

    Source: Su et al. (2021), RoFormer, arXiv:2104.09864, equation 34, with the pairs of GPT-NeoX: halves, not
    neighbours.
    """
    xp, numbers, half = ops.namespace(x), x, x.shape[-1] // 2
    where = ops.placement(x)
    steps: Any = xp.arange(x.shape[-2], dtype=x.dtype, **where)
    rates: Any = xp.exp(xp.arange(half, dtype=x.dtype, **where) * (-math.log(BASE) / half))
    angles = steps[:, None] * rates[None, :]
    cosine, sine = xp.cos(angles), way * xp.sin(angles)
    a: Any = numbers[..., :half]
    b: Any = numbers[..., half:]
    return xp.concat([a * cosine - b * sine, a * sine + b * cosine], axis=-1)
