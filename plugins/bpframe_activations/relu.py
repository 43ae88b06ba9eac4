"""Rectified linear unit.  u pre-activation, v = max(u, 0) value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ops


@final
@dataclass(frozen=True)
class Relu:
    """v = max(u, 0); phi'(u) = 1 where v > 0, else 0 (so phi'(0) = 0).

    Source: Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.
    """

    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    range: ClassVar[str] = "[0, inf)"

    def value(self, u: Array) -> Array:
        """max(u, 0), shape of u."""
        return ops.namespace(u).maximum(u, 0)

    def derivative(self, v: Array) -> Array:
        """1 where v > 0, else 0, shape of v."""
        return ops.namespace(v).astype(v > 0, v.dtype)
