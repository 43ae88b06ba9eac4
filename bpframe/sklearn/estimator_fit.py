"""The fit of an estimator: the validation split, the epochs of its trainer, and scikit-learn's warnings at the end.

Shapes: x (N, n) rows, y (N,) or (N, C) as the estimator encodes it, weight (N,).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.optimize import _check_optimize_result

from bpframe.errors import DataError, NumericalError
from bpframe.protocols.traits import scope_of
from bpframe.registry import build_all
from bpframe.sklearn import estimator_trainer, validation
from bpframe.sklearn.callback_support import EpochTasks, FitTask
from bpframe.sklearn.early_stopping import EarlyStopping, TimeLimit
from bpframe.sklearn.shuffling import RowShuffler
from bpframe.sklearn.validation import Rows


class Diverged(NumericalError, ValueError):
    """Parameters are no longer finite, for which scikit-learn raises a ValueError."""


def fit_estimator(
    model: BaseEstimator, rows: Rows, first: bool, incremental: bool, task: FitTask | None = None
) -> None:
    """Train the model on rows; `first`: from new parameters, `incremental`: one more epoch of the same run.

    `task`: what callbacks of scikit-learn are told.
    """
    random = check_random_state(model.random_state)
    if first:
        estimator_trainer.reset_attributes(model)
    else:  # the user may have set nothing but parameters
        vars(model).update(
            {
                name: value
                for name, value in estimator_trainer.initial_attributes(model).items()
                if not hasattr(model, name)
            }
        )
    same_run = incremental and not first and hasattr(model, "_trainer") and not vars(model).pop("_reopen", False)
    if same_run:
        estimator_trainer.push_parameters(model)
    else:
        estimator_trainer.create_trainer(model, rows, first, random)
    if model.solver == "lbfgs":
        _minimize(model, rows)
    else:
        _run(model, rows, random, incremental, [] if task is None else [EpochTasks(task)])
    estimator_trainer.pull_parameters(model)
    vars(model._trainer).update(callbacks=[], memories=[], sampler=None)
    model._early_stopping = None


def _run(
    model: BaseEstimator, rows: Rows, random: np.random.RandomState, single_epoch: bool, listeners: list[EpochTasks]
) -> None:
    """Run the epochs of a solver other than lbfgs."""
    rows, validation_rows = _hold_out(model, rows, random)
    trainer, scale = model._trainer, model._scale
    stopping, metrics = _early_stopping(model, len(rows[0]), single_epoch), list[Any]()
    if validation_rows is not None:
        stopping.validation_rows, metrics = validation.validation_score(model, validation_rows, model.monitor, scale)
        model.validation_scores_ = [] if model.validation_scores_ is None else model.validation_scores_
        model.best_validation_score_ = getattr(model, "best_validation_score_", None)
    model._early_stopping = stopping
    clock = [TimeLimit(model.max_time)] if model.max_time is not None and not single_epoch else []
    callbacks = [stopping, *clock, *build_all("callbacks", "callback", list(model.callbacks)), *listeners]
    if model.callbacks:
        trainer.callbacks = callbacks  # which looks at each
    regularizers: Any = [estimator_trainer.penalty(model, rows, stopping.size)]
    if regularizers == trainer.regularizers:
        regularizers = trainer.regularizers  # so that the groups stay those of the session
    vars(trainer).update(  # built already, and of the kinds that were there: nothing has to look at them again
        metrics=build_all("monitor", "metric", metrics),
        regularizers=regularizers,
        sampler=RowShuffler(random, len(trainer.history)) if model.shuffle else None,  # draws as scikit-learn does
        callbacks=callbacks,
        memories=[{} for _ in callbacks],
    )
    model.n_iter_, model.stopped_ = 0, False
    try:
        _train(model, rows, 1 if single_epoch else model.max_iter, stopping.size, validation_rows)
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=4)
        stopping.restore(trainer)
    except NumericalError as error:
        ended = stopping.ended or any(limit.expired for limit in clock)
        if not ended:  # as in scikit-learn a fit that ends with finite parameters stands, whatever they predict
            _diverged(model, error)
    _warn(model, stopping, clock)


def _train(model: BaseEstimator, rows: Rows, epochs: int, size: int, validation_rows: Rows | None) -> None:
    validation = None
    if validation_rows is not None:
        x, y, weight = validation_rows
        validation = (x, model._targets(y)) if weight is None else (x, model._targets(y), weight)
    options = {"epochs": epochs, "batch_size": size, "validation": validation, "shuffle": False, "verbose": 0}
    model._trainer.fit(rows[0], model._targets(rows[1]), sample_weight=rows[2], **options)


def _hold_out(model: BaseEstimator, rows: Rows, random: np.random.RandomState) -> tuple[Rows, Rows | None]:
    """(training rows, validation rows or None): `validation_set`, or a split for early stopping."""
    if model.validation_set is not None:
        return rows, model._check_validation_set(rows[0].dtype)
    return validation.split_rows(model, *rows, random) if model.early_stopping else (rows, None)


def _early_stopping(model: BaseEstimator, n: int, single_epoch: bool) -> EarlyStopping:
    if model.batch_size == "auto":
        full_batch = scope_of(model._trainer.optimizer) == "objective"
        size = n if full_batch else min(200, n)
    else:
        if model.batch_size > n:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=5
            )
        size = int(np.clip(model.batch_size, 1, n))
    return EarlyStopping(model, n, size, model._scale, None, model._rate, single_epoch)


def _diverged(model: BaseEstimator, error: NumericalError) -> None:
    """Restore the best parameters, if any were kept; otherwise raise scikit-learn's error with bpframe's diagnosis."""
    if not model._best or model.solver == "lbfgs" or isinstance(error, DataError):
        raise Diverged(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            f"preprocessed. {error}"
        ) from error
    model.validation_scores_.append(float("nan"))
    model.n_iter_ += 1
    model._trainer.session.assign(model._best)
    warnings.warn(f"{error} The best parameters until then were put back.", ConvergenceWarning, stacklevel=5)


def _warn(model: BaseEstimator, stopping: EarlyStopping, clocks: list[TimeLimit]) -> None:
    if stopping.exhausted:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({model.max_iter}) reached and the optimization hasn't "
            "converged yet.",
            ConvergenceWarning,
            stacklevel=5,
        )
    if any(clock.expired for clock in clocks):
        spent = f"max_time ({model.max_time} s) is spent after {model.n_iter_} iterations"
        warnings.warn(f"Stochastic Optimizer: {spent}.", ConvergenceWarning, stacklevel=5)


def _minimize(model: BaseEstimator, rows: Rows) -> None:
    """Fit with the solver lbfgs: SciPy's, on the objective of all rows at once."""
    trainer = model._trainer
    trainer.regularizers = [estimator_trainer.penalty(model, rows, len(rows[0]))]
    validation_rows = None if model.validation_set is None else model._check_validation_set(rows[0].dtype)
    try:
        _train(model, rows, 1, len(rows[0]), validation_rows)
    except NumericalError as error:
        _diverged(model, error)
    result, trainer.optimizer.log.result = trainer.optimizer.log.result, None  # it is large
    model.n_iter_ = _check_optimize_result("lbfgs", result, model.max_iter)
    model.loss_ = float(result.fun)
