"""Cosine distance between scores and target.  Shapes: z (B, C) scores, target (B, C) vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ops

EPS = 1e-8  # of the length of z: where it is far below 1e-8, its direction has no meaning


@final
@dataclass(frozen=True)
class Cosine:
    """loss = 1 - u . v, in [0, 2], u and v the directions of z and y; delta = (u (u . v) - v) / |z|.

    Lengths do not matter. |z| = sqrt(sum_c z_c^2 + 1e-16), so that delta is finite at z = 0, too; a target of length 0
    has no direction, which gives loss 1 and delta 0. Elsewhere also called cosine distance.
    Source: Salton and McGill (1983), Introduction to Modern Information Retrieval.
    """

    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        xp = ops.namespace(scores)
        length = xp.sqrt(xp.sum(scores * scores, axis=-1, keepdims=True) + EPS**2)
        wanted = xp.sqrt(xp.sum(target * target, axis=-1, keepdims=True))
        u, v = scores / length, target / xp.where(wanted > 0, wanted, 1.0)
        cosine = xp.sum(u * v, axis=-1, keepdims=True)
        return 1 - cosine[..., 0], (u * cosine - v) / length
