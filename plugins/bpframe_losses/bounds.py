"""Bounds that keep logarithms and exponentials finite, by dtype."""

from __future__ import annotations

import math
from typing import Any

from bpframe.plugin import Array, ops


def smallest(x: Array) -> float:
    """The smallest normal number of x's dtype: 1.2e-38 in float32, 2.2e-308 in float64."""
    info: Any = ops.namespace(x).finfo(x.dtype)
    return float(info.smallest_normal)


def exponent(x: Array) -> int:
    """A whole number whose exp, times a target, may be squared in x's dtype: 40 in float32, 350 in float64."""
    info: Any = ops.namespace(x).finfo(x.dtype)
    return math.floor(math.log(float(info.max)) / 2) - 4
