"""Ordered classes by one latent number and cutpoints.  K classes; scores z (B, K - 1), target (B, 1) class numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, Key, ShapeError, ops

LEAST = 1e-3  # by how much a score is taken to exceed the next


@final
@dataclass(frozen=True)
class CumulativeLink:
    """loss = -log(sigmoid(z_(y-1)) - sigmoid(z_y)), in nats, z_k the logit of P(y > k), z_(-1) = inf, z_(K-1) = -inf.

    With a = z_(y-1), b = z_y and t = 1 / (exp(a - b) - 1): delta_a = -sigmoid(-a) - t, delta_b = sigmoid(b) + t. Scores
    have to fall with k: end the network in one output and the layer `cutpoints`, which gives z_k = x - c_k, that is
    proportional odds. Where a score does not exceed the next by 1e-3, value and delta are those of that distance.
    Predictions are P(y > k), labels the number of those above 1/2. `order` lists the labels from the first to the last;
    left out, they are sorted.
    Source: McCullagh (1980), Regression models for ordinal data, section 2.
    """

    order: tuple[Any, ...] | None = None
    link: ClassVar[str] = "sigmoid"
    surrogate: ClassVar[str] = "where scores do not fall, the slope is that of the least distance, which leads back"

    def classes(self, outputs: int) -> int:
        """K = outputs + 1."""
        if outputs < 1:
            raise ShapeError(f"cumulative_link needs a score between two classes, got {outputs}.")
        return outputs + 1

    def target_labels(self, target: HostArray) -> HostArray:
        """(B,) class numbers."""
        return np.asarray(target[:, 0], np.int64)

    def predict(self, scores: HostArray) -> HostArray:
        """(B,) how many P(y > k) are above 1/2."""
        above: Any = scores > 0
        classes: HostArray = above.sum(axis=1)
        return classes

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, K - 1)); by log sigmoid(a) + log sigmoid(-b) + log(1 - exp(b - a)), which is exact."""
        xp = ops.namespace(scores)
        k = xp.arange(scores.shape[-1], dtype=scores.dtype, **ops.placement(scores))
        upper, lower = k == target - 1, k == target
        a, b = (xp.sum(xp.where(at, scores, 0.0), axis=-1, keepdims=True) for at in (upper, lower))
        has_a, has_b = xp.any(upper, axis=-1, keepdims=True), xp.any(lower, axis=-1, keepdims=True)
        both = xp.logical_and(has_a, has_b)
        gap = xp.maximum(xp.where(both, a - b, 1.0), xp.full_like(a, LEAST))
        log_a, log_b = xp.where(has_a, _log_sigmoid(a), 0.0), xp.where(has_b, _log_sigmoid(-b), 0.0)
        between = xp.where(both, xp.log(-xp.expm1(-gap)), 0.0)
        push = xp.where(both, xp.exp(-gap) / -xp.expm1(-gap), 0.0)
        delta = xp.where(upper, -_sigmoid(-a) - push, 0.0) + xp.where(lower, _sigmoid(b) + push, 0.0)
        return -xp.sum(log_a + log_b + between, axis=-1), delta

    def sample_target(self, scores: Array, key: Key) -> Array:
        """(B, 1) class numbers: how many P(y > k) exceed one number from [0, 1)."""
        xp = ops.namespace(scores)
        above = _sigmoid(scores) > key.uniform(scores[:, :1])
        return xp.sum(xp.astype(above, scores.dtype), axis=-1, keepdims=True)

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores that fall, and four classes, each of them once or more."""
        return -np.cumsum(rng.uniform(0.3, 2.0, (5, 3)), axis=1) + 2, np.array([[0.0], [1], [2], [3], [1]])

    def example_fitted(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores that tell the class."""
        _, target = self.example(rng)
        return 4.0 * (target - np.arange(3) - 0.5), target

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Sorted labels, and labels of text in their order."""
        return [{}, {"order": ["low", "middle", "high", "top"]}]


def _sigmoid(z: Any) -> Any:
    e = ops.namespace(z).exp(-abs(z))
    return ops.namespace(z).where(z >= 0, 1.0, e) / (1 + e)


def _log_sigmoid(z: Any) -> Any:
    xp = ops.namespace(z)
    return xp.minimum(z, xp.zeros_like(z)) - xp.log1p(xp.exp(-abs(z)))
