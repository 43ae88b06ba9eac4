"""A measured training: the metric at fixed steps, the CPU time of training alone, and how far each layer moves.

The metric is measured with the parameters that predict. What a rule needs to make these, an average say, is timed as
part of training; the measurement is not. Times are in "seconds", so that all else is the same in every run.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from bpframe.errors import NumericalError
from bpframe.protocols import EvaluationParams
from bpframe.runs.config import Partition
from bpframe.studies.trial_file import Record
from bpframe.studies.workload import Workload
from bpframe.training.hook_marker import hookimpl
from bpframe.training.run_state import RunState
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray


@final
@dataclass
class MeasuringCallback:
    """A callback that measures after each step of `looks`, and the update that follows each of `updates`."""

    rows: Sequence[Any]
    metric: str
    looks: Sequence[int]
    updates: Sequence[int] = ()
    values: list[float | None] = field(default_factory=list)
    training: list[float] = field(default_factory=list)  # CPU seconds until each look
    swap: float = 0.0
    moved: dict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    _spent: float = 0.0
    _since: float = 0.0
    _before: dict[str, HostArray] | None = None

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Ask for the looks."""
        for step in {*self.looks, *self.updates, *(step + 1 for step in self.updates)}:
            state.look(step)
        self._since = time.process_time()

    @hookimpl
    def bpframe_block_end(self, state: RunState) -> None:
        """Measure, where this is one of the looks."""
        self._spent += time.process_time() - self._since
        if self._before is not None:
            self._note_update(_copy(state), self._before)
            self._before = None
        if state.step in self.updates:
            self._before = _copy(state)
        if len(self.values) < len(self.looks) and state.step == self.looks[len(self.values)]:
            self._measure(state.trainer)
        self._since = time.process_time()

    def _measure(self, trainer: Trainer) -> None:
        if isinstance(trainer.optimizer, EvaluationParams):
            start = time.process_time()
            trainer.scores(self.rows[0][:1])
            took = time.process_time() - start
            self.swap, self._spent = self.swap + took, self._spent + took
        value = trainer.evaluate(*self.rows)[self.metric]
        self.values.append(value if math.isfinite(value) else None)
        self.training.append(self._spent)

    def _note_update(self, now: Mapping[str, HostArray], before: Mapping[str, HostArray]) -> None:
        """Root mean square of the change by layer, and that of the parameters before it."""
        layers: dict[str, list[str]] = defaultdict(list)
        for name in now:
            layers[name.rpartition("/")[0]].append(name)
        for layer, names in layers.items():
            change = np.concatenate([(now[name] - before[name]).ravel() for name in names])
            size = np.concatenate([before[name].ravel() for name in names])
            self.moved[layer].append([_rms(change), _rms(size)])


def measured_training(
    workload: Workload, parts: Partition, given: Mapping[str, Any], seed: int, horizon: int = 1, updates: bool = False
) -> Record:
    """Train once over a horizon; `given`: arguments of the Trainer, "optimizer" or "loss" among them.

    "looks" and "values": the steps and what the metric was; "failed": why it ended early, if it did. "updates": by
    layer, root mean squares of an update and of the parameters, at the start, the middle and the end.
    """
    assert parts.validation is not None
    steps, looks = workload.steps(len(parts.train[0]), horizon)
    at = sorted({1, steps // 2, steps - 2} & set(range(1, steps))) if updates else []
    metrics = [] if workload.metric == "loss" else [workload.metric]
    observer = MeasuringCallback(parts.validation, workload.metric, looks, at)
    own = {"loss": workload.loss, "metrics": metrics, **(workload.parts or {}), **given}
    trainer = Trainer(workload.network(), seed=seed, callbacks=[observer], **own)
    x, y, *weight = parts.train
    failed = None
    try:
        trainer.fit(
            x,
            y,
            sample_weight=weight[0] if weight else None,
            epochs=workload.epochs * horizon,
            batch_size=workload.batch_size,
            verbose=0,
        )
    except NumericalError as error:
        failed = str(error)
    return {
        "steps": steps,
        "looks": looks[: len(observer.values)],
        "values": observer.values,
        "failed": failed,
        "updates": dict(observer.moved),
        "seconds": {"training": observer.training, "swap": observer.swap},
    }


def _copy(state: RunState) -> dict[str, HostArray]:
    return {name: np.array(value) for name, value in state.parameters.items()}


def _rms(values: HostArray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) if values.size else 0.0
