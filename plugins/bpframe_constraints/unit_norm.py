"""Unit norm of each unit's weights.  p (n, m) weights of n inputs and m units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, ops


@final
@dataclass(frozen=True)
class UnitNorm:
    """w <- w / |w| for each unit's weights w, a column; one that is 0 has no direction and stays.

    `axis` is the one the length is taken along: 0 for a column (n, m), 1 for rows, as of an embedding.
    """

    axis: int = 0
    scope: ClassVar[Literal["array"]] = "array"

    def project(self, p: Array, h: Hyper) -> Array:
        """The nearest p whose lengths are 1, or 0 where they are 0."""
        xp = ops.namespace(p)
        length = xp.sqrt(xp.sum(p * p, axis=self.axis, keepdims=True))
        return p / xp.where(length > 0, length, 1.0)
