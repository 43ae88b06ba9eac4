"""Elastic net: L1 and L2 penalty together.  p any weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, checks, ops


@final
@dataclass(frozen=True)
class ElasticNet:
    """penalty = l1 sum |w| + l2 / 2 sum w^2, undivided by the batch; gradient = l1 sign(w) + l2 w, 0 at w = 0.

    The sum of the penalties `l1` and `l2` of these strengths. scikit-learn's alpha and l1_ratio are
    l1 = alpha l1_ratio and l2 = alpha (1 - l1_ratio); Keras has no factor of 1/2.
    Source: Zou and Hastie (2005), Regularization and variable selection via the elastic net, equation 3.
    """

    l1: float = 1e-4
    l2: float = 1e-4
    decay_settings: ClassVar[tuple[str, ...]] = ("l1", "l2")

    def __post_init__(self) -> None:
        checks.not_negative("elastic_net", l1=self.l1, l2=self.l2)

    def value_and_gradient(self, p: Array, h: Hyper) -> tuple[Array, Array]:
        """(0-d penalty, gradient in p's shape)."""
        xp = ops.namespace(p)
        slope, pull = h.l1 * xp.sign(p), h.l2 * p
        return xp.sum((slope + 0.5 * pull) * p), slope + pull
