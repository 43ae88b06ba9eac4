"""Log loss.  Shapes: prediction (B, C) probabilities, target (B, C), weight (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np

from bpframe.plugin import Array, HostArray, ops


@final
@dataclass(frozen=True)
class LogLoss:
    """Weighted mean over rows of -sum_c y_c log p_c, in nats; one column p is the two classes 1 - p and p.

    Probabilities are clipped to [eps, 1 - eps], eps the rounding of their dtype, as in scikit-learn: the loss itself,
    which is computed from scores, needs no such thing. One class a row: with several labels a row it looks at those
    that are true only.
    Source: Good (1952), Rational decisions.
    """

    of: ClassVar[Literal["predictions"]] = "predictions"
    best: ClassVar[Literal["min"]] = "min"

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """At least 0."""
        p, y = prediction.astype(np.float64), target.astype(np.float64)
        if p.shape[1] == 1:
            p, y = np.hstack([1 - p, p]), np.hstack([1 - y, y])
        eps = float(np.finfo(prediction.dtype).eps)
        surprise = -(y * np.log(np.clip(p, eps, 1 - eps))).sum(axis=1)
        return float(np.average(surprise, weights=weight))

    def row_values(self, prediction: Array, target: Array) -> Array:
        """(B,) -sum_c y_c log p_c of a row."""
        xp: Any = ops.namespace(prediction)
        p, y = prediction, target
        if p.shape[1] == 1:
            p, y = xp.concat([1 - p, p], axis=1), xp.concat([1 - y, y], axis=1)
        eps = float(xp.finfo(p.dtype).eps)
        surprise: Array = -xp.sum(y * xp.log(xp.minimum(xp.maximum(p, eps), 1 - eps)), axis=1)
        return surprise

    def value_of_sums(self, sums: HostArray, target: HostArray, weight: HostArray) -> float:
        """The mean, from the sum of weighted row values."""
        return float(sums[0] / weight.sum())
