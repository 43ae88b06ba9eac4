"""Continuous ranked probability score (CRPS) of a normal distribution.

m targets; scores (B, 2 m), means then log variances s; target (B, m).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, Layer, checks, ops
from bpframe_losses.gaussian_nll import BoundedVariance, bounded, leading_back, targets_of


@final
@dataclass(frozen=True)
class CrpsGaussian:
    """loss = sum_j sigma (w (2 Phi(w) - 1) + 2 phi(w) - 1 / sqrt(pi)), w = (y - mu) / sigma, in units of y.

    delta = (1 - 2 Phi(w), sigma / 2 (2 phi(w) - 1 / sqrt(pi))) of mu and s = log sigma^2. A proper score, as the
    likelihood is, but linear in far residuals, and the absolute error where sigma goes to 0. Variances are kept from
    `eps`, in squared units of y, to exp(40), as gaussian_nll has it. Metrics compare means.
    Source: Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation, equation 21.
    """

    eps: float = 1e-6
    fixed_settings: ClassVar[tuple[str, ...]] = ("eps",)  # of the link, too
    surrogate: ClassVar[str] = "beyond its bounds a log variance has the slope of the bound, where that leads back"

    @property
    def link(self) -> Layer:
        """Log variances within their bounds, means as they are."""
        return BoundedVariance(math.log(self.eps))

    def __post_init__(self) -> None:
        checks.positive("crps_gaussian", eps=self.eps)

    def target_width(self, outputs: int) -> int:
        """m = outputs / 2."""
        return targets_of("crps_gaussian", outputs)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, 2 m))."""
        xp = ops.namespace(scores)
        mean, s = bounded(scores, math.log(self.eps))
        sigma = xp.exp(0.5 * s)
        w = (target - mean) / sigma
        middle = ops.erf(w * math.sqrt(0.5))  # 2 Phi(w) - 1
        spread = math.sqrt(2 / math.pi) * xp.exp(-0.5 * xp.minimum(w * w, xp.full_like(w, 1e4))) - 1 / math.sqrt(
            math.pi
        )
        slope = leading_back(0.5 * sigma * spread, scores[:, mean.shape[-1] :], s)
        return xp.sum((target - mean) * middle + sigma * spread, axis=-1), xp.concat([-middle, slope], axis=-1)

    def point(self, prediction: HostArray) -> HostArray:
        """(B, m) means."""
        return prediction[:, : prediction.shape[1] // 2]

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores and targets, two a row."""
        return rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
