"""The laws of the minimum of a loss: it lies near its targets, and `point` says where.  scores (B, C), target (B, M).

A loss whose scores are no predictions of its targets, column by column, may have `example_fitted(rng) -> (scores,
target)`: scores as good as can be for their targets.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from bpframe.errors import CheckFailed
from bpframe.network.backprop import CostLayer
from bpframe.protocols import Loss, Point, TargetWidth
from bpframe.protocols.number_sets import SIMPLEX
from bpframe.protocols.traits import domain_of
from bpframe.testing.laws.comparison import require_finite, require_shape
from bpframe.testing.laws.examples import Pair, accepted_width, example_batch, resized_batch, target_array
from bpframe.testing.laws.fitted_scores import fitted_scores, scattered_scores, supposed_scores
from bpframe.testing.laws.purity import call_read_only
from bpframe.testing.report import Check, SkipCheck, Unproven
from bpframe.types import HostArray

DRAWS = 10  # batches, and far scores for each
ROOM = 1e-9  # relative: losses that differ by less are equal
NEAR = 0.02  # of a target of 1
RISE = 2.0  # by which targets of one column are raised, and lowered
LEAST = 0.05  # of that, by which a point has to follow


def minimum_checks(loss: Loss) -> dict[str, Check]:
    """The checks by name."""
    checks: dict[str, Check] = {"sign": partial(_sign, loss)}
    if isinstance(loss, Point):
        checks["point"] = partial(_point, loss)
    return checks


def _sign(loss: Loss) -> None:
    """Scores far off cost more, on average over both sides, than those that predict the targets."""
    gains = []
    for seed in range(DRAWS):
        pair = _fitted_example(loss, seed)
        right = supposed_scores(loss, pair)
        far = np.mean([_mean(loss, at, pair[1]) for at in scattered_scores(loss, right, seed)])
        gains.append(far - _mean(loss, right, pair[1]))
    room = ROOM * float(np.max(np.abs(gains), initial=0.0)) + 1e-12
    gain = float(np.mean(gains))
    if gain < -room:
        raise CheckFailed(
            f"scores far from those that predict the targets must cost more, but they cost {-gain:.4g} less: the loss "
            "has the wrong sign, or its scores do not predict targets column by column"
        )
    if gain <= room:
        raise Unproven("scores that predict the targets cost as much as others far off; example_fitted would tell")


def _mean(loss: Loss, scores: HostArray, target: HostArray) -> float:
    return float(np.mean(np.asarray(loss.value_and_delta(scores, target)[0])))


def _fitted_example(loss: Loss, seed: int) -> Pair:
    """The loss's own fitted example, if it has one, or else its example."""
    if not hasattr(loss, "example_fitted"):
        return example_batch(loss, seed)
    scores, target = loss.example_fitted(np.random.default_rng(seed))
    return np.asarray(scores, dtype=np.float64), target_array(target)


def _point(loss: Loss) -> None:
    """One value for each target; of scores that fit the targets, the targets."""
    assert isinstance(loss, Point)
    scores, target = example_batch(loss, 1)
    point = call_read_only("point", loss.point, np.asarray(CostLayer.of(loss).prediction(scores)))
    require_shape("the point of predictions", point, target.shape)
    require_finite("the point of predictions", point)
    if domain_of(loss) == SIMPLEX:
        raise SkipCheck("its scores are rows of a simplex")
    for pair in _wide_batches(loss):
        _require_fitted_point(loss, pair)


def _wide_batches(loss: Loss) -> list[Pair]:
    """The example, and one of twice as many targets where the loss takes it: two columns show in which order."""
    scores, target = example_batch(loss, 1)
    outputs, width = 2 * scores.shape[1], 2 * target.shape[1]
    accepted = accepted_width(loss, outputs) if isinstance(loss, TargetWidth) else None
    return [(scores, target), *([resized_batch(loss, outputs, width)] if accepted == width else [])]


def _require_fitted_point(loss: Loss, pair: Pair) -> None:
    """The point of fitted scores is their target; where it is not, it must at least follow each column of targets."""
    scores, target = pair
    point = _fitted(loss, pair)
    if np.all(np.abs(point - target) <= NEAR * np.maximum(1.0, np.abs(target))):
        return
    for column in range(target.shape[1]):
        for rise in (RISE, -RISE):
            other = target.copy()
            other[:, column] += rise
            moved = np.mean(_fitted(loss, (scores, other)) - point, axis=0)
            if not moved[column] / rise > LEAST or np.argmax(np.abs(moved)) != column:
                raise CheckFailed(
                    f"point must give a value for each target, but where targets of column {column} of "
                    f"{target.shape[1]} rise by {rise:g} and scores fit them, its columns move by {moved}: it takes "
                    "other scores"
                )
    worst = np.unravel_index(np.argmax(np.abs(point - target)), target.shape)
    raise Unproven(
        f"where scores fit a target of {target[worst]:.4g}, point gives {point[worst]:.4g}: right only if the loss is "
        "meant to shrink or shift its predictions"
    )


def _fitted(loss: Loss, pair: Pair) -> HostArray:
    """The point of scores that fit the targets."""
    assert isinstance(loss, Point)
    return np.asarray(loss.point(np.asarray(CostLayer.of(loss).prediction(fitted_scores(loss, pair)))))
