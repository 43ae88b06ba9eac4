"""Clipping by value, number by number.  g gradient of any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, checks, ops


@final
@dataclass(frozen=True)
class ClipValue:
    """g <- min(max(g, -limit), limit): no number beyond the limit; the direction changes.

    Source: Mikolov (2012), Statistical language models based on neural networks (thesis).
    """

    limit: float = 1.0
    scope: ClassVar[Scope] = "element"

    def __post_init__(self) -> None:
        checks.positive("clip_value", limit=self.limit)

    def init(self, p: Array) -> State:
        """Nothing to remember."""
        return {}

    def transform(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(g within the limits, {})."""
        return ops.namespace(g).clip(g, -h.limit, h.limit), {}

    def golden(self) -> list[tuple[Any, ...]]:
        """By hand."""
        return [({"limit": 0.5}, [0.0, 0.0, 0.0], [[-2.0, 0.25, 3.0]], [[-0.5, 0.25, 0.5]])]
