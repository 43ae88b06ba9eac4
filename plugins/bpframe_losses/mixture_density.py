"""Mixture density: the negative log likelihood of a mixture of normal distributions.

K components, m targets; scores (B, (2 + m) K): K logits a, K log variances s, then the means mu (K, m) one component
after the other; target (B, m).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, HostArray, Key, Layer, Params, Shape, ShapeError, checks, ops
from bpframe_losses.gaussian_nll import LARGEST, leading_back


@final
@dataclass(frozen=True)
class MixtureDensity:
    """loss = -log sum_k pi_k exp(-s_k m / 2 - |y - mu_k|^2 exp(-s_k) / 2), pi = softmax(a), in nats.

    Without m log(2 pi) / 2. With the share g_k that component k has in the sum and r_k = mu_k - y: delta = (pi - g,
    g (m - |r|^2 exp(-s)) / 2, g r exp(-s)). A component has one variance for all targets. Variances are kept from
    `eps`, in squared units of y, to exp(40), as gaussian_nll has it: a component that settles on one row cannot grow
    without bound. Metrics compare means of the mixture.
    Source: Bishop (1994), Mixture density networks, equations 22 to 38.
    """

    components: int = 3
    eps: float = 1e-6
    fixed_settings: ClassVar[tuple[str, ...]] = ("eps",)  # of the link, too
    surrogate: ClassVar[str] = "beyond its bounds a log variance has the slope of the bound, where that leads back"

    def __post_init__(self) -> None:
        checks.whole("mixture_density", 2, components=self.components)
        checks.positive("mixture_density", eps=self.eps)

    @property
    def link(self) -> Layer:
        """Logits as probabilities, log variances within their bounds, means as they are."""
        return MixtureParameters(self.components, math.log(self.eps))

    def target_width(self, outputs: int) -> int:
        """m = outputs / K - 2."""
        if outputs % self.components or outputs // self.components < 3:
            raise ShapeError(
                f"mixture_density needs 2 + m scores for each of {self.components} components and m targets, got "
                f"{outputs}. End the network in {3 * self.components} outputs for one target."
            )
        return outputs // self.components - 2

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, (2 + m) K)); shifted by the largest term, so nothing overflows."""
        xp = ops.namespace(scores)
        a, s, mean = self._parts(scores)
        r, precision, m = mean - target[:, None, :], xp.exp(-s), target.shape[-1]
        far = xp.sum(r * r, axis=-1) * precision
        pi, log_pi = _softmax(a)
        term = log_pi - 0.5 * (m * s + far)
        share, _ = _softmax(term)
        top = xp.max(term, axis=-1, keepdims=True)
        value = -(top[:, 0] + xp.log(xp.sum(xp.exp(term - top), axis=-1)))
        k = self.components
        slope = leading_back(0.5 * share * (m - far), scores[:, k : 2 * k], s)
        means = xp.reshape((share * precision)[:, :, None] * r, (scores.shape[0], k * m))
        return value, xp.concat([pi - share, slope, means], axis=-1)

    def point(self, prediction: HostArray) -> HostArray:
        """(B, m) means of the mixture."""
        k = self.components
        means = prediction[:, 2 * k :].reshape(len(prediction), k, -1)
        return np.asarray((prediction[:, :k, None] * means).sum(axis=1))

    def sample_target(self, scores: Array, key: Key) -> Array:
        """(B, m) draws from the mixture."""
        xp = ops.namespace(scores)
        a, s, mean = self._parts(scores)
        below = xp.cumulative_sum(_softmax(a)[0], axis=-1)
        u = key.child("component").uniform(scores[:, :1]) * below[:, -1:]
        number = xp.sum(xp.astype(below[:, :-1] <= u, scores.dtype), axis=-1, keepdims=True)
        chosen = xp.astype(
            xp.arange(self.components, dtype=scores.dtype, **ops.placement(scores)) == number, scores.dtype
        )
        center, log_variance = xp.sum(chosen[:, :, None] * mean, axis=1), xp.sum(chosen * s, axis=1, keepdims=True)
        return center + xp.exp(0.5 * log_variance) * key.child("value").normal(center)

    def _parts(self, scores: Array) -> tuple[Array, Array, Array]:
        """(logits (B, K), log variances within their bounds (B, K), means (B, K, m))."""
        xp, k = ops.namespace(scores), self.components
        s = xp.clip(scores[:, k : 2 * k], math.log(self.eps), LARGEST)
        return scores[:, :k], s, xp.reshape(scores[:, 2 * k :], (scores.shape[0], k, scores.shape[-1] // k - 2))

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores of two targets."""
        return rng.normal(size=(5, 4 * self.components)), rng.normal(size=(5, 2))

    def example_fitted(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """A mixture that stands on its targets."""
        target, k = rng.normal(size=(5, 2)), self.components
        return np.hstack([np.zeros((5, k)), np.full((5, k), -2.0), np.tile(target, k)]), target

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Three components, and two."""
        return [{}, {"components": 2}]


@final
@dataclass(frozen=True)
class MixtureParameters:
    """v = (softmax(a), s within `least` and 40, means) of u (B, (2 + m) K); du through each, 0 where s is clipped."""

    components: int
    least: float

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, (probabilities, where s is as it was))."""
        xp, k = ops.namespace(x), self.components
        pi, s = _softmax(x[:, :k])[0], xp.clip(x[:, k : 2 * k], self.least, LARGEST)
        free = xp.logical_and(x[:, k : 2 * k] >= self.least, x[:, k : 2 * k] <= LARGEST)
        return xp.concat([pi, s, x[:, 2 * k :]], axis=-1), (pi, free)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx, no gradients)."""
        xp, k = ops.namespace(dy), self.components
        pi, inside = cache
        da = pi * (dy[:, :k] - xp.sum(dy[:, :k] * pi, axis=-1, keepdims=True))
        return xp.concat([da, xp.where(inside, dy[:, k : 2 * k], 0.0), dy[:, 2 * k :]], axis=-1), {}


def _softmax(z: Array) -> tuple[Array, Array]:
    """(softmax, its logarithm) over the last axis."""
    xp = ops.namespace(z)
    shifted = z - xp.max(z, axis=-1, keepdims=True)
    e = xp.exp(shifted)
    total = xp.sum(e, axis=-1, keepdims=True)
    return e / total, shifted - xp.log(total)
