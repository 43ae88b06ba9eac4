"""Predictions as the content of a file.  Shapes: x (N, n), predictions (N, C)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from bpframe.training.trainer import Trainer
from bpframe.types import HostArray


def rendered(trainer: Trainer, x: HostArray, suffix: str) -> bytes:
    """The predictions for rows x: as an .npy array (N, C), or as a .csv with a header."""
    if suffix == ".npy":
        array = io.BytesIO()
        np.save(array, trainer.predict(x), allow_pickle=False)
        return array.getvalue()
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(_rows(trainer, x))
    return text.getvalue().encode()


def _rows(trainer: Trainer, x: HostArray) -> Iterator[list[Any]]:
    """The header, then a row for each row of x: labels, where there are any, then what was predicted."""
    predictions = trainer.predict(x)
    if not trainer.task.labelled:
        yield _numbered("prediction", predictions.shape[1])
        yield from predictions.astype(str).tolist()
        return
    labels = trainer.predict_labels(x)
    if isinstance(labels, dict):  # of each head that has classes
        header = [f"label_{name}" for name in labels] + _numbered("prediction", predictions.shape[1])
        columns = [*labels.values(), predictions]
    else:
        header, predictions = _described(trainer, labels, predictions)
        columns = [labels, predictions]
    yield header
    yield from np.column_stack([column.astype(str) for column in columns]).tolist()


def _described(trainer: Trainer, labels: HostArray, predictions: HostArray) -> tuple[list[str], HostArray]:
    """The header for labels and what stands behind them: probabilities, or the scores of a loss that has none."""
    what = "probability" if trainer.loss.link in ("softmax", "sigmoid") else "score"
    if labels.ndim == 2:  # several labels a row, each with its own
        return _numbered("label", labels.shape[1]) + _numbered(what, labels.shape[1]), predictions
    if predictions.shape[1] == 1 and what == "score":
        return ["label", what], predictions
    predictions = np.hstack([1 - predictions, predictions]) if predictions.shape[1] == 1 else predictions
    classes = trainer.task.learned.get("classes", range(predictions.shape[1]))
    return ["label", *(f"{what}_{name}" for name in classes)], predictions[:, : len(classes)]


def _numbered(name: str, columns: int) -> list[str]:
    """One name a column, with a number where there are several."""
    return [name] if columns == 1 else [f"{name}_{k}" for k in range(columns)]
