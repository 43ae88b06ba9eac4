"""Callbacks of an estimator's fit: scikit-learn's loss curve, scores and early stopping, and a time limit."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from sklearn.base import BaseEstimator

from bpframe.sklearn.solvers import PolicyRate
from bpframe.sklearn.validation import ValidationRows
from bpframe.sklearn.verbose_print import verbose_print
from bpframe.training.hook_marker import hookimpl
from bpframe.training.run_state import RunState
from bpframe.types import HostArray


@final
@dataclass
class EarlyStopping:
    """A callback that updates the model's attributes after each epoch, and stops the fit when it no longer improves.

    `rows` training rows in batches of `size`; `scale` divides the loss (scikit-learn averages the loss over targets
    and sums its gradient); `single_epoch`: the fit is a partial_fit.
    """

    model: BaseEstimator
    rows: int
    size: int
    scale: int
    validation_rows: ValidationRows | None
    rate: PolicyRate | None
    single_epoch: bool
    exhausted: bool = False
    _rows: HostArray = field(default_factory=lambda: np.empty(0))  # of each batch of the latest epoch
    _total: float = 0.0  # of these

    @property
    def ended(self) -> bool:
        """Whether the fit has made all its epochs, or was stopped."""
        return self.exhausted or self.model.stopped_ or (self.single_epoch and self.model.n_iter_ > 0)

    @hookimpl
    def bpframe_epochs_ahead(self, state: RunState) -> float:
        """The number of epochs during which the fit cannot stop; 1 if each epoch is printed, scored or rescheduled."""
        each = self.model.verbose or self.validation_rows is not None or (self.rate is not None and self.rate.varies)
        return 1 if each else max(1, self.model.n_iter_no_change - self.model._no_improvement_count + 1)

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Append to the loss curve, score, and stop or change the learning rate at a plateau."""
        model = self.model
        model.n_iter_ += 1
        assert state.latest is not None  # an epoch was made
        model.loss_ = self._mean(state.latest)
        model.t_ += self.rows
        model.loss_curve_.append(model.loss_)
        if model.verbose:
            verbose_print(f"Iteration {model.n_iter_:d}, loss = {model.loss_:.8f}")
        if self.validation_rows is not None:
            self._score(state, self.validation_rows)
        if not model.early_stopping:
            self._compare_losses()
        if self.rate is not None:
            self.rate.end_epoch(model.t_)
        if model._no_improvement_count > model.n_iter_no_change:
            self._plateau(state)
        if not self.single_epoch and state.stopped is None and model.n_iter_ == model.max_iter:
            self.exhausted = True

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """Restore the best parameters, if any were kept."""
        self.restore(state.trainer)

    def restore(self, trainer: Any) -> None:
        """Restore the best parameters, if any were kept and the fit is over."""
        if self.model._best and (not self.single_epoch or self.model.stopped_):
            trainer.session.assign(self.model._best)

    def _mean(self, latest: HostArray) -> float:
        """Mean of loss / scale + penalty over the batches of an epoch, weighted by rows (bpframe: by sample weight)."""
        if len(self._rows) != latest.shape[1]:
            self._rows = np.full(latest.shape[1], float(self.size))
            self._rows[-1] = min(self.size, self.rows - (len(self._rows) - 1) * self.size)
            self._total = float(np.add.reduce(self._rows))
        return float(np.dot(latest[0] / self.scale + latest[1], self._rows)) / self._total

    def _score(self, state: RunState, validation_rows: ValidationRows) -> None:
        model = self.model
        score = validation_rows.score(model, state)
        model.validation_scores_.append(score)
        if model.verbose:
            verbose_print(f"Validation score: {score:f}")
        better, stalled = validation_rows.improved(score, model.best_validation_score_, model.tol)
        if model.early_stopping:
            counted = 0 if state.is_idle("validation.loss") else 1
            model._no_improvement_count = model._no_improvement_count + counted if stalled else 0
        if better:
            model.best_validation_score_ = score
            model._best = state.parameters.copy() if model.early_stopping else {}

    def _compare_losses(self) -> None:
        model = self.model
        stalled = model.loss_ > model.best_loss_ - model.tol
        model._no_improvement_count = model._no_improvement_count + 1 if stalled else 0
        model.best_loss_ = min(model.loss_, model.best_loss_)

    def _plateau(self, state: RunState) -> None:
        """Stop the fit, or continue with a smaller learning rate; print which if `verbose`."""
        model, curve = self.model, "Validation score" if self.model.early_stopping else "Training loss"
        message = (
            f"{curve} did not improve more than tol={model.tol:f} for {model.n_iter_no_change:d} consecutive epochs."
        )
        adaptive = self.rate is not None and self.rate.policy == "adaptive"
        new_rate = self.rate.plateau() if self.rate is not None else None
        if model.verbose:
            verbose_print(f"{message} {new_rate or ('Learning rate too small. ' if adaptive else '') + 'Stopping.'}")
        if new_rate is None:
            model.stopped_ = True
            state.stop(message)
        else:
            model._no_improvement_count = 0


@final
@dataclass
class TimeLimit:
    """A callback that stops the fit after `seconds`."""

    seconds: float
    expired: bool = False

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Record the start time."""
        self.start = time.perf_counter()

    @hookimpl
    def bpframe_block_end(self, state: RunState) -> None:
        """Stop the fit once the time is spent."""
        if time.perf_counter() - self.start > self.seconds:
            self.expired = True
            state.stop(f"max_time of {self.seconds} s is spent")
