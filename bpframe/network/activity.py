"""Activity penalties: what is added to the loss for what hidden layers give out.

Shapes: v (B, ...) outputs of a layer, mask (B,) which rows count, or (B, *S) which positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bpframe import ops
from bpframe.network.backprop import NO_PENALTIES
from bpframe.network.guards import view
from bpframe.protocols import Regularizer
from bpframe.types import Array

Activity = Sequence[tuple[Regularizer, Any]]  # penalties on the outputs of hidden layers, with their settings


def activity_penalties(
    activity: Activity, outputs: Sequence[Array], step: Any, mask: Any = None
) -> tuple[Any, Mapping[int, Array]]:
    """(the penalties of all hidden layers over the rows that count, their slope by number of the layer)."""
    if not activity:
        return 0.0, NO_PENALTIES
    penalty: Any = 0.0
    slopes: dict[int, Any] = {}
    for part, settings in activity:
        for k, v in enumerate(outputs[:-1]):
            rows = at_least_one(ops.counted_rows(None if mask is None else ops.any_position(mask), v))
            value, slope = _of_counted_rows(part, settings.at(step), v, mask)
            penalty = penalty + value / rows
            slopes[k] = slopes.get(k, 0.0) + slope / rows
    return penalty, slopes


def at_least_one(rows: Any) -> Any:
    """A number of rows to divide by: 1 where none counts."""
    return rows if isinstance(rows, int) else ops.namespace(rows).maximum(rows, 1.0)


def _of_counted_rows(part: Regularizer, h: Any, v: Array, mask: Any) -> tuple[Any, Any]:
    """(the penalty of the rows that count, its slope): penalties add up, so what rows of 0 cost can be taken off."""
    if mask is None:
        return part.value_and_gradient(view(v), h)
    mask = mask if v.shape[: mask.ndim] == mask.shape and mask.ndim < v.ndim else ops.any_position(mask)
    xp, kept = ops.namespace(v), ops.along_rows(mask, v)
    value, slope = part.value_and_gradient(view(xp.where(kept, v, 0.0)), h)
    zeros, _ = part.value_and_gradient(view(xp.zeros_like(v)), h)
    left_out = 1 - ops.counted_rows(mask, v) / mask.size
    return value - zeros * left_out, xp.where(kept, slope, 0.0)
