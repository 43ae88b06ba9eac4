"""Scores fitted to their targets: where a loss is least.  scores (B, C), target (B, M).

Found by Rprop, which asks signs of slopes alone, so that kinks and steep or flat values cost nothing: each score has a
step of its own, longer as long as its slope keeps its sign, half as long where it changes.
"""

from __future__ import annotations

import numpy as np

from bpframe.protocols import Loss
from bpframe.protocols.number_sets import SIMPLEX
from bpframe.protocols.traits import domain_of
from bpframe.testing.laws.examples import TINY, Pair, score_bounds
from bpframe.types import HostArray

STEPS = 400
FIRST, LEAST, MOST = 0.1, 1e-9, 10.0  # steps


def fitted_scores(loss: Loss, pair: Pair) -> HostArray:
    """The scores after `STEPS` steps down the loss of the targets, from those of the pair, inside the domain."""
    scores, target = pair
    low, high = score_bounds(loss)
    low, high = low + TINY, high * (1 - 1e-12)
    step, before = np.full(scores.shape, FIRST), np.zeros(scores.shape)
    for _ in range(STEPS):
        slope = np.sign(np.asarray(loss.value_and_delta(scores, target)[1]))
        step = np.clip(step * np.where(slope * before > 0, 1.2, np.where(slope * before < 0, 0.5, 1.0)), LEAST, MOST)
        scores = np.clip(scores - slope * step, low, high)
        before = slope
    return scores


def supposed_scores(loss: Loss, pair: Pair) -> HostArray:
    """Scores that predict the targets if they stand column by column, as links make them; else those of the pair."""
    scores, target = pair
    if hasattr(loss, "example_fitted") or scores.shape != target.shape:
        return scores
    if domain_of(loss) == SIMPLEX:
        return np.asarray(np.clip(target, 1e-3, 1.0) / np.clip(target, 1e-3, 1.0).sum(axis=1, keepdims=True))
    low, high = score_bounds(loss)
    if loss.link == "exponential":
        return np.log(np.maximum(target, 1e-3))
    if loss.link in ("sigmoid", "softmax"):
        return 6.0 * target - 3.0
    return np.clip(target, low + 1e-3, high - 1e-3)


def scattered_scores(loss: Loss, scores: HostArray, seed: int) -> list[HostArray]:
    """Scores far from those given, as far on one side as on the other; in a domain, those of other rows."""
    if domain_of(loss) is not None or score_bounds(loss) != (-np.inf, np.inf):
        return [np.roll(scores, k, axis=axis) for axis, n in enumerate(scores.shape) for k in range(1, n)]
    far = 5.0 * np.random.default_rng(seed).normal(size=scores.shape)
    return [scores + far, scores - far]
