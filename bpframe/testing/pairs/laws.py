"""The laws that every meeting of two components keeps.

definition    parameters and predictions are those of a training by its definition: through two fits, with a parameter
              set between them, a frozen bias, a group at another rate, and rows of different weights
grouping      steps taken one by one give the bits of steps in blocks
resume        a run that stops in the middle of an epoch and goes on ends with the bits of one that does not
second fit    two fits give the bits of one as long
no weight     a row of weight 0 counts as if it were not there, in one whole batch
feasible      what predicts is inside every constraint, before the first step too
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast, final

import numpy as np

from bpframe.errors import CheckFailed
from bpframe.network.ties import as_mapping
from bpframe.protocols import Over
from bpframe.protocols.implements import implements
from bpframe.testing.laws.comparison import require_close, require_same_bits
from bpframe.testing.pairs.definition import TrainingByDefinition
from bpframe.testing.pairs.meeting import ROWS, Meeting
from bpframe.testing.pairs.row_definition import RowsByDefinition
from bpframe.testing.pairs.rule_definition import hyper
from bpframe.testing.report import SkipCheck
from bpframe.training.hook_marker import hookimpl
from bpframe.training.monitor import MonitoredCurve
from bpframe.training.run_state import RunState
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

SET = "dense_2/weight"  # what is set between two fits
RTOL = 1e-8
LEAST = 1e-7  # of a parameter's size: what no gradient moves but by rounding
OTHERS = 5  # trainings that tell how far rounding decides
EPS = float(np.finfo(np.float64).eps)
STRAYS = 100  # how many times as far as a training that differs by the last bit of its start another one may be


@final
class Start:
    """A callback that keeps the parameters before the first step."""

    parameters: Mapping[str, HostArray] = {}

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Keep them, once."""
        self.parameters = self.parameters or cast(Trainer, state.trainer).parameters.copy()


def definition(meeting: Meeting) -> None:
    """As the head of this file says.

    Where rounding decides a number, trainings by the definition whose starts differ by the last bit tell how far.
    """
    try:
        _beside_definition(meeting, 0)
    except CheckFailed:
        _beside_definition(meeting, OTHERS)


def _beside_definition(meeting: Meeting, others: int) -> None:
    """`others`: how many further trainings by the definition there are, from starts that differ by the last bits."""
    start, weight = Start(), np.linspace(0.5, 2.0, ROWS) if meeting.takes_weights else None
    trainer = meeting.trainer(callbacks=[start])
    trainings: list[TrainingByDefinition] = []
    for epochs in (meeting.epochs - 1, 1):
        done = len(trainer.history)
        meeting.fit(trainer, epochs, sample_weight=weight)
        if not trainings:
            rows = _rows(meeting, trainer, weight)
            parameters = {tuple(name.split("/")): value for name, value in start.parameters.items()}
            starts = [parameters, *(_moved(parameters, seed) for seed in range(others))]
            trainings = [TrainingByDefinition(trainer.spec, each, rows) for each in starts]
        for training in trainings:
            steps = training.update.made + epochs * len(training.rows.batches(done))
            for epoch in range(done, done + epochs):
                training.update.use(_bound(trainer, epoch, steps))
                training.epoch(epoch)
        _require_alike(trainer, trainings)
        moved = trainer.parameters[SET] + 0.01
        trainer.parameters[SET] = moved
        for training in trainings:
            training.assign(("dense_2", "weight"), moved)
        _require_alike(trainer, trainings)


def _moved(parameters: Mapping[tuple[str, ...], HostArray], seed: int) -> dict[tuple[str, ...], HostArray]:
    """Parameters whose last bits are others."""
    rng = np.random.default_rng(seed)
    return {path: p * (1 + EPS * rng.integers(-2, 3, p.shape)) for path, p in parameters.items()}


def _rows(meeting: Meeting, trainer: Trainer, weight: HostArray | None) -> RowsByDefinition:
    """The rows of a training by the definition."""
    data, task = trainer.task.encoded(meeting.x, meeting.y, weight)
    fields = task.fields(data.target) if trainer.spec.pads else {}
    return RowsByDefinition(trainer.spec, data, meeting.batch_size, fields or task.class_columns(data).target)


def grouping(meeting: Meeting) -> None:
    """As the head of this file says."""
    require_same_bits("parameters after single steps", meeting.stepped.parameters, meeting.trained)


