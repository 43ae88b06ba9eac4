"""Gaussian negative log likelihood, weighed by a power of the variance.

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
class BetaNll:
    """loss = sum_j c_j / 2 (s_j + r_j^2 exp(-s_j)), r = mu - y, c = exp(beta s) taken as a constant, in nats.

    delta = c (r exp(-s), (1 - r^2 exp(-s)) / 2): that of gaussian_nll, times the variance to the power `beta`. With 0
    it is that loss, whose means learn little where the variance is large; with 1 means learn as under mse. Variances
    are kept from `eps`, in squared units of y, to exp(40). Metrics compare means.
    Source: Seitzer et al. (2022), On the pitfalls of heteroscedastic uncertainty estimation with probabilistic neural
    networks, arXiv:2203.09168, equation 5.
    """

    beta: float = 0.5
    eps: float = 1e-6
    fixed_settings: ClassVar[tuple[str, ...]] = ("eps",)  # of the link, too
    surrogate: ClassVar[str] = "the power of the variance is taken as a constant"

    @property
    def link(self) -> Layer:
        """Log variances within their bounds, means as they are."""
        return BoundedVariance(math.log(self.eps))

    def __post_init__(self) -> None:
        checks.not_negative("beta_nll", beta=self.beta)
        checks.positive("beta_nll", eps=self.eps)

    def target_width(self, outputs: int) -> int:
        """m = outputs / 2."""
        return targets_of("beta_nll", outputs)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, 2 m))."""
        xp = ops.namespace(scores)
        mean, s = bounded(scores, math.log(self.eps))
        r, constant = mean - target, xp.exp(self.beta * s)
        share = r * r * xp.exp(-s)
        slope = leading_back(0.5 * constant * (1 - share), scores[:, mean.shape[-1] :], s)
        delta = xp.concat([constant * r * xp.exp(-s), slope], axis=-1)
        return 0.5 * xp.sum(constant * (s + share), axis=-1), delta

    def point(self, prediction: HostArray) -> HostArray:
        """(B, m) means."""
        return prediction[:, : prediction.shape[1] // 2]

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores and targets, two a row."""
        return rng.normal(size=(5, 4)), rng.normal(size=(5, 2))

    def example_fitted(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Means that are the targets, with small variances."""
        target = rng.normal(size=(5, 2))
        return np.hstack([target, np.full((5, 2), -1.0)]), target
