"""Clipping by the norm of each parameter's gradient.  g gradient of one parameter, of any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, checks, ops


@final
@dataclass(frozen=True)
class ClipNorm:
    """g <- g min(1, limit / ||g||), for each parameter by itself: the direction of each one's gradient stays.

    Keras calls it clipnorm. For one factor for the whole model: clip_global_norm.
    Source: Pascanu, Mikolov and Bengio (2013), arXiv:1211.5063, algorithm 1, parameter by parameter.
    """

    limit: float = 1.0
    scope: ClassVar[Scope] = "array"

    def __post_init__(self) -> None:
        checks.positive("clip_norm", limit=self.limit)

    def init(self, p: Array) -> State:
        """Nothing to remember."""
        return {}

    def transform(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(g of at most the limit's length, {})."""
        xp = ops.namespace(g)
        norm = xp.sqrt(ops.inner(g, g))
        return g * (h.limit / xp.where(norm > h.limit, norm, xp.ones_like(norm) * h.limit)), {}

    def golden(self) -> list[tuple[Any, ...]]:
        """By hand: lengths 5 and 0.5."""
        return [({"limit": 1.0}, [[0.0], [0.0]], [[[3.0], [4.0]], [[0.3], [0.4]]], [[[0.6], [0.8]], [[0.3], [0.4]]])]
