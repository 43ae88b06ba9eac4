"""Gaussian negative log likelihood.  m targets; scores (B, 2 m), means then log variances s; target (B, m)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, Key, ShapeError, checks, ops

LARGEST = 40.0  # of a log variance: a standard deviation of 5e8


@final
@dataclass(frozen=True)
class GaussianNll:
    """loss = 1/2 sum_j s_j + r_j^2 exp(-s_j), r = mu - y, in nats; delta = (r exp(-s), (1 - r^2 exp(-s)) / 2).

    The negative log likelihood of normal distributions, without log(2 pi) / 2. Variances are kept from `eps`, in
    squared units of y, to exp(40): beyond, value and delta are those of the bound. Metrics compare means.
    Source: Nix and Weigend (1994), Estimating the mean and variance of the target probability distribution.
    """

    eps: float = 1e-6
    link: ClassVar[str] = "identity"

    def __post_init__(self) -> None:
        checks.positive("gaussian_nll", eps=self.eps)

    def target_width(self, outputs: int) -> int:
        """m = outputs / 2."""
        if outputs % 2:
            raise ShapeError(
                f"gaussian_nll needs 2 scores for each target, means then log variances, got {outputs}. End the "
                "network in 2 outputs for one target."
            )
        return outputs // 2

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, 2 m))."""
        xp = ops.namespace(scores)
        mean, s = self._parts(scores)
        r, precision = mean - target, xp.exp(-s)
        share = r * r * precision
        return 0.5 * xp.sum(s + share, axis=-1), xp.concat([r * precision, 0.5 * (1 - share)], axis=-1)

    def point(self, prediction: HostArray) -> HostArray:
        """(B, m) means."""
        return prediction[:, : prediction.shape[1] // 2]

    def sample_target(self, scores: Array, key: Key) -> Array:
        """(B, m) draws from the normal distributions."""
        mean, s = self._parts(scores)
        return mean + ops.namespace(s).exp(0.5 * s) * key.normal(mean)

    def _parts(self, scores: Array) -> tuple[Array, Array]:
        """(means, log variances within their bounds), (B, m) each."""
        m = scores.shape[-1] // 2
        return scores[:, :m], ops.namespace(scores).clip(scores[:, m:], math.log(self.eps), LARGEST)

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores and targets, two a row."""
        return rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
