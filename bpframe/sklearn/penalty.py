"""scikit-learn's penalty on weights, divided by the sum of the batch's sample weights.  p any weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from bpframe import ops
from bpframe.types import Array, Hyper


@final
@dataclass(frozen=True)
class Penalty:
    """penalty = (alpha / 2 sum w^2 + l1 sum |w|) / s;  gradient = (alpha w + l1 sign(w)) / s.

    s is what the batch's weighted losses are divided by, the sum of its sample weights, the number of its rows where
    there are none: `h.weight` times `unit`, the weight that the trainer has scaled to 1. Without `by_batch`, for
    minimizers, which have no batch, s is `unit`.
    `weightless`: some weights are 0, and so s may be; a batch without weight has no penalty, as it has no loss.
    Source: `MLPClassifier._backprop` of scikit-learn; `l1` is scaled alike.
    """

    alpha: float = 1e-4
    l1: float = 0.0
    unit: float = 1.0
    by_batch: bool = True
    weightless: bool = False

    def value_and_gradient(self, p: Array, h: Hyper) -> tuple[Array, Array]:
        """(0-d penalty, gradient in p's shape)."""
        xp = ops.namespace(p)
        s = h.weight * h.unit if self.by_batch else h.unit
        l2, l1 = h.alpha / s, h.l1 / s
        if self.weightless:
            l2, l1 = (xp.where(xp.asarray(s > 0), strength, 0 * h.unit) for strength in (l2, l1))
        gradient = l2 * p
        value = 0.5 * l2 * ops.inner(p, p)
        if self.l1:
            value = value + l1 * xp.sum(abs(p))
            gradient = gradient + l1 * xp.sign(p)
        return value, gradient
