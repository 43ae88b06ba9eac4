"""Maximum norm of each unit's weights.  p (n, m) weights of n inputs and m units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, checks, ops


@final
@dataclass(frozen=True)
class MaxNorm:
    """w <- w min(1, limit / |w|) for each unit's weights w, a column: those that are too long are scaled back.

    `axis` is the one the length is taken along: 0 for a column (n, m), 1 for rows, as of an embedding.
    Source: Srebro and Shraibman (2005), Rank, trace-norm and max-norm; Srivastava et al. (2014), Dropout, section 5.1;
    limits are 3 to 4 there, in appendix A.3. The default is that of Keras.
    """

    limit: float = 2.0
    axis: int = 0
    scope: ClassVar[Literal["array"]] = "array"

    def __post_init__(self) -> None:
        checks.positive("max_norm", limit=self.limit)

    def project(self, p: Array, h: Hyper) -> Array:
        """The nearest p without a length above the limit."""
        xp = ops.namespace(p)
        length = xp.sqrt(xp.sum(p * p, axis=self.axis, keepdims=True))
        factor: Array = h.limit / xp.maximum(length, h.limit)  # exactly 1 below the limit
        return p * factor
