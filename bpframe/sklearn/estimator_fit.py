"""A fit of an estimator: the rows apart, the epochs of its trainer, and what is said when they end.

Shapes: x (N, n) rows, y (N,) or (N, C) as the estimator encodes it, weight (N,).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.optimize import _check_optimize_result

from bpframe.errors import DataError, NumericalError
from bpframe.protocols.traits import scope_of
from bpframe.registry import build_all
from bpframe.sklearn import estimator_trainer, validation
from bpframe.sklearn.early_stopping import Clock, Watch
from bpframe.sklearn.shuffling import Order
from bpframe.sklearn.validation import Rows


class Diverged(NumericalError, ValueError):
    """Numbers stopped being finite; scikit-learn raises a ValueError then."""


def fit(model: Any, rows: Rows, first: bool, incremental: bool) -> None:
    """Train the model on rows; `first`: from new parameters, `incremental`: one epoch more of the same run."""
    random = check_random_state(model.random_state)
    if first:
        estimator_trainer.begin(model)
    else:  # the user may have given parameters alone
        vars(model).update(
            {name: value for name, value in estimator_trainer.fresh(model).items() if not hasattr(model, name)}
        )
    going_on = incremental and not first and hasattr(model, "_trainer") and not vars(model).pop("_reopen", False)
    if going_on:
        estimator_trainer.push(model)
    else:
        estimator_trainer.opened(model, rows, first, random)
    if model.solver == "lbfgs":
        _minimize(model, rows)
    else:
        _run(model, rows, random, incremental)
    estimator_trainer.pull(model)
    model._trainer.callbacks, model._trainer.memories, model._trainer.sampler = [], [], None
    model._watch = None


def _run(model: Any, rows: Rows, random: np.random.RandomState, one: bool) -> None:
    """The epochs of every solver but lbfgs."""
    rows, held = _apart(model, rows, random)
    trainer, scale = model._trainer, model._scale
    watch, metrics = _watch(model, len(rows[0]), one), list[Any]()
    if held is not None:
        watch.held_out, metrics = validation.watched(model, held, model.monitor, scale)
        model.validation_scores_ = [] if model.validation_scores_ is None else model.validation_scores_
        model.best_validation_score_ = getattr(model, "best_validation_score_", None)
    trainer.metrics, model._watch = build_all("monitor", "metric", metrics), watch
    trainer.regularizers = [estimator_trainer.penalty(model, rows, watch.size)]
    trainer.sampler = Order(random, len(trainer.history)) if model.shuffle else None
    clock = [Clock(model.max_time)] if model.max_time is not None and not one else []
    trainer.callbacks = [watch, *clock, *build_all("callbacks", "callback", list(model.callbacks))]
    trainer.memories = [{} for _ in trainer.callbacks]
    model.n_iter_, model.stopped_ = 0, False
    try:
        _train(model, rows, 1 if one else model.max_iter, watch.size, held)
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=4)
        watch.restore(trainer)
    except NumericalError as error:
        _diverged(model, error)
    _warn(model, watch, clock)


def _train(model: Any, rows: Rows, epochs: int, size: int, held: Rows | None) -> None:
    validation = None if held is None else (held[0], model._targets(held[1]))
    how = {"epochs": epochs, "batch_size": size, "validation": validation, "shuffle": False}
    model._trainer.fit(rows[0], model._targets(rows[1]), sample_weight=rows[2], **how)


def _apart(model: Any, rows: Rows, random: np.random.RandomState) -> tuple[Rows, Rows | None]:
    """(rows to train on, rows held out): a set given, or a split."""
    if model.validation_set is not None:
        return rows, model._held_out_set(rows[0].dtype)
    return validation.split(model, *rows, random) if model.early_stopping else (rows, None)


def _watch(model: Any, n: int, one: bool) -> Watch:
    if model.batch_size == "auto":
        whole = scope_of(model._trainer.optimizer) == "objective"
        size = n if whole else min(200, n)
    else:
        if model.batch_size > n:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=5
            )
        size = int(np.clip(model.batch_size, 1, n))
    return Watch(model, n, size, model._scale, None, model._rate, one)


def _diverged(model: Any, error: NumericalError) -> None:
    """The best parameters, if some were kept; otherwise scikit-learn's error with bpframe's diagnosis."""
    if not model._best or model.solver == "lbfgs" or isinstance(error, DataError):
        raise Diverged(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            f"preprocessed. {error}"
        ) from error
    model.validation_scores_.append(float("nan"))
    model.n_iter_ += 1
    model._trainer.session.assign(model._best)
    warnings.warn(f"{error} The best parameters until then were put back.", ConvergenceWarning, stacklevel=5)


def _warn(model: Any, watch: Watch, clocks: list[Clock]) -> None:
    if watch.exhausted:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({model.max_iter}) reached and the optimization hasn't "
            "converged yet.",
            ConvergenceWarning,
            stacklevel=5,
        )
    if any(clock.rang for clock in clocks):
        spent = f"max_time ({model.max_time} s) is spent after {model.n_iter_} iterations"
        warnings.warn(f"Stochastic Optimizer: {spent}.", ConvergenceWarning, stacklevel=5)


def _minimize(model: Any, rows: Rows) -> None:
    """The solver lbfgs: SciPy's, on the objective of all rows at once."""
    trainer = model._trainer
    trainer.regularizers = [estimator_trainer.penalty(model, rows, len(rows[0]))]
    held = None if model.validation_set is None else model._held_out_set(rows[0].dtype)
    try:
        _train(model, rows, 1, len(rows[0]), held)
    except NumericalError as error:
        _diverged(model, error)
    result, trainer.optimizer.outcome.result = trainer.optimizer.outcome.result, None  # it is large
    model.n_iter_ = _check_optimize_result("lbfgs", result, model.max_iter)
    model.loss_ = float(result.fun)
