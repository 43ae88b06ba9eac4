"""Clipping by the global norm, that of the whole model's gradient.  g gradient of a piece, G of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, checks, ops


@final
@dataclass(frozen=True)
class ClipGlobalNorm:
    """g <- g min(1, limit / (||G|| + eps)): the whole step is made shorter, its direction stays.

    PyTorch's clip_grad_norm_ has eps 1e-6, Keras and optax have none.
    Source: Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural networks,
    arXiv:1211.5063, algorithm 1.
    """

    limit: float = 1.0
    eps: float = 0.0
    scope: ClassVar[Scope] = "element"

    def __post_init__(self) -> None:
        checks.positive("clip_global_norm", limit=self.limit)
        checks.not_negative("clip_global_norm", eps=self.eps)

    def init(self, p: Array) -> State:
        """Nothing to remember."""
        return {}

    def totals(self, p: Array, g: Array, state: State, h: Hyper) -> dict[str, Array]:
        """The squared norm."""
        return {"squared_norm": ops.inner(g, g)}

    def transform(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(g, shorter where G is too long, {})."""
        xp = ops.namespace(g)
        norm = xp.sqrt(h.total["squared_norm"]) + h.eps
        return g * (h.limit / xp.where(norm > h.limit, norm, xp.ones_like(norm) * h.limit)), {}

    def golden(self) -> list[tuple[Any, ...]]:
        """By hand: lengths 5 and 0.5; with eps, 4 / (5 + 3)."""
        gradients, cut = [[3.0, 4.0], [0.3, 0.4]], [[0.6, 0.8], [0.3, 0.4]]
        arguments = {"limit": 1.0}, {"limit": 4.0, "eps": 3.0}
        return [(arguments[0], [0.0, 0.0], gradients, cut), (arguments[1], [0.0, 0.0], gradients[:1], [[1.5, 2.0]])]
