"""Concordance of times and risks.  Shapes: prediction (B, 1), target "time" and "event" (B, 1), weight (B,)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import HostArray

CHUNK = 2**22  # pairs at a time


@final
@dataclass(frozen=True)
class Concordance:
    """P(of two rows the one whose event came first has the larger prediction) + P(they are equal) / 2.

    Over pairs that can be told: an event that was seen before the other row's time. A pair weighs the product of its
    rows' weights. 1/2 says nothing; NaN where no pair can be told. As scikit-survival's and lifelines' c-index, up to
    how pairs of equal times count: here they do not.
    Source: Harrell et al. (1982), Evaluating the yield of medical tests.
    """

    fields: ClassVar[tuple[str, ...]] = ("time", "event")
    of: ClassVar[Literal["predictions"]] = "predictions"
    best: ClassVar[Literal["max"]] = "max"

    def value(self, prediction: HostArray, target: Mapping[str, HostArray], weight: HostArray) -> float:
        """In [0, 1]."""
        risk, time, event = prediction[:, 0], target["time"][:, 0], target["event"][:, 0] > 0
        right = known = 0.0
        first = np.flatnonzero(event & (weight > 0))
        size = max(1, CHUNK // max(1, len(time)))
        for i in (first[k : k + size] for k in range(0, len(first), size)):
            pairs = (time[i, None] < time) * weight[i, None] * weight
            known += float(pairs.sum())
            right += float((pairs * ((risk[i, None] > risk) + 0.5 * (risk[i, None] == risk))).sum())
        return right / known if known else math.nan

    def example(self, rng: np.random.Generator) -> tuple[HostArray, dict[str, HostArray]]:
        """Risks, some of them equal, times and events."""
        time = rng.exponential(size=(20, 1)).round(1)
        return rng.normal(size=(20, 1)).round(1), {"time": time, "event": (rng.uniform(size=(20, 1)) < 0.7) * 1.0}
