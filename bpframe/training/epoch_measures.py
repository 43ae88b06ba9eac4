"""Measures of an epoch: metrics of its predictions as they were made, and of validation rows."""

from __future__ import annotations

from typing import final

import numpy as np

from bpframe.data.task import Task
from bpframe.protocols import Batches, Data, Session
from bpframe.training.evaluation import evaluate_scores, mean_loss
from bpframe.training.metric_sums import MetricSums, metric_sums
from bpframe.training.metric_values import CHUNK, NamedMetrics, measure
from bpframe.training.score_domain import first_scores, refuse_strayed_scores, undecided_heads
from bpframe.training.spec import TrainerSpec
from bpframe.types import HostArray


@final
class EpochMeasures:
    """The measures of a fit's epochs on `data`, and on `validation` rows if there are any."""

    def __init__(
        self,
        spec: TrainerSpec,
        task: Task,
        session: Session,
        data: Data,
        validation: Data | None,
        metrics: NamedMetrics,
    ) -> None:
        self._network, self._task, self._session = spec.network, task, session
        self._data, self._validation, self._metrics = data, validation, metrics
        self._visits_all = spec.visits_all_rows
        self._counts = None if validation is None else _counts(task, metrics, validation)
        self.sums: MetricSums | None = None  # from which metrics of training are made, where steps take them
        self.kept_ends = False  # whether the session can show the end of an epoch when later ones are made
        self.undecided = undecided_heads(spec.network, spec.loss)  # heads of whose scores only real rows tell the range

    @property
    def looks(self) -> bool:
        """Whether anything is measured after an epoch, before the next one is made."""
        return self.looks_at_rows or (self._validation is not None and not self.kept_ends)

    @property
    def validation_rows(self) -> HostArray | None:
        """x of the validation rows."""
        return None if self._validation is None else self._validation.x

    @property
    def looks_at_rows(self) -> bool:
        """Whether that are rows of the epoch."""
        return bool((self._metrics and self.sums is None) or self.undecided)

    def visited_weight(self, batches: Batches, epoch: int, done: int) -> float:
        """The mean weight of the rows of an epoch, where they are not all: chosen, or cut short by a stop; 1 of all."""
        weight = self._data.weight
        if weight is None or not self._data.by_rows or (self._visits_all and done == batches.steps):
            return 1.0
        rows = batches.order(epoch)[: done * batches.size]
        return float(weight.take(rows, axis=0).mean(dtype=np.float64)) or 1.0

    def of_training(self, batches: Batches, epoch: int, done: int, sums: HostArray) -> dict[str, float]:
        """Metrics of the rows of an epoch's first `done` batches; `sums` (K, done) of these, where steps take them."""
        if not self._metrics:
            return {}
        if self.sums is not None and self._visits_all and done == batches.steps:
            return self.sums.values(sums.sum(axis=1), None)
        rows = batches.order(epoch)[: done * batches.size]
        if self.sums is not None:
            return self.sums.values(sums.sum(axis=1), rows)
        weight = None if self._data.sample_weight is None else self._data.sample_weight.take(rows, axis=0)
        scores, target = self._session.collected()[: len(rows)], self._data.target.take(rows, axis=0)
        return measure(self._task, scores, target, weight, self._metrics)

    def of_validation(self) -> dict[str, float]:
        """Loss and metrics of the validation rows."""
        if self._validation is None:
            return {}
        scores = self._session.scores(self._validation.x)
        self._refuse_strayed(scores, "validation x")
        if self._counts is None:
            return evaluate_scores(self._task, scores, self._validation, self._metrics)
        counts = np.add.reduce(self._counts.on_host(scores), axis=0, dtype=np.float64)
        return {"loss": mean_loss(self._task, scores, self._validation)} | self._counts.values(counts, None)

    def refuse_strayed(self) -> None:
        """NumericalError where scores of training rows have left the domain of their loss."""
        if self.undecided:
            self._refuse_strayed(first_scores(self._network, self._session, self._data.x), "x")

    def _refuse_strayed(self, scores: HostArray, name: str) -> None:
        refuse_strayed_scores(self._network, self.undecided, scores, self._session.step, name)


def _counts(task: Task, metrics: NamedMetrics, validation: Data) -> MetricSums | None:
    """The sums of metrics that count rows, which are the same however they are taken; what depends on the target once.

    None where one is no count, or where labels are made of a part of the rows at a time.
    """
    few = len(validation.x) * (task.outputs or 0) <= CHUNK
    sums = metric_sums(task, metrics, validation) if few else None
    return sums if sums is not None and sums.counts else None
