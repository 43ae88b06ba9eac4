"""Scored rows: those that a model has given scores, and what stands next to their targets.

Shapes: x (N, ...), scores (N, C), targets (N, M), class numbers (N,).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.protocols import Data
from bpframe.training.evaluation import mean_loss
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray


@final
@dataclass(frozen=True)
class ScoredRows:
    """A trainer's `scores` of rows, whose numbers and encoded targets are `data`."""

    trainer: Trainer
    data: Data
    scores: HostArray

    @classmethod
    def of(cls, trainer: Trainer, x: Any, y: Any) -> ScoredRows:
        """The rows x with labels or numbers y, scored; DataError for those that the model cannot take."""
        data, _ = trainer.task.admit(x, y)
        return cls(trainer, data, trainer.session.scores(data.x))

    @classmethod
    def first(cls, rows: ScoredRows, most: int) -> ScoredRows:
        """The first `most` of rows; all, if there are no more."""
        data = Data(rows.data.x[:most], rows.data.target[:most])
        return cls(rows.trainer, data, rows.scores[:most])

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, or their numbers from 0."""
        known = self.trainer.task.columns
        return known or tuple(map(str, range(self.data.x.shape[1])))

    def loss(self, x: HostArray | None = None) -> float:
        """The mean loss of the rows, or of others x with their targets."""
        scores = self.scores if x is None else self.trainer.session.scores(x)
        return mean_loss(self.trainer.task, scores, self.data)

    def class_numbers(self) -> tuple[HostArray, HostArray] | None:
        """(actual, predicted) class number (N,) of each row; None where a row has not exactly one."""
        task = self.trainer.task
        if task.heads or not task.classes or self.scores.ndim != 2:
            return None
        truth, guess = task.target_numbers(self.data.target), task.class_numbers(self.scores, task.point(self.scores))
        return (truth, guess) if truth.ndim == guess.ndim == 1 else None

    def class_names(self, least: int) -> tuple[str, ...]:
        """The labels in the order of class numbers, `least` of them at least."""
        known = [str(label) for label in self.trainer.task.learned.get("classes", ())]
        return (*known, *map(str, range(len(known), least)))

    def confidence(self, guess: HostArray) -> HostArray | None:
        """(N,) the probability of the predicted class; None for a loss without probabilities."""
        link, prediction = self.trainer.task.loss.link, self.trainer.task.prediction(self.scores)
        if link == "softmax" and prediction.shape[1] > guess.max(initial=0):
            return np.asarray(prediction[np.arange(len(guess)), guess])
        if link == "sigmoid" and prediction.shape[1] == 1:
            return np.asarray(np.maximum(prediction[:, 0], 1 - prediction[:, 0]))
        return None

    def quantities(self) -> tuple[HostArray, HostArray] | None:
        """(actual, predicted) numbers (N, M) in the units of y; None where targets are others."""
        task = self.trainer.task
        if task.heads or task.labelled or self.scores.ndim != 2:
            return None
        truth, guess = task.own_units(task.compared(self.data.target), "target"), task.point(self.scores)
        return (truth, guess) if truth.shape == guess.shape else None

    def row_losses(self) -> HostArray | None:
        """(N,) the loss of each row; None where the loss couples rows."""
        if self.scores.ndim != 2:
            return None
        values = np.asarray(self.trainer.task.cost.values_and_delta(self.scores, self.data.target)[0])
        return values if values.ndim == 1 else None
