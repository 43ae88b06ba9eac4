"""Log loss.  Shapes: prediction (B, C) probabilities, target (B, C), weight (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import HostArray


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