def resume(meeting: Meeting) -> None:
    """As the head of this file says."""
    whole, checkpoint = meeting.stepped
    trainer = meeting.trainer()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint")
        if checkpoint is None:  # one step an epoch
            meeting.fit(trainer, 1)
            trainer.checkpoint(path)
        else:
            path.write_bytes(checkpoint)
        trainer.restore(path)
        meeting.fit(trainer, meeting.epochs if trainer.unfinished else meeting.epochs - 1)
    require_same_bits("parameters of the run that went on", trainer.parameters.copy(), whole)


def second_fit(meeting: Meeting) -> None:
    """As the head of this file says."""
    if any(implements(schedule, Over) for schedule in meeting.of_kind("schedule")):
        raise SkipCheck("a schedule over a run is another one in a run of another length")
    trainer = meeting.trainer()
    meeting.fit(trainer, 1)
    meeting.fit(trainer, meeting.epochs - 1)
    require_same_bits("parameters after a second fit", trainer.parameters.copy(), meeting.trained)


def no_weight(meeting: Meeting) -> None:
    """As the head of this file says."""
    roles = {partner.role for partner in meeting.partners}
    drawing = {"layer with draws", "layer with a scheduled setting", "augmentation that mixes rows", "observing rule"}
    if meeting.couples_rows or roles & drawing or meeting.of_kind("sampler"):
        raise SkipCheck("losses of rows depend on others, or draws and orders on how many they are")
    with_row, without = meeting.trainer(), meeting.trainer()
    x = np.concatenate([meeting.x, np.full((1, meeting.x.shape[1]), 50.0)])
    weight = np.append(np.ones(ROWS), 0.0)
    whole: dict[str, Any] = {"batch_size": ROWS + 1, "shuffle": False}
    meeting.fit(with_row, 3 * meeting.epochs, x=x, y=_and_the_first(meeting.y), sample_weight=weight, **whole)
    meeting.fit(without, 3 * meeting.epochs, **whole)
    for name, value in without.parameters.items():
        require_close(f"{name} with a row of weight 0", with_row.parameters[name], value, RTOL, RTOL * _size(value))


def _and_the_first(y: Any) -> Any:
    """The targets with the first once more at their end, field by field if there are some."""
    if isinstance(y, Mapping):
        return {name: _and_the_first(values) for name, values in y.items()}
    return np.concatenate([y, y[:1]])


def feasible(meeting: Meeting) -> None:
    """As the head of this file says."""
    constraints = meeting.of_kind("constraint")
    if not constraints:
        raise SkipCheck("nothing is constrained")
    trainer = meeting.trainer(callbacks=[Feasible(constraints)])
    meeting.fit(trainer, meeting.epochs)


LAWS: Mapping[str, Callable[[Meeting], None]] = {
    "definition": definition,
    "grouping": grouping,
    "resume": resume,
    "second fit": second_fit,
    "no weight": no_weight,
    "feasible": feasible,
}


@final
class Feasible:
    """A callback that compares what predicts with its projection, at the start and after every epoch."""

    def __init__(self, constraints: list[Any]) -> None:
        self._constraints = constraints

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Look."""
        trainer = cast(Trainer, state.trainer)
        tied = as_mapping(trainer.network.ties)
        for name, value in trainer.parameters.items():
            if name.endswith("/weight") and name not in tied:
                for constraint in self._constraints:
                    inside = constraint.project(value, hyper(constraint, 0))
                    require_close(f"{name}, which predicts, inside the constraint", value, inside, 1e-9, 1e-12)

    bpframe_epoch_end = bpframe_fit_start


def _bound(trainer: Trainer, epoch: int, steps: int) -> Any:
    """The spec of the trainer, its schedules bound to a run of so many steps and to the epochs before this one."""
    history = trainer.history

    def curve(name: str) -> MonitoredCurve:
        values = enumerate(history.curve(name)[:epoch], start=1)
        return MonitoredCurve([value for i, value in values if not history.is_idle(name, i)], "min")

    return trainer.spec.over(steps, curve)


def _require_alike(trainer: Trainer, trainings: Sequence[TrainingByDefinition]) -> None:
    """The parameters that predict are those of the first training, as far as the others are those of it."""
    found, (wanted, *others) = trainer.parameters.copy(), [training.evaluated() for training in trainings]
    for path, value in wanted.items():
        name, strayed = "/".join(path), max((_size(other[path] - value) for other in others), default=0.0)
        least = max(RTOL * max(_size(value), LEAST), STRAYS * strayed)
        require_close(f"{name} beside the definition", found[name], value, RTOL, least)


def _size(value: HostArray) -> float:
    return float(np.max(np.abs(value), initial=0.0))
