"""The loop of a fit: epochs of blocks of steps, with the hooks between them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np

from bpframe.errors import NumericalError
from bpframe.protocols import Batches, Session
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.training.hooks import Hooks
from bpframe.training.run_state import RunState, means
from bpframe.types import HostArray

STEPWISE = ("bpframe_batch_start", "bpframe_batch_end", "bpframe_update")


@final
@dataclass(frozen=True)
class Begun:
    """How far a fit is: (3, k) loss, penalty and weight of the steps since the latest epoch in the history.

    `finite`: the last finite loss; `stopped`: why a hook ended it, if one did; `collected`: the scores (rows, C) that
    metrics of training are measured on.
    """

    values: HostArray
    finite: float | None = None
    stopped: str | None = None
    collected: HostArray | None = None


class Asked(Protocol):
    """What a loop asks for between blocks of steps."""

    def batches(self, epoch: int, epochs: int) -> Batches:
        """The batches of so many epochs, from that one on."""

    def finish(self, epoch: Batches, train: dict[str, float]) -> tuple[dict[str, float], dict[str, float]]:
        """The curves of an epoch that ended, of training and of validation."""

    def failure(self, epoch: Batches, i: int, loss: float | None) -> NumericalError:
        """What to say of numbers that are not finite in batch i; the last finite loss before it."""


@final
class Loop:
    """Runs the epochs of one fit on a session.

    Epochs that nobody looks between (no hook, or one that can wait, and no measurement: `apart` is False) are handed
    to the session as one stretch, so that an engine can run from one into the next; the history has each all the same.
    """

    def __init__(
        self,
        session: Session,
        state: RunState,
        callbacks: list[object],
        asked: Asked,
        apart: bool,
        begun: Begun,
    ) -> None:
        self.session, self.state = session, state
        names = [title(registry, "callback", callback).removeprefix("callback ") for callback in callbacks]
        self.hooks = Hooks(callbacks, self._update, names)
        self._asked = asked
        self._apart, self._stepwise = apart, self.hooks.listens(*STEPWISE)
        self._values = [begun.values]  # (3, steps) of loss, penalty and weight, since the latest epoch in the history
        self._finite = begun.finite  # the last finite loss
        self._made = begun.values.shape[1]  # steps of the stretch
        self._start = session.step - self._made  # where it began

    @property
    def begun(self) -> Begun | None:
        """How far the fit is behind the latest epoch in the history; None where its session is further than it knows.

        That is so when an exception cut a block short: a session may keep the whole steps of such a block.
        """
        if self.session.step != self._start + self._made:
            return None
        return Begun(_joined(self._values), self._finite, self.state.stopped)

    def run(self) -> None:
        """All epochs, or until a hook stops the fit; every exception passes bpframe_exception first."""
        state, hooks = self.state, self.hooks
        try:
            hooks.call("bpframe_fit_start", state)
            while state.epoch < state.epochs and state.stopped is None:
                self._stretch()
                state.epoch += 1
            hooks.call("bpframe_fit_end", state)
        except BaseException as exception:
            state.step, state.exception, state.cut = self.session.step, exception, self.begun is None
            hooks.call("bpframe_exception", state)
            raise
        finally:
            hooks.close()

    def _stretch(self) -> None:
        """One epoch, or as many as nobody looks between; the first may be begun."""
        state, self._began = self.state, time.perf_counter()
        begun = _joined(self._values)
        state.done = begun.shape[1]
        if not begun.size:
            self.hooks.call("bpframe_epoch_start", state)
        if state.stopped is not None:
            return
        self._made, self._whole, self._values = begun.shape[1], 0, [begun]
        self._first, self._start = state.epoch, self.session.step - self._made
        left = state.epochs - state.epoch
        self._now = self._asked.batches(state.epoch, 1 if self._apart else int(min(left, self.hooks.ahead(state))))
        state.steps = self._now.steps
        if begun.size:
            self._place(begun)
        self._enter()
        while self._made < len(self._now) and state.stopped is None:
            self._advance()
            self._enter()
        self._enter()  # what was made of the next epoch, where somebody stopped that was told late

    def _enter(self) -> None:
        """Enter epochs that ended into the history: whole ones, and one that a hook cut short."""
        steps, stopped = self.state.steps, self.state.stopped is not None
        ended = -(-self._made // steps) if stopped else self._made // steps
        if ended == self._whole:
            return
        finite = self.session.commit()
        if not finite:
            ended = (self.session.step - self._start) // steps
        values, present = _joined(self._values), self._where()
        shares = time.perf_counter() - self._began, max(1, ended - self._whole)
        for epoch in range(self._whole, ended):
            own, values = values[:, :steps], values[:, steps:]
            self._values, self._whole = [values], epoch + 1  # before it is told: a hook may write a checkpoint
            self._record(epoch, own, shares)
        vars(self.state).update(present)
        self._began = time.perf_counter()
        if not finite:
            raise self._asked.failure(self._now, self.session.step - self._start, self._finite)

    def _where(self) -> dict[str, Any]:
        state = self.state
        return {"epoch": state.epoch, "step": state.step, "done": state.done, "latest": state.latest}

    def _record(self, epoch: int, values: HostArray, shares: tuple[float, int]) -> None:
        """One epoch of the stretch, from its (3, steps) values; of the seconds of a stretch it gets an equal share."""
        state, began = self.state, time.perf_counter()
        state.epoch, state.done, state.latest = self._first + epoch, values.shape[1], values
        loss, penalty = means(values)
        train, validation = self._asked.finish(self._now, {"loss": loss, "objective": loss + penalty})
        step = state.step = self._start + epoch * state.steps + values.shape[1]
        seconds = shares[0] / shares[1] + time.perf_counter() - began
        state.history.append(train, validation, self.session.setting("lr", step), step, seconds)
        state.metrics = {f"train.{k}": v for k, v in train.items()} | {
            f"validation.{k}": v for k, v in validation.items()
        }
        self.hooks.call("bpframe_epoch_end", state)

    def _advance(self) -> None:
        """One block of steps; a single one where somebody listens to steps."""
        state, hooks = self.state, self.hooks
        if self._stepwise:
            hooks.call("bpframe_batch_start", state)
            if state.stopped is not None:
                return
            if hooks.listens("bpframe_update"):
                hooks.call("bpframe_update", state)
            else:
                self._update()
            hooks.call("bpframe_batch_end", state)
        else:
            self._steps(self._end())
        hooks.call("bpframe_block_end", state)

    def _end(self) -> int:
        """Where the next block has to end: at a step that somebody asked for, or with the stretch."""
        asked = self.state.asked
        if not asked:
            return len(self._now)
        step = self.session.step
        asked -= {past for past in asked if past <= step}
        ends: list[int] = [len(self._now), *(self._made + ahead - step for ahead in asked)]
        return min(ends)

    def _update(self) -> None:
        self._steps(self._made + 1)

    def _steps(self, stop: int) -> None:
        session = self.session
        before = session.step
        losses = session.run(self._now, self._made, stop)
        values = np.array([losses.loss, losses.penalty, losses.weight], dtype=np.float64)
        step = session.step
        self._made = step - self._start
        self._values.append(values)
        if step - before < len(losses):  # it went back to the last finite step
            self._values = [_joined(self._values)[:, : self._made - self._whole * self.state.steps]]
            good = values[0][np.isfinite(values[0])]
            self._finite = float(good[-1]) if len(good) else self._finite
            self._enter()
            raise self._asked.failure(self._now, self._made, self._finite)
        self._place(values)

    def _place(self, values: HostArray) -> None:
        """Where the run is after a block of these (3, steps) values."""
        state, epoch = self.state, (self._made - 1) // self.state.steps
        state.epoch, state.done = self._first + epoch, self._made - epoch * state.steps
        state.step, self._finite = self._start + self._made, values.item(0, -1)
        state.latest = values


def _joined(values: list[HostArray]) -> HostArray:
    """Values (3, k) of steps in a row; mostly all but one have none."""
    some = [part for part in values if part.size]
    return some[0] if len(some) == 1 else np.concatenate(values, axis=1)
