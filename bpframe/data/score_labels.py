"""Labels made of scores: those that predictions have, found without the link where rounding cannot change them.

Shapes: scores (B, C); labels (B,) class numbers, or (B, k) zeros and ones. `known`: how many classes labels tell apart,
0 where nobody knows.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from bpframe import ops
from bpframe.types import Array, HostArray

LINKS = ("softmax", "sigmoid")
NEAR = 16  # roundings within which two probabilities may be equal, of which the first counts
FEW = 32  # classes


def score_labels(scores: Array, link: str, known: int) -> Array:
    """The class of the largest score under the link "softmax"; under "sigmoid" whether a score is at least 0."""
    if link == "softmax":
        return ops.namespace(scores).argmax(scores[:, : known or None], axis=1)
    return _binary_numbers(scores >= 0, known)


def target_labels(target: Array, link: str, known: int) -> Array:
    """The same of targets (B, C): the largest, or whether one is at least 1/2."""
    if link == "softmax" and target.shape[1] > 1:
        return ops.namespace(target).argmax(target, axis=1)
    return _binary_numbers(target >= 0.5, known)


def _binary_numbers(yes: Array, known: int) -> Array:
    """Numbers of `yes` (B, k): of the one column where classes are known."""
    xp = ops.namespace(yes)
    numbers = xp.astype(yes, xp.int32)
    return xp.minimum(numbers[:, 0], known - 1) if known else numbers


def doubtful(scores: Array, link: str, known: int) -> Array:
    """(B,) above 0 where probabilities may be rounded to another label than `score_labels`, or a score is NaN."""
    xp: Any = ops.namespace(scores)
    margin = _margin(xp, scores)
    if link != "softmax":
        return cast(Array, xp.any(xp.logical_not(xp.abs(scores) > margin), axis=1))
    columns = scores[:, : known or None]
    near = columns >= xp.max(columns, axis=1, keepdims=True) - margin
    return cast(Array, xp.abs(xp.sum(xp.astype(near, scores.dtype), axis=1) - 1))


def sure_labels(scores: HostArray, link: str, known: int) -> HostArray | None:
    """`score_labels` on the host; None where a row is doubtful, or a score is not finite."""
    margin = _margin(np, scores)
    if link != "softmax":
        sure = np.isfinite(scores).all() and bool((np.abs(scores) > margin).all())
        return np.asarray(score_labels(scores, link, known)) if sure else None
    columns = np.ascontiguousarray(scores[:, : known or None].T)  # of rows side by side it would take 3 to 15 times
    top = np.maximum.reduce(columns, axis=0)
    near = columns >= top - margin
    if np.count_nonzero(near) != len(top) or not np.isfinite(top).all():  # NaN counts as the largest
        return None
    if len(columns) > FEW:
        return np.asarray(near.argmax(axis=0))
    classes = np.arange(len(columns), dtype=np.int8)[:, None]
    labels = np.add.reduce(near.view(np.int8) * classes, axis=0, dtype=np.int8)  # a branch a number would take longer
    return np.asarray(labels)


def _margin(xp: Any, scores: Any) -> float:
    return NEAR * float(xp.finfo(scores.dtype).eps)
