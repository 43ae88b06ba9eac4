"""Non-negative weights.  p any weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, ops


@final
@dataclass(frozen=True)
class NonNegative:
    """w <- max(w, 0): the output of such layers with rising activations never falls when an input rises."""

    scope: ClassVar[Literal["element"]] = "element"

    def project(self, p: Array, h: Hyper) -> Array:
        """The nearest p without a number below 0."""
        return ops.namespace(p).maximum(p, 0)
