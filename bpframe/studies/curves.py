"""Curves of trials: what is read off one training, or a few, as numbers of which lower is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Any

from bpframe.studies.choice import end_cost
from bpframe.studies.trial_file import Record
from bpframe.studies.workload import cost

LEAST_ERROR = 1e-6  # below which errors are alike
WITHIN = 1.1  # of the best error, as the width in learning rates counts it


def error_at_end(record: Record, lower_is_better: bool) -> float:
    """The metric at the end if lower is better; otherwise 1 less it, as accuracy, AUC and r2 have it."""
    end = end_cost(record, lower_is_better)
    return max(LEAST_ERROR, end if lower_is_better else 1 + end)


def steps_to_target(record: Record, target: float, lower_is_better: bool) -> float:
    """The step at which the metric reaches the target, on the line between two looks; infinite for a miss.

    The look after it must not have lost the target again, so that one lucky value is no hit.
    """
    costs = [cost(value, lower_is_better) for value in record["values"]]
    goal, looks = cost(target, lower_is_better), record["looks"]
    for i, here in enumerate(costs):
        if here <= goal and (i + 1 == len(costs) or costs[i + 1] <= goal):
            if i == 0 or not math.isfinite(costs[i - 1]):
                return float(looks[i])
            share = (costs[i - 1] - goal) / (costs[i - 1] - here)
            return float(looks[i - 1] + share * (looks[i] - looks[i - 1]))
    return math.inf


def step_seconds(record: Record) -> tuple[float, float] | None:
    """(CPU seconds of a step, those of the start alone: to trace or compile) of a training; None of one too short."""
    looks, training = record["looks"], record["seconds"]["training"]
    if len(looks) < 3 or record["failed"]:
        return None
    each = (training[-1] - training[1]) / (looks[-1] - looks[1])
    return each, max(0.0, training[1] - each * looks[1])


def lr_decades(tuned: Sequence[Record], errors: Sequence[float], name: str) -> float | None:
    """How many decades of learning rate, of those that were tried, are within 10% of the best error."""
    rates = [record["settings"].get(name) for record in tuned]
    best = min(errors, default=math.inf)
    good = [rate for rate, error in zip(rates, errors, strict=True) if rate and error <= WITHIN * best < math.inf]
    return math.log10(max(good) / min(good)) if good else None


def median_best_of(errors: Sequence[float], k: int) -> float:
    """The median error of the best of k trials that are drawn from these."""
    ordered, n = sorted(errors), len(errors)
    whole, reached = math.comb(n, k), 0
    for i, error in enumerate(ordered):
        reached += math.comb(n - i - 1, k - 1)
        if 2 * reached >= whole:
            return error
    return math.inf


def log_ratio(a: float, b: float) -> float | None:
    """log(a / b); infinite where one is, None where both are."""
    if math.isinf(a) and math.isinf(b):
        return None
    return -math.inf if math.isinf(b) else math.inf if math.isinf(a) else math.log(a / b)


def middle(values: Sequence[float]) -> float:
    """The median, infinite where infinity is in the middle; NaN of none."""
    return median(values) if values else math.nan


def last(values: Sequence[Any]) -> Any:
    """The last value; None of none."""
    return values[-1] if values else None
