"""Rectified linear unit with a ceiling.  u pre-activation, v = min(max(u, 0), 6) value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ops


@final
@dataclass(frozen=True)
class Relu6:
    """v = min(max(u, 0), 6); phi'(u) = 1 where 0 < v < 6, else 0 (so 0 at u = 0 and u = 6).

    Source: Krizhevsky (2010), Convolutional deep belief networks on CIFAR-10.
    """

    kinks: ClassVar[tuple[float, ...]] = (0.0, 6.0)
    range: ClassVar[str] = "[0, 6]"

    def value(self, u: Array) -> Array:
        """clip(u, 0, 6), shape of u."""
        return ops.namespace(u).clip(u, 0, 6)

    def derivative(self, v: Array) -> Array:
        """1 where 0 < v < 6, else 0, shape of v."""
        xp = ops.namespace(v)
        return xp.astype(xp.logical_and(v > 0, v < 6), v.dtype)
