"""One fit of a trainer: its session, data, hooks and progress, and the history of the epochs that end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import final

import numpy as np

from bpframe.data.order import select_rows
from bpframe.data.task import Task, share
from bpframe.errors import NumericalError
from bpframe.network.fit_buffers import buffers_by_name, layers_with_fit
from bpframe.protocols import Batches, Data, Draws, Group, Losses, Param, Session
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.training.checkpoint import FitSettings
from bpframe.training.diagnosis import component_kinds, diagnose
from bpframe.training.dry_run import DryRun
from bpframe.training.evaluation import NamedMetrics, evaluate_scores, measure
from bpframe.training.hooks import Hooks
from bpframe.training.preflight import refuse_missing_curves
from bpframe.training.progress import FinishedEpoch, FitProgress, PartialEpoch
from bpframe.training.run_state import RunState, means
from bpframe.training.score_domain import refuse_other_scores
from bpframe.training.spec import TrainerSpec
from bpframe.training.update_groups import update_groups
from bpframe.types import HostArray

STEPWISE = ("bpframe_batch_start", "bpframe_batch_end", "bpframe_update")


@final
class FitRun:
    """A fit on checked data, from its start or from the middle of an epoch, as its loop needs it.

    Epochs between which no hook has to run and nothing is measured are handed to the engine as one run, so that it can
    go from one into the next; the history has each all the same.
    """

    def __init__(
        self,
        spec: TrainerSpec,
        session: Session,
        task: Task,
        params: list[Param],
        data: tuple[Data, Data | None],
        batches: Batches,
        settings: FitSettings,
        metrics: NamedMetrics,
        state: RunState,
        partial: PartialEpoch | None,
    ) -> None:
        """`data` to train on and to validate with; `batches`: of one epoch, in whose order all others come."""
        self.spec, self.session, self.task, self.settings, self.state = spec, session, task, settings, state
        self.progress = FitProgress(partial, session.step)
        names = [title(registry, "callback", callback).removeprefix("callback ") for callback in spec.callbacks]
        self.hooks = Hooks(spec.callbacks, self.step, names)
        self.stepwise = self.hooks.listens(*STEPWISE)
        self._params, self._metrics, self._batches = params, metrics, batches
        self._data, self._validation = data
        self._monitored = spec.monitored()
        self._collected = partial and partial.collected
        refuse_missing_curves(self._monitored, state.curves)

    def prepare(self, first: bool) -> None:
        """Make the session ready; before the `first` fit of a trainer a dry run finds components that are wrong."""
        session, network, data = self.session, self.spec.network, self._data
        if first and layers_with_fit(network.layers):
            session.assign(buffers_by_name(network, network.params(session.parameters), data.x))
        if first:
            refuse_other_scores(network, self.spec.loss, session, data.x)
        groups = self._groups()
        if first and not all(
            map(registry.owns, component_kinds(self.spec, self.task.cost))
        ):  # bpframe's own are proven
            few = select_rows(data, np.arange(len(data.x))[:2])
            DryRun(network, self.task.cost, groups, network.params(session.parameters)).step(few)
        session.use(groups)
        session.load(data, bool(self._metrics), self._collected)

    @property
    def cut_short(self) -> bool:
        """Whether an exception has cut a block short, so that the losses of some of its steps are not known."""
        return self.progress.partial(self.session.step, None) is None

    def partial_epoch(self) -> PartialEpoch | None:
        """What a checkpoint needs of the present epoch; None where an exception has cut a block short."""
        partial = self.progress.partial(self.session.step, self.state.stopped)
        if partial is None or not self._metrics:
            return partial
        rows = partial.values.shape[1] * self.settings.batch_size
        return replace(partial, collected=self.session.collected()[:rows])

    # -------------------------------------------------------------------------------------------------- for the loop

    def runs_of_epochs(self) -> Iterator[Batches]:
        """The batches of one epoch after another, or of as many as need no stop between; the first may be partial."""
        state = self.state
        while state.epoch < state.epochs and state.stopped is None:
            values = self.progress.restart(state.epoch, self.session.step, time.perf_counter())
            state.done = values.shape[1]
            if not state.done:
                self.hooks.call("bpframe_epoch_start", state)
            if state.stopped is None:
                yield self._next_batches(values)
            state.epoch += 1

    def _next_batches(self, values: HostArray) -> Batches:
        """The batches of a run of epochs, (3, k) `values` of whose steps are known already."""
        state, epochs = self.state, 1
        if not self._looks_between():
            epochs = int(min(state.epochs - state.epoch, self.hooks.ahead(state)))
        if self._monitored:
            self.session.use(self._groups())
        if (self._batches.epoch, self._batches.epochs) != (state.epoch, epochs):
            self._batches = replace(self._batches, epoch=state.epoch, epochs=epochs)
        self.progress.steps = state.steps = self._batches.steps
        if values.size:
            self._show(values)
            self.record_epochs()
        return self._batches

    def _looks_between(self) -> bool:
        """Whether something is measured after each epoch, or their lengths may differ."""
        uneven = self.spec.sampler is not None and not isinstance(self.spec.sampler, Draws)
        return self._validation is not None or uneven or bool(self._metrics or self._monitored)

    def block_end(self) -> int:
        """The batch before which the next block has to end: at a step that a hook looks at, or with the run."""
        looks, end = self.state.looks, len(self._batches)
        if not looks:
            return end
        step = self.session.step
        looks -= {past for past in looks if past <= step}
        return min([end, *(self.progress.made + ahead - step for ahead in looks)])

    def step(self) -> None:
        """One step."""
        made = self.progress.made
        self.take_losses(self.session.run(self._batches, made, made + 1))

    def finish_block(self, losses: Losses) -> None:
        """Take the losses of a block and tell the hooks of it."""
        self.take_losses(losses)
        self.hooks.call("bpframe_block_end", self.state)

    def take_losses(self, losses: Losses) -> None:
        """Account for the steps of a block; NumericalError where the session went back from a step."""
        values = np.array([losses.loss, losses.penalty, losses.weight], dtype=np.float64)
        if not self.progress.add(values, self.session.step):
            self.record_epochs()
            raise self._failure(self.progress.made)
        self._show(values)

    def _show(self, values: HostArray) -> None:
        """Let hooks see where the fit is after steps of these (3, k) values."""
        state = self.state
        state.epoch, state.done, state.step = self.progress.position()
        state.latest = values

    def record_epochs(self) -> None:
        """Append epochs that ended to the history: whole ones, and one that a hook cut short."""
        progress, state = self.progress, self.state
        finished = progress.finished(state.stopped is not None)
        if finished == progress.recorded:
            return
        finite = self.session.commit()
        if not finite:
            finished = (self.session.step - progress.start) // progress.steps
        position = {name: getattr(state, name) for name in ("epoch", "step", "done", "latest")}
        seconds = progress.seconds(finished, time.perf_counter())
        while progress.recorded < finished:
            self._record(progress.pop_epoch(), seconds)
        vars(state).update(position)
        progress.restart_clock(time.perf_counter())
        if not finite:
            raise self._failure(self.session.step - progress.start)

    def _record(self, epoch: FinishedEpoch, seconds: float) -> None:
        """One line of the history; the epoch counts as recorded before hooks hear of it: one may write a checkpoint."""
        state, began = self.state, time.perf_counter()
        state.epoch, state.step, state.latest = epoch
        state.done = epoch.values.shape[1]
        loss, penalty = means(epoch.values)
        train = {"loss": loss, "objective": loss + penalty} | self._training_metrics()
        validation = self._validation_metrics()
        seconds += time.perf_counter() - began
        state.history.append(train, validation, self.session.setting("lr", epoch.step), epoch.step, seconds)
        state.metrics = {f"train.{k}": v for k, v in train.items()} | {
            f"validation.{k}": v for k, v in validation.items()
        }
        self.hooks.call("bpframe_epoch_end", state)

    def _training_metrics(self) -> dict[str, float]:
        """Metrics of the epoch's predictions as they were made; fewer rows than all where a hook stopped the epoch."""
        if not self._metrics:
            return {}
        rows = self._batches.order(self.state.epoch)[: self.state.done * self._batches.size]
        target = self._data.target.take(rows, axis=0)
        weight = None if self._data.weight is None else self._data.weight.take(rows)
        return measure(self.task, self.session.collected()[: len(rows)], target, weight, self._metrics)

    def _validation_metrics(self) -> dict[str, float]:
        if self._validation is None:
            return {}
        scores = self.session.scores(self._validation.x)
        return evaluate_scores(self.task, scores, self._validation, self._metrics)

    def _failure(self, i: int) -> NumericalError:
        """The error for numbers that are not finite in batch i."""
        rows, session, network = self._batches.rows(min(i, len(self._batches) - 1)), self.session, self.spec.network
        data = select_rows(self._data, rows)
        when = {
            "step": session.step + 1,
            "lr": session.setting("lr", session.step),
            "loss": self.progress.last_finite,
            "rows": rows,
            "rule": self.spec.optimizer,
        }
        batch = data.x, data.target, share(data)
        return diagnose(network, self.task.cost, network.params(session.parameters), batch, when)

    def _groups(self) -> list[Group]:
        """The groups of parameters, their schedules bound to this fit and to the history so far."""
        return update_groups(self._params, self.spec.over(self.settings.steps, self.state.history.curve))
