"""Triplet loss of embeddings.  Shapes: z (B, C) scores, target "label" (B, 1), weight (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, checks, ops

TINY = 1e-12  # beside the square of a distance, so that equal rows have a slope


@final
@dataclass(frozen=True)
class Triplet:
    """loss = mean over rows i of max(0, margin + d(i, p) - d(i, n)), d(i, j) = sqrt(|z_i - z_j|^2 + 1e-12).

    p is the farthest row of i's label, n the nearest of another ("batch hard"); rows without either do not count.
    Scores are an embedding: rows of one label come close, others apart. The mean is by weights; rows of weight 0 are
    neither p nor n. Rows of a batch are coupled, so take the sampler `by_class`, which gives each label several. y is
    {"label": labels}, or the labels alone, numbers or text.
    Source: Hermans, Beyer and Leibe (2017), In defense of the triplet loss for person re-identification,
    arXiv:1703.07737, equation 5.
    """

    margin: float = 0.2
    link: ClassVar[str] = "identity"
    weighted: ClassVar[bool] = True
    group: ClassVar[str] = "label"

    def __post_init__(self) -> None:
        checks.positive("triplet", margin=self.margin)

    def target_fields(self, outputs: int) -> dict[str, int]:
        """A label."""
        return {"label": 1}

    def value_and_delta(
        self, scores: Array, target: dict[str, Array], weight: Array | None = None
    ) -> tuple[Array, Array]:
        """(loss, 0-d; delta (B, C))."""
        xp = ops.namespace(scores)
        label, rows = target["label"], scores.shape[0]
        w = xp.ones_like(scores[:, 0]) if weight is None else weight
        counts = w > 0
        apart = scores[:, None, :] - scores[None, :, :]
        d = xp.sqrt(xp.sum(apart * apart, axis=-1) + TINY)
        number = xp.arange(rows, dtype=scores.dtype, **ops.placement(scores))
        same = xp.logical_and(label == label.T, counts[None, :])
        positive = xp.logical_and(same, number[:, None] != number[None, :])
        negative = xp.logical_and(label != label.T, counts[None, :])
        p = xp.argmax(xp.where(positive, d, -1.0), axis=1, keepdims=True)
        n = xp.argmin(xp.where(negative, d, xp.max(d) + 1.0), axis=1, keepdims=True)
        valid = xp.logical_and(xp.any(positive, axis=1), xp.any(negative, axis=1))
        share = xp.where(valid, w, 0.0)
        total = xp.sum(share)
        share = share / xp.where(total > 0, total, 1.0)
        chosen = [xp.astype(number[None, :] == xp.astype(each, scores.dtype), scores.dtype) for each in (p, n)]
        gap = self.margin + xp.sum((chosen[0] - chosen[1]) * d, axis=1)
        pull = xp.where(gap > 0, share, 0.0)[:, None] * (chosen[0] - chosen[1])
        slope = (pull + pull.T) / d
        value = xp.sum(share * xp.maximum(gap, xp.zeros_like(gap)))
        return value, scores * xp.sum(slope, axis=1, keepdims=True) - slope @ scores

    def example(self, rng: np.random.Generator) -> tuple[HostArray, dict[str, HostArray]]:
        """Embeddings of three labels."""
        return rng.normal(size=(6, 3)), {"label": np.array([[0.0], [1], [0], [1], [0], [2]])}

    def example_fitted(self, rng: np.random.Generator) -> tuple[HostArray, dict[str, HostArray]]:
        """Embeddings that keep labels apart."""
        _, target = self.example(rng)
        return 5.0 * np.eye(3)[target["label"][:, 0].astype(int)], target
