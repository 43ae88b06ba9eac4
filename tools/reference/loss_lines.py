"""Along which line a loss is drawn: the residual, the score of the true class, its probability.

It follows from the link, from the scores and targets that the loss is made for, and from what does not change it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bpframe.protocols import ClassTargets, Fields, SeveralHeads, TargetWidth
from bpframe.protocols.implements import implements
from bpframe.testing.laws.examples import accepted_width, example_batch, score_bounds
from bpframe.types import HostArray
from tools.reference.curves import Range


@dataclass(frozen=True)
class Line:
    """One row's scores (1, C) at each x between two ends, its target, what to call x; heights at `most` are shown."""

    axis: str
    ends: Range
    scores: Callable[[float], HostArray]
    target: HostArray
    most: Range = (-5.0, 5.0)


def line(loss: Any) -> Line | None:
    """The line on which a loss says most; None for several heads, fields, ordered classes, or scores of other kinds."""
    if any(implements(loss, several) for several in (SeveralHeads, Fields, ClassTargets)):
        return None
    scores, target = example_batch(loss, 1)
    per_target = scores.shape[1] // target.shape[1]
    if implements(loss, TargetWidth) and accepted_width(loss, per_target) != 1:
        return None
    if per_target > 1:
        axis = f"r = z_1 - y, the other score{'s' if per_target > 2 else ''} 0"
        return Line(axis, (-3, 3), lambda r: r * np.eye(per_target)[:1], np.zeros((1, 1)))
    if np.all((target >= 0) & (target <= 1)):
        return _of_labels(score_bounds(loss) == (0.0, 1.0), bool(np.allclose(target.sum(axis=1), 1)))
    if _same(loss, (scores, target), (scores + 0.5, target + 0.5)):
        return Line("r = z - y", (-3, 3), _alone, np.zeros((1, 1)))
    if _same(loss, (scores, target), (2 * scores, target)):
        return Line("z_1, for z = (z_1, 1) and y = (1, 0)", (-4, 4), lambda z: np.array([[z, 1.0]]), np.eye(2)[:1])
    if loss.link == "exponential":
        return Line("z, for y = 1", (-3, 3), _alone, np.ones((1, 1)))
    return Line("z, for y = 1", (-1, 3), _alone, np.ones((1, 1)), (-2.0, 2.0))


def _of_labels(probabilities: bool, one_of_several: bool) -> Line:
    """Over the score, or the probability, of what is true."""
    if probabilities and one_of_several:
        return Line("p of the true class", (0.01, 1), lambda p: np.array([[p, 1 - p]]), np.eye(2)[:1])
    if probabilities:
        return Line("p, for y = 1", (0.01, 1), _alone, np.ones((1, 1)))
    if one_of_several:
        axis = "z of the true class, the other 2 scores 0"
        return Line(axis, (-4, 4), lambda z: np.array([[z, 0.0, 0.0]]), np.eye(3)[:1])
    return Line("z, for y = 1", (-4, 4), _alone, np.ones((1, 1)))


def _alone(x: float) -> HostArray:
    return np.array([[x]])


def _same(loss: Any, one: tuple[HostArray, HostArray], other: tuple[HostArray, HostArray]) -> bool:
    return bool(np.allclose(loss.value_and_delta(*one)[0], loss.value_and_delta(*other)[0]))
