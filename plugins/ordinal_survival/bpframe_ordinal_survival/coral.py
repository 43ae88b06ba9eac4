"""CORAL: ordered classes by a binary task for each step up.  K classes; scores z (B, K - 1), target (B, 1) numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, ShapeError, ops
from bpframe_ordinal_survival.stable import sigmoid, softplus


@final
@dataclass(frozen=True)
class Coral:
    """loss = sum_k log(1 + exp(z_k)) - [y > k] z_k, in nats; delta_k = sigmoid(z_k) - [y > k], k = 0 .. K - 2.

    sigmoid(z_k) is P(y > k). End the network in `dense(1)` and the layer `cutpoints`, which gives all of them one
    slope, so that they fall with k. Predictions are these, labels the number of those above 1/2. `order` lists the
    labels from the first to the last; left out, they are sorted. All steps weigh alike.
    Source: Cao, Mirjalili and Raschka (2020), Rank consistent ordinal regression for neural networks with application
    to age estimation, arXiv:1901.07884.
    """

    order: tuple[Any, ...] | None = None
    link: ClassVar[str] = "sigmoid"

    def classes(self, outputs: int) -> int:
        """K = outputs + 1."""
        if outputs < 1:
            raise ShapeError(f"coral needs a score between two classes, got {outputs}.")
        return outputs + 1

    def target_labels(self, target: HostArray) -> HostArray:
        """(B,) class numbers."""
        return np.asarray(target[:, 0], np.int64)

    def predict(self, scores: HostArray) -> HostArray:
        """(B,) how many P(y > k) are above 1/2."""
        return np.asarray((scores > 0).sum(axis=1))

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, K - 1))."""
        xp = ops.namespace(scores)
        k = xp.arange(scores.shape[-1], dtype=scores.dtype, **ops.placement(scores))
        above = xp.astype(target > k, scores.dtype)
        return xp.sum(softplus(scores) - scores * above, axis=-1), sigmoid(scores) - above

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Four classes, each of them once or more."""
        return rng.normal(size=(5, 3)), np.array([[0.0], [1], [2], [3], [1]])

    def example_fitted(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores that tell the class."""
        _, target = self.example(rng)
        return 4.0 * (target - np.arange(3) - 0.5), target

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Sorted labels, and labels of text in their order."""
        return [{}, {"order": ["low", "middle", "high", "top"]}]
