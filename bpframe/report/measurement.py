"""The measurement of a model on rows: what it confuses, how far it is off, how sure it is, and which columns matter.

Shapes: x (N, n) rows or (N, ...), scores (N, C), classes C. Rows count alike, whatever their weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plot.confusion_matrix import confusion_counts
from bpframe.plot.reliability_diagram import Calibration, calibration
from bpframe.report.importance import Importance, permutation_importance
from bpframe.report.residuals import Residuals, column_residuals
from bpframe.report.scored_rows import ScoredRows
from bpframe.report.worst_rows import WorstRow, worst_rows
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

MOST_ROWS = 10_000  # that are predicted


@final
@dataclass(frozen=True)
class ModelMeasurement:
    """What was found on `rows` of the `part`, which has `of_rows`.

    `confusion`: (C, C) rows of each class (down) that were predicted as each (across), of `classes` in order. What
    does not apply is None or empty: confusion and calibration where targets are numbers, residuals where they are
    classes, all of these where a row has several heads, labels or positions.
    """

    part: str
    rows: int
    of_rows: int
    classes: tuple[str, ...] = ()
    confusion: HostArray | None = None
    calibration: Calibration | None = None
    residuals: tuple[Residuals, ...] = ()
    importance: Importance | None = None
    worst: tuple[WorstRow, ...] = ()


def measure_model(trainer: Trainer, part: str, x: Any, y: Any, *, include_rows: bool = False) -> ModelMeasurement:
    """The measurement of a trainer on rows x with labels or numbers y; of many rows, on the first ones."""
    rows = ScoredRows.of(trainer, _first(x), _first(y))
    found: dict[str, Any] = {"importance": permutation_importance(rows)}
    numbers = rows.class_numbers()
    if numbers is not None:
        truth, guess = numbers
        names = rows.class_names(1 + int(max(truth.max(), guess.max())))
        counts, _ = confusion_counts(truth, guess, range(len(names)))
        found |= {"classes": names, "confusion": counts.astype(int)}
        confidence = rows.confidence(guess)
        if confidence is not None and np.isfinite(confidence).all():
            found["calibration"] = calibration(truth == guess, confidence)
    elif (values := rows.quantities()) is not None:
        found["residuals"] = column_residuals(*values)
    if include_rows and not isinstance(x, Mapping) and not isinstance(y, Mapping):
        found["worst"] = worst_rows(rows, x, y)
    return ModelMeasurement(part, len(rows.data.x), _length(y), **found)


def _first(values: Any) -> Any:
    """The first of many rows, of each of several arrays by name."""
    if isinstance(values, Mapping):
        return {name: each[:MOST_ROWS] for name, each in values.items()}
    return values[:MOST_ROWS]


def _length(values: Any) -> int:
    return len(next(iter(values.values()))) if isinstance(values, Mapping) else len(values)
