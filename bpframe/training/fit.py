"""One fit of a trainer: its course, and what its loop asks for between blocks of steps."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import Any, final
from weakref import proxy

import numpy as np

from bpframe.data.task import share
from bpframe.errors import ConfigError, NumericalError
from bpframe.network.network import learners
from bpframe.protocols import Batches, Data, Draws, Group
from bpframe.registry import registry
from bpframe.training import parameter_groups, preflight
from bpframe.training.checkpoint import Course
from bpframe.training.diagnosis import components, diagnose
from bpframe.training.dry_run import DryRun
from bpframe.training.history import History
from bpframe.training.loop import Begun, Loop
from bpframe.training.run_state import RunState, curves

NOTHING = Begun(np.empty((3, 0)))


@final
class Alone:
    """A block that one thread at a time may be in; ConfigError for a second one, from wherever it comes."""

    def __init__(self) -> None:
        self._lock = Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise ConfigError("Trainer needs one fit to end before another begins. Give each thread its own trainer.")

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __reduce__(self) -> Any:
        return Alone, ()  # nobody is in a copy


@final
class Fit:
    """Runs the epochs of a course on checked data, from its start or from where it was begun."""

    def __init__(self, trainer: Any, seen: Data, held_out: Data | None, course: Course, begun: Begun | None) -> None:
        self.course, self._trainer, self._seen, self._held_out = course, trainer, seen, held_out
        self._session, self._head = trainer.session, trainer.head
        self._metrics = self._head.named_metrics(trainer.metrics)
        self._orders = preflight.orders(trainer.seed, seen, course.shuffle, trainer.sampler)
        self._state = RunState(
            trainer,
            trainer.history,
            curves(self._metrics, held_out is not None),
            course.epochs,
            trainer.memories,
            epoch=len(trainer.history),
            step=self._session.step,
            stopped=begun and begun.stopped,
            resumed=begun is not None,
        )
        preflight.refuse_missing_curves(trainer.parts.monitored(), self._state.curves)
        self._monitored = bool(trainer.parts.monitored())
        uneven = trainer.sampler is not None and not isinstance(trainer.sampler, Draws)  # epochs of any length
        apart = held_out is not None or uneven or bool(self._metrics or self._monitored)
        begun = begun or NOTHING
        self._collected = begun.collected
        # By a proxy: a circle would keep the model and its data until the garbage collector comes.
        self._loop = Loop(self._session, self._state, trainer.callbacks, proxy(self), apart, begun)

    def prepare(self, first: bool) -> None:
        """The session made ready; the `first` fit of a trainer finds out what is wrong before anything is trained."""
        session, network, seen = self._session, self._trainer.network, self._seen
        if first and learners(network.layers):
            session.assign(preflight.learned_buffers(network, network.params(session.parameters), seen.x))
        groups = self._groups()
        if first and not all(map(registry.owns, components(self._trainer))):  # bpframe's own are proven
            few = preflight.rows(seen, np.arange(len(seen.x))[:2])
            DryRun(network, self._head.cost, groups, network.params(session.parameters)).step(few)
        session.use(groups)
        session.load(seen, bool(self._metrics), self._collected)

    def run(self) -> History:
        """All epochs that are left; the history."""
        self._loop.run()
        return self._state.history

    @property
    def begun(self) -> Begun | None:
        """How far it is; None where an exception has cut a block short."""
        found = self._loop.begun
        if found is None or not self._metrics:
            return found
        rows = found.values.shape[1] * self.course.batch_size
        return replace(found, collected=self._session.collected()[:rows])

    # ------------------------------------------------------------------------------------------ what the loop asks for

    def batches(self, epoch: int, epochs: int) -> Batches:
        """The batches of so many epochs, from that one on."""
        if self._monitored:
            self._session.use(self._groups())
        return Batches(epoch, self._orders, self.course.batch_size, epochs)

    def finish(self, epoch: Batches, train: dict[str, float]) -> tuple[dict[str, float], dict[str, float]]:
        """The curves of an epoch that ended, of training and of validation."""
        if self._metrics:
            state = self._state
            rows = epoch.order(state.epoch)[: state.done * epoch.size]  # fewer than all where a hook stopped the epoch
            seen = self._seen
            target = seen.target.take(rows, axis=0)
            weight = None if seen.weight is None else seen.weight.take(rows)
            train |= self._head.measure(self._session.collected()[: len(rows)], target, weight, self._metrics)
        if self._held_out is None:
            return train, {}
        return train, self._head.measured(self._session.scores(self._held_out.x), self._held_out, self._metrics)

    def failure(self, epoch: Batches, i: int, loss: float | None) -> NumericalError:
        """What to say of numbers that are not finite in batch i; the last finite loss before it."""
        rows, session = epoch.rows(min(i, len(epoch) - 1)), self._session
        seen, known = preflight.rows(self._seen, rows), {"rows": rows, "rule": self._trainer.optimizer}
        when = {"step": session.step + 1, "lr": session.setting("lr", session.step), "loss": loss, **known}
        network = self._trainer.network
        batch = seen.x, seen.target, share(seen)
        return diagnose(network, self._head.cost, network.params(session.parameters), batch, when)

    def _groups(self) -> list[Group]:
        """The groups of parameters, their schedules set to this course and to the history so far."""
        trainer = self._trainer
        return parameter_groups.groups(trainer.known, trainer.parts.over(self.course.steps, trainer.history.curve))
