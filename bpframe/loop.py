"""The loop of a fit: epochs of blocks of steps, with the hooks between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, final

import numpy as np

from bpframe.errors import NumericalError
from bpframe.history import History
from bpframe.hooks import Hooks
from bpframe.parameters import Parameters
from bpframe.protocols import Batches, Metric, Session

STEPWISE = ("bpframe_batch_start", "bpframe_batch_end", "bpframe_update")


@dataclass
class RunState:
    """What every hook is given.

    trainer; epoch (from 0) and epochs (where this fit ends); step: updates made; steps: batches an epoch; done:
    batches of this epoch made; loss: mean of the latest step or block; metrics: the latest epoch by curve,
    {"train.loss": ...}; curves: every curve this run records, with the direction that is better ("min", "max", None);
    memory: a dict of the callback's own, kept with the run; exception, in bpframe_exception.
    """

    trainer: Any
    history: History
    curves: dict[str, str | None]
    epochs: int
    memories: list[dict[str, Any]]
    epoch: int = 0
    step: int = 0
    steps: int = 0
    done: int = 0
    loss: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    stopped: str | None = None
    exception: BaseException | None = None

    @property
    def parameters(self) -> Parameters:
        """The trainer's parameters, to read and to set."""
        return cast(Parameters, self.trainer.parameters)

    def stop(self, reason: str) -> None:
        """End the fit after the present hook; `reason` is kept as `stopped`."""
        self.stopped = reason


def curves(metrics: Sequence[tuple[str, Metric]], validation: bool) -> dict[str, str | None]:
    """Every curve of a run by name, with the direction that is better; None: not known."""
    best = {"loss": "min", **{name: getattr(metric, "best", None) for name, metric in metrics}}
    parts = ("train", "validation") if validation else ("train",)
    always = {"train.loss": "min", "train.objective": "min"}
    return always | {f"{part}.{name}": way for part in parts for name, way in best.items()}


@final
class Loop:
    """Runs the epochs of one fit on a session."""

    def __init__(
        self,
        session: Session,
        state: RunState,
        callbacks: list[object],
        batches: Callable[[int], Batches],
        finish: Callable[[Batches, dict[str, float]], tuple[dict[str, float], dict[str, float]]],
        failure: Callable[[Batches, int, float | None], NumericalError],
    ) -> None:
        self.session, self.state = session, state
        self.hooks = Hooks(callbacks, self._update)
        self._batches, self._finish, self._failure = batches, finish, failure
        self._finite: float | None = None  # the last finite loss

    def run(self) -> None:
        """All epochs, or until a hook stops the fit; every exception passes bpframe_exception first."""
        state, hooks = self.state, self.hooks
        try:
            hooks.call("bpframe_fit_start", state)
            while state.epoch < state.epochs and state.stopped is None:
                self._epoch()
                state.epoch += 1
            hooks.call("bpframe_fit_end", state)
        except BaseException as exception:
            state.step, state.exception = self.session.step, exception
            hooks.call("bpframe_exception", state)
            raise

    def _epoch(self) -> None:
        state, start = self.state, time.perf_counter()
        state.done = 0
        self.hooks.call("bpframe_epoch_start", state)
        if state.stopped is not None:
            return
        self._now = self._batches(state.epoch)
        state.steps = len(self._now)
        self._sums = np.zeros(3)  # of weight * loss, weight * (loss + penalty), weight
        while state.done < len(self._now) and state.stopped is None:
            self._advance()
        if state.done == 0:  # stopped before its first step
            return
        if not self.session.commit():
            raise self._failure(self._now, state.done, self._finite)
        loss, objective = (self._sums[:2] / self._sums[2]).tolist() if self._sums[2] else (0.0, 0.0)
        train, validation = self._finish(self._now, {"loss": loss, "objective": objective})
        lr = self.session.setting("lr")
        state.history.append(train, validation, lr, self.session.step, time.perf_counter() - start)
        state.metrics = {f"train.{k}": v for k, v in train.items()} | {
            f"validation.{k}": v for k, v in validation.items()
        }
        self.hooks.call("bpframe_epoch_end", state)

    def _advance(self) -> None:
        """One block of steps; a single one where somebody listens to steps."""
        state, hooks = self.state, self.hooks
        if hooks.listens(*STEPWISE):
            hooks.call("bpframe_batch_start", state)
            if state.stopped is not None:
                return
            if hooks.listens("bpframe_update"):
                hooks.call("bpframe_update", state)
            else:
                self._update()
            hooks.call("bpframe_batch_end", state)
        else:
            self._steps(len(self._now))
        hooks.call("bpframe_block_end", state)

    def _update(self) -> None:
        self._steps(self.state.done + 1)

    def _steps(self, stop: int) -> None:
        state, before = self.state, self.session.step
        losses = self.session.run(self._now, state.done, stop)
        loss, penalty, weight = (np.asarray(a, dtype=np.float64) for a in (losses.loss, losses.penalty, losses.weight))
        made = self.session.step - before
        if made < len(losses):
            good = loss[np.isfinite(loss)]
            last = float(good[-1]) if len(good) else self._finite
            raise self._failure(self._now, state.done + made, last)
        self._finite = float(loss[-1])
        self._sums += [loss @ weight, (loss + penalty) @ weight, weight.sum()]
        state.done += made
        state.step = self.session.step
        state.loss = float(np.average(loss, weights=weight)) if weight.any() else 0.0
