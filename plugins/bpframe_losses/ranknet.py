"""Pairwise ranking within queries.  Shapes: z (B, 1) scores, target "relevance" and "query" (B, 1), weight (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, ShapeError, ops


@final
@dataclass(frozen=True)
class Ranknet:
    """loss = mean of log(1 + exp(-(z_i - z_j))) over the pairs of one query in which i is more relevant than j.

    The cross-entropy of P(i before j) = sigmoid(z_i - z_j): such a pair adds -1 / (1 + exp(z_i - z_j)), divided by the
    number of pairs, to delta_i, and takes it from delta_j. A larger score stands further up. A pair weighs the product
    of its rows' weights. Rows of a batch are coupled: only pairs within a batch count, so take the sampler `grouped`,
    which keeps queries whole; without any pair the loss is 0. Labels of queries may be numbers or text.
    Source: Burges et al. (2005), Learning to rank using gradient descent, section 3.
    """

    link: ClassVar[str] = "identity"
    weighted: ClassVar[bool] = True
    group: ClassVar[str] = "query"
    compared: ClassVar[str] = "relevance"

    def target_fields(self, outputs: int) -> dict[str, int]:
        """A relevance and a query; ShapeError but for one score."""
        if outputs != 1:
            raise ShapeError(f"ranknet needs one score a row, got {outputs}.")
        return {"relevance": 1, "query": 1}

    def value_and_delta(
        self, scores: Array, target: dict[str, Array], weight: Array | None = None
    ) -> tuple[Array, Array]:
        """(loss, 0-d; delta (B, 1)); exp(-|z|) alone, so nothing overflows."""
        xp = ops.namespace(scores)
        relevance, query = target["relevance"], target["query"]
        margin = scores - scores.T  # (i, j)
        above = xp.logical_and(query == query.T, relevance > relevance.T)
        w = xp.ones_like(scores[:, 0]) if weight is None else weight
        pairs = xp.where(above, w[:, None] * w[None, :], 0.0)
        total = xp.sum(pairs)
        share = pairs / xp.where(total > 0, total, 1.0)
        e = xp.exp(-abs(margin))
        value = xp.sum(share * (xp.log1p(e) + xp.maximum(-margin, xp.zeros_like(margin))))
        pull = share * xp.where(margin >= 0, e, 1.0) / (1 + e)  # P(j before i)
        return value, (xp.sum(pull, axis=0) - xp.sum(pull, axis=1))[:, None]

    def example(self, rng: np.random.Generator) -> tuple[HostArray, dict[str, HostArray]]:
        """Scores of two queries, and relevances with ties."""
        relevance = np.array([[2.0], [0], [1], [1], [3], [0]])
        return rng.normal(size=(6, 1)), {"relevance": relevance, "query": np.array([[0.0], [0], [0], [1], [1], [1]])}

    def example_fitted(self, rng: np.random.Generator) -> tuple[HostArray, dict[str, HostArray]]:
        """Scores that rise with the relevance."""
        _, target = self.example(rng)
        return 2.0 * target["relevance"], target
