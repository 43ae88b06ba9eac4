"""Validation rows of a fit, and the score that early stopping monitors on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import train_test_split

from bpframe.errors import ConfigError
from bpframe.protocols.traits import better
from bpframe.registry import build
from bpframe.training.run_state import RunState
from bpframe.types import HostArray

Rows = tuple[Any, Any, Any]  # x, y, weight or None
Score = Callable[[Any, RunState], float]  # (model, state of the run) -> the score after an epoch


@final
@dataclass(frozen=True)
class ValidationRows:
    """x (N, n), y as the model encodes it, weight (N,) or None, and the score of a model on these rows.

    `better`: whether a larger ("max") or smaller ("min") score is better.
    """

    x: HostArray
    y: HostArray
    weight: HostArray | None
    score: Score
    better: str = "max"

    def improved(self, score: float, best: float | None, tol: float) -> tuple[bool, bool]:
        """(whether the score is better than the best so far, whether it improves that by less than `tol`)."""
        sign = 1 if self.better == "max" else -1
        previous = -np.inf if best is None or not np.isfinite(best) else sign * best
        return sign * score > previous, sign * score < previous + tol


def split_rows(
    model: BaseEstimator, x: HostArray, y: HostArray, weight: HostArray | None, random: np.random.RandomState
) -> tuple[Rows, Rows]:
    """(training rows, validation rows), drawn as scikit-learn does: stratified if there are two classes."""
    stratify = y.astype(bool)[:, None] if model._two_classes else None
    arrays = [x, y] if weight is None else [x, y, weight]
    parts = train_test_split(*arrays, random_state=random, test_size=model.validation_fraction, stratify=stratify)
    weights = (None, None) if weight is None else parts[4:]
    if parts[1].shape[0] < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return (parts[0], parts[2], weights[0]), (parts[1], parts[3], weights[1])


def validation_score(model: BaseEstimator, rows: Rows, monitor: Any, scale: int) -> tuple[ValidationRows, list[Any]]:
    """(the validation rows with the score named by `monitor`, the metrics that the trainer must compute for it)."""
    if monitor is None:
        return ValidationRows(*rows, _default_score), []
    if monitor == "loss":
        return ValidationRows(*rows, lambda model, state: state.metrics["validation.loss"] / scale, "min"), []
    if callable(monitor) or (isinstance(monitor, str) and monitor in get_scorer_names()):
        scorer = check_scoring(model, scoring=monitor)
        y = model._decode_target(rows[1])
        _scorer_score(model, scorer, rows, y)  # errors of the scorer appear before training
        return ValidationRows(*rows, lambda model, state: _scorer_score(model, scorer, rows, y)), []
    metric = build("metric", monitor)
    way = better(metric)
    if way is None:
        raise ConfigError(f"monitor needs a metric that says which way is better, got {monitor!r}. Take a scorer.")
    return ValidationRows(*rows, _metric_score, way), [metric]


def _default_score(model: BaseEstimator, state: RunState) -> float:
    """Accuracy of a classifier, r2 of a regressor; NaN if a prediction is not finite."""
    rows: ValidationRows = model._early_stopping.validation_rows
    return float(model._score_of(state.trainer.session.scores(rows.x), rows.y, rows.weight))


def _metric_score(model: BaseEstimator, state: RunState) -> float:
    """The trainer's one metric on the validation rows."""
    names = [name for name in state.metrics if name.startswith("validation.") and name != "validation.loss"]
    return float(state.metrics[names[0]])


def _scorer_score(model: BaseEstimator, scorer: Callable[..., float], rows: Rows, y: HostArray) -> float:
    """The score that a scikit-learn scorer gives the model with its current parameters."""
    current = object.__new__(type(model))
    vars(current).update(vars(model))
    vars(current).pop("feature_names_in_", None)  # the rows have been converted to arrays before
    current._pull()
    settings: Mapping[str, Any] = {} if rows[2] is None else {"sample_weight": rows[2]}
    return float(scorer(current, rows[0], y, **settings))
