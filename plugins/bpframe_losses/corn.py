"""Ordered classes by conditional probabilities (CORN).  K classes; scores z (B, K - 1), target (B, 1) class numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, HostArray, Key, Layer, Params, Shape, ShapeError, ops


@final
@dataclass(frozen=True)
class Corn:
    """loss = sum over k <= y of log(1 + exp(z_k)) - [y > k] z_k, in nats; delta_k = sigmoid(z_k) - [y > k] for k <= y.

    sigmoid(z_k) is P(y > k | y >= k), of classes 0 .. K - 1 in their order, so that P(y > k) is a product and falls
    with k whatever the scores are: the negative log likelihood of the class. Predictions are P(y > 0), ...,
    P(y > K - 2); labels the number of those above 1/2. `order` lists the labels from the first to the last; left out,
    they are sorted. The paper divides by the number of terms, this loss by that of rows.
    Source: Shi, Cao and Raschka (2021), Deep neural networks for rank-consistent ordinal regression based on
    conditional probabilities, arXiv:2111.08851, equation 5.
    """

    order: tuple[Any, ...] | None = None

    @property
    def link(self) -> Layer:
        """P(y > k) of each k."""
        return Exceedance()

    def classes(self, outputs: int) -> int:
        """K = outputs + 1."""
        if outputs < 1:
            raise ShapeError(f"corn needs a score between two classes, got {outputs}.")
        return outputs + 1

    def target_labels(self, target: HostArray) -> HostArray:
        """(B,) class numbers."""
        return np.asarray(target[:, 0], np.int64)

    def predict(self, scores: HostArray) -> HostArray:
        """(B,) how many P(y > k) are above 1/2."""
        above: Any = ops.namespace(scores).cumulative_prod(_sigmoid(scores), axis=1) > 0.5
        classes: HostArray = above.sum(axis=1)
        return classes

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, K - 1)); exp(-|z|) alone, so nothing overflows."""
        xp = ops.namespace(scores)
        k = xp.arange(scores.shape[-1], dtype=scores.dtype, **ops.placement(scores))
        above, asked = xp.astype(target > k, scores.dtype), xp.astype(target >= k, scores.dtype)
        e = xp.exp(-abs(scores))
        p = xp.where(scores >= 0, 1.0, e) / (1 + e)
        terms = xp.maximum(scores, 0) - scores * above + xp.log1p(e)
        return xp.sum(asked * terms, axis=-1), asked * (p - above)

    def sample_target(self, scores: Array, key: Key) -> Array:
        """(B, 1) class numbers: how many steps up succeed in a row."""
        xp = ops.namespace(scores)
        failed = xp.astype(key.uniform(scores) >= _sigmoid(scores), scores.dtype)
        return xp.sum(xp.astype(xp.cumulative_sum(failed, axis=-1) < 1, scores.dtype), axis=-1, keepdims=True)

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Four classes, each of them once or more."""
        return rng.normal(size=(5, 3)), np.array([[0.0], [1], [2], [3], [1]])

    def example_fitted(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores that tell the class."""
        _, target = self.example(rng)
        return np.where(target > np.arange(3), 4.0, -4.0), target

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Sorted labels, and labels of text in their order."""
        return [{}, {"order": ["low", "middle", "high", "top"]}]


@final
@dataclass(frozen=True)
class Exceedance:
    """v_k = product of sigmoid(u_j) over j <= k; du_j = (1 - sigmoid(u_j)) sum over k >= j of dv_k v_k."""

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, (sigmoid(u), v))."""
        xp, p = ops.namespace(x), _sigmoid(x)
        log_p = xp.minimum(x, 0) - xp.log1p(xp.exp(-abs(x)))
        v = xp.exp(xp.cumulative_sum(log_p, axis=-1))
        return v, (p, v)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx, no gradients)."""
        p, v = cache
        xp, part = ops.namespace(dy), dy * v
        behind = xp.flip(xp.cumulative_sum(xp.flip(part, axis=-1), axis=-1), axis=-1)
        return (1 - p) * behind, {}


def _sigmoid(z: Any) -> Any:
    xp = ops.namespace(z)
    e = xp.exp(-abs(z))
    return xp.where(z >= 0, 1.0, e) / (1 + e)
