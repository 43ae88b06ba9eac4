"""The epochs of a fit as scikit-learn keeps count of them: losses, scores, when to stop."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from bpframe.sklearn.solvers import Rate
from bpframe.sklearn.validation import HeldOut
from bpframe.training.hooks import hookimpl
from bpframe.training.run_state import RunState
from bpframe.types import HostArray


@final
@dataclass
class Watch:
    """A callback that fills in the model's attributes after each epoch, and ends the fit when it no longer improves.

    `rows` of training in batches of `size`; `scale` divides the loss (scikit-learn averages over targets what it adds
    up in the gradient); `one` epoch is made by partial_fit.
    """

    model: Any
    rows: int
    size: int
    scale: int
    held_out: HeldOut | None
    rate: Rate | None
    one: bool
    exhausted: bool = False
    _rows: HostArray = field(default_factory=lambda: np.empty(0))  # of each batch of the latest epoch

    @hookimpl
    def bpframe_epochs_ahead(self, state: RunState) -> float:
        """As many as cannot end the fit before the last of them, where nothing else is to be done after each."""
        each = self.model.verbose or self.held_out is not None or (self.rate is not None and self.rate.varies)
        return 1 if each else max(1, self.model.n_iter_no_change - self.model._no_improvement_count + 1)

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """The counts of an epoch."""
        model = self.model
        model.n_iter_ += 1
        assert state.latest is not None  # an epoch was made
        model.loss_ = self._mean(state.latest)
        model.t_ += self.rows
        model.loss_curve_.append(model.loss_)
        if model.verbose:
            print(f"Iteration {model.n_iter_:d}, loss = {model.loss_:.8f}")
        if self.held_out is not None:
            self._score(state, self.held_out)
        if not model.early_stopping:
            self._compare_losses()
        if self.rate is not None:
            self.rate.passed(model.t_)
        if model._no_improvement_count > model.n_iter_no_change:
            self._plateau(state)
        if not self.one and state.stopped is None and model.n_iter_ == model.max_iter:
            self.exhausted = True

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """The best parameters are put back, where they are kept."""
        self.restore(state.trainer)

    def restore(self, trainer: Any) -> None:
        """Put the best parameters back, if any were kept and a fit is over."""
        if self.model._best and (not self.one or self.model.stopped_):
            trainer.session.assign(self.model._best)

    def _mean(self, latest: HostArray) -> float:
        """Mean of loss / scale + penalty over the batches of an epoch, by their rows: not, as bpframe, by weight."""
        if len(self._rows) != latest.shape[1]:
            self._rows = np.full(latest.shape[1], float(self.size))
            self._rows[-1] = min(self.size, self.rows - (len(self._rows) - 1) * self.size)
        return float(np.dot(latest[0] / self.scale + latest[1], self._rows) / np.add.reduce(self._rows))

    def _score(self, state: RunState, held_out: HeldOut) -> None:
        model = self.model
        score = held_out.score(model, state)
        model.validation_scores_.append(score)
        if model.verbose:
            print(f"Validation score: {score:f}")
        better, short = held_out.improved(score, model.best_validation_score_, model.tol)
        if model.early_stopping:
            model._no_improvement_count = model._no_improvement_count + 1 if short else 0
        if better:
            model.best_validation_score_ = score
            model._best = state.parameters.copy() if model.early_stopping else {}

    def _compare_losses(self) -> None:
        model = self.model
        short = model.loss_ > model.best_loss_ - model.tol
        model._no_improvement_count = model._no_improvement_count + 1 if short else 0
        model.best_loss_ = min(model.loss_, model.best_loss_)

    def _plateau(self, state: RunState) -> None:
        """Stop, or go on with a smaller learning rate, and say so if that is wanted."""
        model, what = self.model, "Validation score" if self.model.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={model.tol:f} for {model.n_iter_no_change:d} consecutive epochs."
        )
        adaptive = self.rate is not None and self.rate.policy == "adaptive"
        going_on = self.rate.plateau() if self.rate is not None else None
        if model.verbose:
            print(f"{message} {going_on or ('Learning rate too small. ' if adaptive else '') + 'Stopping.'}")
        if going_on is None:
            model.stopped_ = True
            state.stop(message)
        else:
            model._no_improvement_count = 0


@final
@dataclass
class Clock:
    """A callback that ends the fit after `seconds`."""

    seconds: float
    rang: bool = False

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Start the clock."""
        self.start = time.perf_counter()

    @hookimpl
    def bpframe_block_end(self, state: RunState) -> None:
        """Look at it, a few times a second."""
        if time.perf_counter() - self.start > self.seconds:
            self.rang = True
            state.stop(f"max_time of {self.seconds} s is spent")
