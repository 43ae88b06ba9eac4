"""The scale of targets: y' = (y - mean) / deviation, column by column, and back.  Shapes: y (N, C), weight (N,).

What was learned of it stands in a task's `learned` under "target_scale": two lists of C numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bpframe.network.backprop import CostLayer
from bpframe.protocols import EncodeTarget, Fields, Loss, Point, PredictLabels, SeveralHeads, TargetWidth
from bpframe.types import HostArray

KEY = "target_scale"
OWN_TARGETS = (EncodeTarget, Fields, Point, PredictLabels, SeveralHeads, TargetWidth)


def is_scalable(loss: Loss) -> bool:
    """Whether a loss compares predictions with targets by their differences alone, so that the scale is free.

    Tried on four rows, moved together: mse, mae, huber, quantile, ... pass; mape, cosine, poisson do not.
    """
    if loss.link != "identity" or isinstance(loss, OWN_TARGETS):
        return False
    scores = np.array([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5], [1.0, 3.0]])
    target, cost = scores[::-1] * 0.75, CostLayer.of(loss)
    try:
        here, there = (cost.mean_and_delta(scores + by, target + by, 0.25) for by in (0.0, 4.0))
    except Exception:  # a loss for other targets than these
        return False
    pairs = zip(here, there, strict=True)
    return all(np.allclose(np.asarray(a), np.asarray(b), rtol=1e-6, atol=1e-9) for a, b in pairs)


def learn_scale(y: HostArray, weight: HostArray | None) -> dict[str, list[float]]:
    """The weighted mean and standard deviation of each column; deviation 1 where all values are the same.

    Rows of weight 0 do not count.
    """
    if weight is not None and not weight.all():
        y, weight = y[weight > 0], weight[weight > 0]
    if np.isnan(y).any():  # values that are missing
        return _of_columns(y, weight)
    same = (y == y[:1]).all(axis=0)
    size = np.abs(y).max(axis=0, initial=0.0)
    unit = np.where(size > 0, size, 1.0)  # whose squares no number overflows
    mean = np.average(y / unit, axis=0, weights=weight)
    deviation = np.sqrt(np.average((y / unit - mean) ** 2, axis=0, weights=weight)) * unit
    flat = same | (deviation == 0)
    return {
        "mean": np.where(same, y[0], mean * unit).tolist(),
        "deviation": np.where(flat, 1.0, deviation).tolist(),
    }


def _of_columns(y: HostArray, weight: HostArray | None) -> dict[str, list[float]]:
    """The same of each column over the rows that have a value there."""
    scale: dict[str, list[float]] = {"mean": [], "deviation": []}
    for column in y.T:
        known = ~np.isnan(column)
        own = learn_scale(column[known, None], None if weight is None else weight[known])
        for name, values in own.items():
            scale[name] += values
    return scale


def scaled(y: HostArray, learned: Mapping[str, Any]) -> HostArray:
    """(y - mean) / deviation, if a scale was learned."""
    scale = learned.get(KEY)
    return y if scale is None else (y - np.array(scale["mean"])) / np.array(scale["deviation"])


def unscaled(values: HostArray, learned: Mapping[str, Any]) -> HostArray:
    """values * deviation + mean in float64, if a scale was learned: float32 would round beside a large mean."""
    scale = learned.get(KEY)
    if scale is None:
        return values
    return np.asarray(values.astype(np.float64) * np.array(scale["deviation"]) + np.array(scale["mean"]))
