"""Gaussian negative log likelihood.  m targets; scores (B, 2 m), means then log variances s; target (B, m)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, HostArray, Key, Layer, Params, Shape, ShapeError, checks, ops

LARGEST = 40.0  # of a log variance: a standard deviation of 5e8


@final
@dataclass(frozen=True)
class GaussianNll:
    """loss = 1/2 sum_j s_j + r_j^2 exp(-s_j), r = mu - y, in nats; delta = (r exp(-s), (1 - r^2 exp(-s)) / 2).

    The negative log likelihood of normal distributions, without log(2 pi) / 2. Variances are kept from `eps`, in
    squared units of y, to exp(40), in predictions too: beyond, the value is that of the bound, and the delta of s is
    that of the bound where it leads back, 0 where it would lead further away. Metrics compare means.
    Source: Nix and Weigend (1994), Estimating the mean and variance of the target probability distribution.
    """

    eps: float = 1e-6
    fixed_settings: ClassVar[tuple[str, ...]] = ("eps",)  # of the link, too
    surrogate: ClassVar[str] = "beyond its bounds a log variance has the slope of the bound, where that leads back"

    @property
    def link(self) -> Layer:
        """Log variances within their bounds, means as they are."""
        return BoundedVariance(math.log(self.eps))

    def __post_init__(self) -> None:
        checks.positive("gaussian_nll", eps=self.eps)

    def target_width(self, outputs: int) -> int:
        """m = outputs / 2."""
        return targets_of("gaussian_nll", outputs)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, 2 m))."""
        xp = ops.namespace(scores)
        mean, s = self._parts(scores)
        r, precision = mean - target, xp.exp(-s)
        share = r * r * precision
        slope = leading_back(0.5 * (1 - share), scores[:, mean.shape[-1] :], s)
        return 0.5 * xp.sum(s + share, axis=-1), xp.concat([r * precision, slope], axis=-1)

    def point(self, prediction: HostArray) -> HostArray:
        """(B, m) means."""
        return prediction[:, : prediction.shape[1] // 2]

    def sample_target(self, scores: Array, key: Key) -> Array:
        """(B, m) draws from the normal distributions."""
        mean, s = self._parts(scores)
        return mean + ops.namespace(s).exp(0.5 * s) * key.normal(mean)

    def _parts(self, scores: Array) -> tuple[Array, Array]:
        """(means, log variances within their bounds), (B, m) each."""
        return bounded(scores, math.log(self.eps))

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores and targets, two a row."""
        return rng.normal(size=(5, 4)), rng.normal(size=(5, 2))


@final
@dataclass(frozen=True)
class BoundedVariance:
    """v = (means, log variances s within `least` and 40) of u (B, 2 m); du = dv where s lies within, otherwise 0."""

    least: float

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, where u is as it was)."""
        xp = ops.namespace(x)
        v = xp.concat(list(bounded(x, self.least)), axis=-1)
        return v, v == x

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dv where u is as it was."""
        return ops.namespace(dy).where(cache, dy, 0.0), {}


def bounded(scores: Array, least: float) -> tuple[Array, Array]:
    """(means, log variances from `least` to 40), (B, m) each."""
    m = scores.shape[-1] // 2
    return scores[:, :m], ops.namespace(scores).clip(scores[:, m:], least, LARGEST)


def leading_back(slope: Array, given: Array, s: Array) -> Array:
    """The slope of log variances s; 0 where those given lie beyond a bound and it would lead further away."""
    xp = ops.namespace(s)
    none = xp.zeros_like(s)
    slope = xp.where(given < s, xp.minimum(slope, none), slope)  # below the least: never further down
    return xp.where(given > s, xp.maximum(slope, none), slope)


def targets_of(owner: str, outputs: int) -> int:
    """m of 2 m scores, means then log variances; ShapeError to the loss `owner` for an odd number of them."""
    if outputs % 2:
        raise ShapeError(
            f"{owner} needs 2 scores for each target, means then log variances, got {outputs}. End the network in 2 "
            "outputs for one target."
        )
    return outputs // 2
