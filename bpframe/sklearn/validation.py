"""Rows kept apart from training, and the score by which a fit is watched on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import train_test_split

from bpframe.errors import ConfigError
from bpframe.protocols.traits import better
from bpframe.registry import build
from bpframe.types import HostArray

Rows = tuple[Any, Any, Any]  # x, y, weight or None
Score = Callable[[Any, Any], float]  # (model, state of the run) -> the score after an epoch


@final
@dataclass(frozen=True)
class HeldOut:
    """x (N, n), y as the model encodes it, weight (N,) or None, and the score of a model on them.

    `better` says which way: "max" or "min".
    """

    x: HostArray
    y: HostArray
    weight: HostArray | None
    score: Score
    better: str = "max"

    def improved(self, score: float, best: float | None, tol: float) -> tuple[bool, bool]:
        """(whether it is better than the best so far, whether it falls short of improving that by `tol`)."""
        sign = 1 if self.better == "max" else -1
        known = -np.inf if best is None or not np.isfinite(best) else sign * best
        return sign * score > known, sign * score < known + tol


def split(
    model: Any, x: HostArray, y: HostArray, weight: HostArray | None, random: np.random.RandomState
) -> tuple[Rows, Rows]:
    """(rows to train on, rows held out), as scikit-learn draws them: by class if there are two."""
    stratify = y.astype(bool)[:, None] if model._two_classes else None
    arrays = [x, y] if weight is None else [x, y, weight]
    parts = train_test_split(*arrays, random_state=random, test_size=model.validation_fraction, stratify=stratify)
    weights = (None, None) if weight is None else parts[4:]
    if parts[1].shape[0] < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return (parts[0], parts[2], weights[0]), (parts[1], parts[3], weights[1])


def watched(model: Any, held: Rows, monitor: Any, scale: int) -> tuple[HeldOut, list[Any]]:
    """(the rows with the score that `monitor` means, the metrics that the trainer is to measure for it)."""
    if monitor is None:
        return HeldOut(*held, _own), []
    if monitor == "loss":
        return HeldOut(*held, lambda model, state: state.metrics["validation.loss"] / scale, "min"), []
    if callable(monitor) or (isinstance(monitor, str) and monitor in get_scorer_names()):
        scorer = check_scoring(model, scoring=monitor)
        y = model._decoded_target(held[1])
        _scored(model, scorer, held, y)  # what the scorer finds wrong is said before anything is trained
        return HeldOut(*held, lambda model, state: _scored(model, scorer, held, y)), []
    metric = build("metric", monitor)
    way = better(metric)
    if way is None:
        raise ConfigError(f"monitor needs a metric that says which way is better, got {monitor!r}. Take a scorer.")
    return HeldOut(*held, _measured, way), [metric]


def _own(model: Any, state: Any) -> float:
    """Accuracy of a classifier, r2 of a regressor: NaN where a prediction is not finite."""
    held: HeldOut = model._watch.held_out
    return float(model._score_of(state.trainer.session.scores(held.x), held.y, held.weight))


def _measured(model: Any, state: Any) -> float:
    """The one metric of the trainer."""
    names = [name for name in state.metrics if name.startswith("validation.") and name != "validation.loss"]
    return float(state.metrics[names[0]])


def _scored(model: Any, scorer: Callable[..., float], held: Rows, y: HostArray) -> float:
    """What a scikit-learn scorer says of the model at present."""
    present = object.__new__(type(model))
    vars(present).update(vars(model))
    vars(present).pop("feature_names_in_", None)  # the rows have been arrays for long
    present._pull()
    settings: Mapping[str, Any] = {} if held[2] is None else {"sample_weight": held[2]}
    return float(scorer(present, held[0], y, **settings))
