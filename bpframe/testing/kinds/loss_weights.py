"""The laws of a coupled loss that takes weights.  scores (B, C), target (B, M), weight (B,)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.protocols.traits import is_weighted
from bpframe.testing.laws.comparison import require, require_close
from bpframe.testing.laws.finite_differences import GradientProblem, verify_gradient
from bpframe.testing.report import Check
from bpframe.types import HostArray


def weight_checks(loss: Any, scores: HostArray, target: HostArray) -> dict[str, Check]:
    """The checks of a loss that declares `weighted`, by name."""
    if not is_weighted(loss):
        return {}
    return {
        "weights": partial(_weights, loss, scores, target),
        "gradient with weights": partial(verify_gradient, "delta", partial(_problem, loss, scores, target)),
    }


def _weights(loss: Any, scores: HostArray, target: HostArray) -> None:
    """One value for a batch; only ratios of weights count, and a row of weight 0 counts for nothing."""
    value, delta = loss.value_and_delta(scores, target)
    require(np.shape(value) == (), f"a loss that is weighted couples its rows: one value, got {np.shape(value)}")
    rows = len(scores)
    for factor in (1.0, 1 / rows, 7.0):
        alike = loss.value_and_delta(scores, target, np.full(rows, factor))
        require_close(f"value with weights of {factor:g}", np.asarray(alike[0]), np.asarray(value), 1e-12, 1e-12)
        require_close(f"delta with weights of {factor:g}", np.asarray(alike[1]), np.asarray(delta), 1e-12, 1e-12)
    for row in range(rows):
        weight = np.linspace(0.5, 2.0, rows)
        weight[row] = 0.0
        keep = weight > 0
        without = loss.value_and_delta(scores[keep], target[keep], weight[keep])
        far = np.where(keep[:, None], scores, 50.0)
        for what, at in (("as the others", scores), ("far out", far)):
            made = loss.value_and_delta(at, target, weight)
            name = f"with row {row} of weight 0, {what},"
            require_close(f"value {name}", np.asarray(made[0]), np.asarray(without[0]), 1e-12, 1e-12)
            require_close(f"delta {name}", np.asarray(made[1])[keep], np.asarray(without[1]), 1e-12, 1e-12)
            require(not np.any(np.asarray(made[1])[row]), f"delta of row {row}, {what}, of weight 0 must be 0")


def _problem(loss: Any, scores: HostArray, target: HostArray, seed: int) -> GradientProblem:
    weight = np.random.default_rng(seed).uniform(0.5, 2.0, len(scores))
    return GradientProblem(
        lambda at: np.asarray(loss.value_and_delta(at, target, weight)[0]),
        lambda at: loss.value_and_delta(at, target, weight)[1],
        scores,
    )
