"""One fit of a trainer: its session, data, hooks and progress, and the history of the epochs that end."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, final

import numpy as np

from bpframe.data.target_scale import is_scalable
from bpframe.data.task import Task, share
from bpframe.engine.projection import projected
from bpframe.engine.projection_order import refuse_leaving
from bpframe.errors import CheckpointError, ConfigError, NumericalError
from bpframe.network.fit_buffers import buffers_by_name, layers_with_fit
from bpframe.protocols import Batches, Data, Losses, Session, SessionEnds, SessionSums
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import block_losses
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.training.clock_warnings import warn_of_clocks
from bpframe.training.diagnosis import diagnose, holds_foreign
from bpframe.training.engine_levels import refuse_missing_levels
from bpframe.training.epoch_measures import EpochMeasures
from bpframe.training.evaluation import exploded
from bpframe.training.fit_groups import FitGroups
from bpframe.training.fit_settings import FitSettings, UnfinishedFit
from bpframe.training.hooks import Hooks
from bpframe.training.idle_epochs import IdleEpochs
from bpframe.training.mask_check import refuse_unpadded_parts, warn_of_unmasked_layers
from bpframe.training.metric_sums import MetricSums, metric_sums
from bpframe.training.metric_values import NamedMetrics
from bpframe.training.monitor import watchers
from bpframe.training.preflight import refuse_mixed_numbers, refuse_other_curves, warn_of_rules
from bpframe.training.present_parts import PresentParts
from bpframe.training.progress import FinishedEpoch, FitProgress, PartialEpoch
from bpframe.training.run_state import RunState, means
from bpframe.training.score_domain import refuse_other_scores
from bpframe.training.spec import TrainerSpec
from bpframe.training.trained_parameters import TrainedParameters
from bpframe.training.update_curves import UpdateCurves, measuring
from bpframe.types import HostArray

if TYPE_CHECKING:
    from bpframe.network.trace import Trace

LOOK_ROWS = 8  # that show whether the last step has spoilt the parameters
LARGE_RATE, LARGE_RISE = 10.0, 100.0  # of a learning rate, and of a loss over the least one of its block
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
        params: TrainedParameters,
        data: tuple[Data, Data | None],
        batches: Batches,
        settings: FitSettings,
        metrics: NamedMetrics,
        state: RunState,
        partial: PartialEpoch | None,
        present: PresentParts | None = None,
    ) -> None:
        """`data` to train on and to validate with; `batches`: of one epoch, in whose order all others come."""
        present = present or PresentParts(spec.network, task.cost)
        spec = spec.at_present(present)
        self.spec, self.session, self.task, self.settings, self.state = spec, session, task, settings, state
        looking = measuring([*spec.callbacks, *(metric for _, metric in metrics)])
        known = params.groups(spec) if looking else []
        self._curves = UpdateCurves(looking, known, ["loss", "objective", *(name for name, _ in metrics)])
        state.curves |= {f"train.{name}": None for name in self._curves.names}
        self._groups = FitGroups(spec, params, present, self._curves, settings.steps, state)
        self.progress = FitProgress(partial, session.step, 3 + len(self._curves.names))
        names = [title(registry, "callback", callback).removeprefix("callback ") for callback in spec.callbacks]
        self.hooks = Hooks(spec.callbacks, self.step, names)
        self.stepwise = self.hooks.listens(*STEPWISE)
        self._batches, self._data = batches, data[0]
        self._measures = EpochMeasures(spec, task, session, *data, metrics)
        self._collects, self._validates = bool(metrics), data[1] is not None
        self._metrics, self._collected = metrics, partial and partial.collected
        self._known_sums = 0 if partial is None or partial.sums is None else len(partial.sums)  # a step
        self._idle: IdleEpochs | None = None
        self._ends: SessionEnds | None = None
        self._shown: int | None = None  # the step at the end of the epoch as at which the session is shown
        refuse_other_curves(self._groups.monitored, state.curves)

    def prepare(self, first: bool, learn: bool = True) -> None:
        """Make the session ready; before the `first` fit of a trainer a dry run finds components that are wrong.

        `learn`: whether its layers learn from data then.
        """
        session, network, data = self.session, self.spec.network, self._data
        groups = self._groups.at_present()
        self._groups.present.check(session.step, self.settings.steps)
        refuse_missing_levels(self.spec.engine, groups, network, data.weight)
        if first and learn and layers_with_fit(network.layers):
            trained = {path for group in groups if group.trains for path in group.paths}
            session.assign(buffers_by_name(network, network.params(session.parameters), data, trained))
        numbers = self.task.has_class_numbers and data.target.shape[-1] == 1
        refuse_mixed_numbers(self.spec.augmentations, self.task.loss, numbers)
        refuse_other_scores(network, self._measures.undecided, session, data.x)
        run = session.step, self.settings.steps
        watching = watchers(self.spec.callbacks, self._groups.monitored)
        warn_of_clocks(groups, network, self._batches, len(data.x), run, watching, not self.state.resumed)
        if self._groups.monitored or self.hooks.listens("bpframe_epoch_end"):
            self._idle = IdleEpochs(groups, self._validates)
        if first:
            warn_of_rules(groups, self.spec.rules())
            if holds_foreign(self.spec, self.task.cost):
                from bpframe.training.dry_run import dry_run  # bpframe's own components are proven

                dry_run(self.spec, self.task.cost, groups, session, data)
        if self.spec.pads:
            refuse_unpadded_parts(network, self.task.cost, session, data)
        else:
            warn_of_unmasked_layers(network, session, data)
        refuse_leaving(groups, session)
        session.use(groups)
        limits = groups if self.spec.projects and not self.state.resumed else ()  # which may be others than before
        if limits and (outside := projected(limits, session.parameters)):
            session.assign(outside)
        self._measures.sums = sums = self._summed()
        self._ends = self._session_ends()
        self._measures.kept_ends = self._ends is not None
        session.load(data, self._collects and sums is None, self._collected)

    def _summed(self) -> MetricSums | None:
        """The sums that the steps take for metrics; None where scores are collected: where hooks see each epoch.

        A number that decides is that of the host. An epoch ends as it began, since what is known of it is one or other;
        ConfigError where that are sums of other metrics.
        """
        session, made = self.session, self.progress.made
        if not implements(session, SessionSums):
            return None
        decides = not self.hooks.waits or self.hooks.listens(*STEPWISE) or self._groups.monitored
        wanted = self._known_sums > 0 if made else not decides
        sums = metric_sums(self.task, self._metrics, self._data) if wanted else None
        if sums is not None and not (made or sums.counts) and self.hooks.listens("bpframe_epoch_end"):
            sums = None  # others than counts are not the host's to the bit
        width = 0 if sums is None else sums.width
        if made and width != self._known_sums:
            needed = f"metrics of {self._known_sums} sums a step, as in the steps so far"
            raise ConfigError(f"The rest of the epoch needs {needed}, got metrics of {width}.")
        return sums if session.sum_rows(sums) else None

    def _session_ends(self) -> SessionEnds | None:
        """The session, where it keeps the ends of epochs, so that several are made before they are looked at."""
        session, hooks = self.session, self.hooks
        if not implements(session, SessionEnds):
            return None
        wanted = self._validates or hooks.rewinding
        others = self.stepwise or self._groups.monitored or self._measures.looks_at_rows or self._groups.scheduled()
        able = wanted and hooks.waits and self.spec.even_epochs and not others
        return session if session.keep_ends(able, self._measures.validation_rows, hooks.rewinding) else None

    def keep_whole_steps(self) -> bool:
        """After an exception: account for whole steps of a block that it cut short.

        Whether the losses of all steps are known now: else no checkpoint can be written.
        """
        self._rewind()
        losses = block_losses(self.session) or Losses((), (), ())
        self.progress.keep_whole_steps(self._step_values(losses), self.session.step)
        self._rewind()  # epochs that such a block has passed are looked at by nobody
        return self.progress.partial(self.session.step, None) is not None

    def partial_epoch(self) -> PartialEpoch | None:
        """What a checkpoint needs of the present epoch; None where an exception has cut a block short."""
        partial = self.progress.partial(self.session.step, self.state.stopped)
        if partial is None or not self._collects or self._measures.sums is not None:
            return partial
        rows = partial.values.shape[1] * self.settings.batch_size
        none = np.empty((0, *self.task.row), self.task.dtype)  # before the first step there is no room for them
        return replace(partial, collected=self.session.collected()[:rows] if rows else none)

    def interruption(self, what: str) -> UnfinishedFit:
        """What goes on with this fit needs, from where it is now; CheckpointError that names what cannot have it."""
        self._rewind()
        partial = self.partial_epoch()
        if partial is None:
            raise CheckpointError(f"{what} cannot be written: the fit was cut off within a block of steps.")
        return self.settings, partial

    # -------------------------------------------------------------------------------------------------- for the loop

    def next_epochs(self) -> Batches | None:
        """The batches of the next epoch, or of as many as need no stop between, of which the first may be partial.

        None where no epoch is left, or a hook has stopped the fit.
        """
        state = self.state
        if state.epoch == state.epochs or state.stopped is not None:
            return None
        values = self.progress.restart(state.epoch, self.session.step, time.perf_counter())
        state.done = values.shape[1]
        if not state.done:
            self.hooks.call("bpframe_epoch_start", state)
        if state.stopped is None:
            return self._next_batches(values)
        state.epoch += 1
        return None

    def _next_batches(self, values: HostArray) -> Batches:
        """The batches of a run of epochs, (3, k) `values` of whose steps are known already."""
        state, epochs = self.state, 1
        if not self._looks_between():
            epochs = int(min(state.epochs - state.epoch, self.hooks.ahead(state, self._ends is not None)))
        if self._groups.monitored or state.epoch == self._groups.change:
            self.session.use(self._groups.at_present())
        if self._groups.change is not None:
            epochs = min(epochs, self._groups.change - state.epoch)
        if (self._batches.epoch, self._batches.epochs) != (state.epoch, epochs):
            self._batches = replace(self._batches, epoch=state.epoch, epochs=epochs)
        self.progress.steps = state.steps = self._batches.steps
        if values.size:
            self._show(values)
            self.record_epochs()
        return self._batches

    def _looks_between(self) -> bool:
        """Whether something is measured after each epoch, or their lengths may differ."""
        return self._measures.looks or not self.spec.even_epochs or bool(self._groups.monitored)

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
        """Take the losses of a block and tell the hooks of it, before that of epochs that it has passed."""
        self.take_losses(losses)
        if self._ends is not None:
            self.record_epochs(past=True)
        self.hooks.call("bpframe_block_end", self.state)

    def take_losses(self, losses: Losses) -> None:
        """Account for the steps of a block; NumericalError where the session went back from a step."""
        values = self._step_values(losses)
        self._groups.present.move(self.session.step)
        if not self.progress.add(values, self.session.step):
            self.record_epochs()
            raise self._failure(self.progress.made)
        self._show(values)

    def _show(self, values: HostArray) -> None:
        """Let hooks see where the fit is after steps of these (3, k) values."""
        state = self.state
        state.epoch, state.done, state.step = self.progress.position()
        state.latest, state.measures = values[:3], self._curves.by_name(values[3 : 3 + len(self._curves.names)])

    def record_epochs(self, past: bool = False) -> None:
        """Append epochs that ended to the history: whole ones, and one that a hook cut short.

        `past`: those that ended some steps ago.
        """
        progress, state = self.progress, self.state
        finished = progress.passed() if past else progress.finished(state.stopped is not None)
        if finished == progress.recorded:
            return
        finite = self.session.commit()
        if not finite:
            finished = (self.session.step - progress.start) // progress.steps
        position = {name: getattr(state, name) for name in ("epoch", "step", "done", "latest", "measures")}
        seconds = progress.seconds(finished, time.perf_counter())
        made = progress.made
        while progress.recorded < finished and progress.made == made:
            self._record_end(progress.next_epoch(), seconds)
        if progress.made == made:
            vars(state).update(position)
        progress.restart_clock(time.perf_counter())
        if not finite:
            raise self._failure(self.session.step - progress.start)
        self._measures.refuse_strayed()

    def _record_end(self, epoch: FinishedEpoch, seconds: float) -> None:
        """Record an epoch with the session as it was at its end, if later ones are made; go back there if it stops."""
        if self._ends is None or not self._ends.show_end(epoch.step):
            self._record(epoch, seconds)
            return
        self._shown = epoch.step
        self._record(epoch, seconds)
        if self.state.stopped is not None:
            self._rewind()
        self._ends.show_end(None)
        self._shown = None

    def _rewind(self) -> None:
        """Take back what was made behind the epoch that is shown, or behind the first that the history lacks."""
        progress, step = self.progress, self._shown
        if step is None and progress.passed() > progress.recorded:
            step = progress.start + (progress.recorded + 1) * progress.steps
        if self._ends is not None and step is not None:
            self._ends.rewind(step)
            progress.cut(step)
            self._shown = None

    def _record(self, epoch: FinishedEpoch, seconds: float) -> None:
        """One line of the history, once all of it is measured: an exception leaves the epoch to be recorded later.

        It counts as recorded before hooks hear of it: one may write a checkpoint.
        """
        state, began = self.state, time.perf_counter()
        state.epoch, state.step, values = epoch
        state.done, curves = values.shape[1], 3 + len(self._curves.names)
        state.latest, state.measures = values[:3], self._curves.by_name(values[3:curves])
        loss, penalty = means(state.latest)
        visited = self._batches, state.epoch, state.done
        loss /= self._measures.visited_weight(*visited)
        train = {"loss": loss, "objective": loss + penalty} | self._measures.of_training(*visited, values[curves:])
        train |= self._curves.means(values[3:curves]) | state.observed
        validation = self._measures.of_validation()
        seconds += time.perf_counter() - began
        state.history.append(train, validation, self._groups.rate(self.session, epoch.step), epoch.step, seconds)
        if self._idle is not None:
            self._idle.note(state.history, self.session, epoch.step - state.done, epoch.step)
        self.progress.mark_recorded()
        state.metrics = {f"train.{k}": v for k, v in train.items()} | {
            f"validation.{k}": v for k, v in validation.items()
        }
        self.hooks.call("bpframe_epoch_end", state)

    def _failure(self, i: int) -> NumericalError:
        """The error for numbers that are not finite in batch i."""
        rows, session, network = self._batches.rows(min(i, len(self._batches) - 1)), self.session, self.spec.network
        when = {
            "step": session.step + 1,
            "lr": self._groups.rate(self.session, session.step),
            "loss": self.progress.last_finite,
            "grown": self.progress.has_grown(self.state.history.train.get("loss", [])),
            "rows": rows,
            "rule": self.spec.optimizer,
            "scalable": not self.task.standardize and is_scalable(self.task.loss),
        }
        return diagnose(network, self.task.cost, network.params(session.parameters), self._rows(rows), when)

    def trace(self, rows: HostArray) -> Trace:
        """The trace of training rows of these numbers, at the present parameters; on threads that wait for nobody."""
        from bpframe.engine.numpy.product_threads import ProductThreads  # by who looks
        from bpframe.network.trace import trace

        network = self.spec.network
        params = network.params(self.session.parameters)
        with ProductThreads.of(network, params, None).block(len(rows)):
            return trace(network, self.task.cost, params, *self._rows(rows))

    def _rows(self, rows: HostArray) -> tuple[HostArray, HostArray, Any]:
        """(x, target, share) of training rows of these numbers."""
        data = self._data.take(rows)
        return data.x, data.target, share(data)

    def refuse_exploded(self) -> None:
        """NumericalError where the fit leaves finite parameters at which a row's score or loss is not finite.

        Each step is looked at by the one that follows; the last has none. A few rows show it: such parameters spare
        none. Not looked at where nothing hints at it: of several steps at a rate that is not large the last had a loss
        like the others.
        """
        latest, rate = self.state.latest, self._groups.rate(self.session, self.session.step)
        alone = not (self.spec.groups or self.spec.regularizers or self.spec.gradient_steps)  # with strengths of theirs
        if alone and latest is not None and rate is not None and rate <= LARGE_RATE:
            losses = [abs(loss) for loss in latest[0].tolist()]
            if len(losses) > 1 and losses[-1] <= LARGE_RISE * (1 + min(losses)):
                return
        data = self._data.take(slice(LOOK_ROWS))
        if exploded(self.spec, self.task, self.session, data):
            raise self._failure(max(self.progress.made - 1, 0))

    def _step_values(self, losses: Losses) -> HostArray:
        """(3 + c + K, k) loss, penalty, weight, measured curves, and sums over the rows, of k steps."""
        parts = [np.array([losses.loss, losses.penalty, losses.weight], dtype=np.float64)]
        parts += [self._curves.rows(losses)] if self._curves.names else []
        parts += [] if losses.sums is None else [losses.sums.T]
        return np.concatenate(parts) if len(parts) > 1 else parts[0]
