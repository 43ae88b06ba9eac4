"""Predictions rendered as the content of a .csv or .npy file.  Shapes: x (N, n), predictions (N, C)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bpframe.training.trainer import Trainer
from bpframe.types import HostArray


def render_predictions(trainer: Trainer, x: Any, suffix: str, ids: Mapping[str, HostArray] | None = None) -> bytes:
    """The predictions for rows x: as an .npy array (N, C), or as a .csv with a header, columns `ids` (N,) in front."""
    if suffix == ".npy":
        array = io.BytesIO()
        np.save(array, trainer.predict(x), allow_pickle=False)
        return array.getvalue()
    text = io.StringIO(newline="")
    rows = _rows(trainer, x)
    header = [*(ids or {}), *next(rows)]
    columns = [column.astype(str).tolist() for column in (ids or {}).values()]
    table = ([*before, *row] for *before, row in zip(*columns, rows, strict=True))
    csv.writer(text, lineterminator="\n").writerows([header, *table])
    return text.getvalue().encode()


def _rows(trainer: Trainer, x: Any) -> Iterator[list[Any]]:
    """The header, then one row for each row of x: labels, if any, then predictions."""
    predictions = trainer.predict(x)
    if predictions.ndim > 2:
        yield from _rows_of_positions(trainer, x, predictions)
        return
    if not trainer.task.labelled:
        yield _column_names("prediction", predictions.shape[1])
        yield from predictions.astype(str).tolist()
        return
    labels = trainer.predict_labels(x)
    if isinstance(labels, dict):  # one entry for each head that has classes
        header = [f"label_{name}" for name in labels] + _column_names("prediction", predictions.shape[1])
        columns = [*labels.values(), predictions]
    else:
        header, predictions = _label_columns(trainer, labels, predictions)
        columns = [labels, predictions]
    yield header
    yield from np.column_stack([column.astype(str) for column in columns]).tolist()


def _rows_of_positions(trainer: Trainer, x: Any, predictions: HostArray) -> Iterator[list[Any]]:
    """The same of rows with several positions: a label each, or, without labels, every prediction."""
    columns = trainer.predict_labels(x) if trainer.task.labelled else predictions
    what = "label" if trainer.task.labelled else "prediction"
    parts = {f"{what}_{name}": part for name, part in columns.items()} if isinstance(columns, dict) else {what: columns}
    places = [(name, part.shape[1:], part.reshape(len(part), -1)) for name, part in parts.items()]
    yield [f"{name}_{'_'.join(map(str, place))}" for name, shape, _ in places for place in np.ndindex(*shape)]
    yield from np.column_stack([part.astype(str) for _, _, part in places]).tolist()


def _label_columns(trainer: Trainer, labels: HostArray, predictions: HostArray) -> tuple[list[str], HostArray]:
    """(header, columns) of labels followed by probabilities, or by scores for a loss without probabilities."""
    what = "probability" if trainer.loss.link in ("softmax", "sigmoid") else "score"
    if labels.ndim == 2:  # several labels a row, each with its own
        return _column_names("label", labels.shape[1]) + _column_names(what, labels.shape[1]), predictions
    if predictions.shape[1] == 1 and what == "score":
        return ["label", what], predictions
    predictions = np.hstack([1 - predictions, predictions]) if predictions.shape[1] == 1 else predictions
    classes = trainer.task.learned.get("classes", range(predictions.shape[1]))
    if len(classes) > predictions.shape[1]:  # ordered classes, whose scores stand between them
        return ["label", *_column_names(what, predictions.shape[1])], predictions
    return ["label", *(f"{what}_{name}" for name in classes)], predictions[:, : len(classes)]


def _column_names(name: str, columns: int) -> list[str]:
    """One name for each column, numbered if there are several."""
    return [name] if columns == 1 else [f"{name}_{k}" for k in range(columns)]
