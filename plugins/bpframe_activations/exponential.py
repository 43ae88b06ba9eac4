"""Exponential.  u pre-activation, v = exp(u) value; any shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, ops


@final
@dataclass(frozen=True)
class Exponential:
    """v = exp(min(u, bound)); phi'(u) = v, also beyond the bound, so that a step can lead back from there.

    bound = floor(log(largest number of the dtype)) - 8: 80 in float32, 701 in float64. Values stay finite, and so do
    sums of thousands of them.
    """

    range: ClassVar[str] = "(0, inf)"

    def value(self, u: Array) -> Array:
        """exp(min(u, bound)), shape of u."""
        xp: Any = ops.namespace(u)
        bound = math.floor(math.log(xp.finfo(u.dtype).max)) - 8
        v: Array = xp.exp(xp.minimum(u, bound))
        return v

    def derivative(self, v: Array) -> Array:
        """v itself."""
        return v
