"""Normalised discounted cumulative gain (NDCG) by query.

Shapes: prediction (B, 1), target "relevance" and "query" (B, 1), weight (B,).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import HostArray, checks


@final
@dataclass(frozen=True)
class Ndcg:
    """Mean over queries of DCG / the largest DCG, DCG = sum over the first k rows of gain / log2(1 + place).

    Rows of a query are placed by their predictions, the largest first; equal ones share the mean of their discounts.
    `gain` of a relevance r is 2^r - 1, or r with "linear" (scikit-learn's). Queries without a relevant row are left
    out; NaN where all are. A query weighs the mean of its rows' weights. `k` left out: all rows.
    Source: Jarvelin and Kekalainen (2002), Cumulated gain-based evaluation of IR techniques; the gain 2^r - 1 Burges et
    al. (2005); ties McSherry and Najork (2008), Computing information retrieval performance measures efficiently in the
    presence of tied scores.
    """

    k: int | None = None
    gain: Literal["exponential", "linear"] = "exponential"
    fields: ClassVar[tuple[str, ...]] = ("relevance", "query")
    of: ClassVar[Literal["predictions"]] = "predictions"
    best: ClassVar[Literal["max"]] = "max"
    counts_rows: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.k is not None:
            checks.whole("ndcg", 1, k=self.k)
        checks.one_of("ndcg", ("exponential", "linear"), gain=self.gain)

    def value(self, prediction: HostArray, target: Mapping[str, HostArray], weight: HostArray) -> float:
        """In [0, 1]."""
        relevance, query = target["relevance"][:, 0].astype(np.float64), target["query"][:, 0]
        gain = np.exp2(relevance) - 1 if self.gain == "exponential" else relevance
        shares: list[float] = []
        weights: list[float] = []
        for rows in (np.flatnonzero((query == one) & (weight > 0)) for one in np.unique(query)):
            best = self._dcg(gain[rows], gain[rows])
            if best > 0:
                shares.append(self._dcg(prediction[rows, 0], gain[rows]) / best)
                weights.append(float(weight[rows].mean()))
        return float(np.average(shares, weights=weights)) if shares else math.nan

    def _dcg(self, scores: HostArray, gain: HostArray) -> float:
        """The discounted gain in the order of scores."""
        discount = 1 / np.log2(np.arange(2, len(gain) + 2))
        discount[len(gain) if self.k is None else self.k :] = 0.0
        _, place, counts = np.unique(-scores, return_inverse=True, return_counts=True)
        shared = np.add.reduceat(discount, np.cumsum(counts) - counts) / counts  # of equal scores
        return float(gain @ shared[place.reshape(-1)])

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """All rows, and the first few."""
        return [{}, {"k": 3, "gain": "linear"}]

    def example(self, rng: np.random.Generator) -> tuple[HostArray, dict[str, HostArray]]:
        """Predictions, some of them equal, relevances and queries."""
        relevance = rng.integers(0, 4, (20, 1)) * 1.0
        return rng.normal(size=(20, 1)).round(1), {"relevance": relevance, "query": rng.integers(0, 4, (20, 1)) * 1.0}
