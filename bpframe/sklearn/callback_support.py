"""Callback support of scikit-learn from 1.9 on: `set_callbacks`, and its hooks at a fit and at each of its epochs.

Shapes: X (N, n), y (N,) or (N, C), as they were given to `fit`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast, final

from sklearn.base import BaseEstimator

from bpframe.sklearn import estimator_trainer
from bpframe.sklearn.initial_parameters import numpy_engine
from bpframe.training.hook_marker import hookimpl
from bpframe.training.run_state import RunState
from bpframe.training.trainer import Trainer

try:
    from sklearn import callback
except ImportError:  # an older version, which has no callbacks
    callback = None

Method = TypeVar("Method", bound=Callable[..., Any])


class NoCallbacks:
    """The base of estimators where scikit-learn has no callbacks."""


CallbackSupportMixin: Any = NoCallbacks if callback is None else callback.CallbackSupportMixin


def with_callbacks(method: Method) -> Method:
    """The method `fit`, after which callbacks are torn down, however it ends."""
    return method if callback is None else cast(Method, callback.with_callbacks(method))


@final
@dataclass(frozen=True)
class FitTask:
    """The task "fit" of an estimator, as scikit-learn's callbacks know it; its subtasks are epochs.

    `given`: X, y and metadata, handed to every hook.
    """

    model: BaseEstimator
    context: Any
    given: Mapping[str, Any]

    def begin_epoch(self) -> Any:
        """The context of the next epoch, begun."""
        return self.context.subcontext(task_name="epoch").call_on_fit_task_begin(
            estimator=self.model, **self.given, reconstruction_attributes=self._fitted
        )

    def end(self, context: Any) -> bool:
        """End the task of a context; whether a callback wants no more of its kind."""
        hook = context.call_on_fit_task_end
        return bool(hook(estimator=self.model, **self.given, reconstruction_attributes=self._fitted))

    def _fitted(self) -> dict[str, Any]:
        """The attributes of the model as if the fit had stopped here."""
        model = object.__new__(type(self.model))
        vars(model).update(vars(self.model))
        estimator_trainer.pull_parameters(model)
        if not numpy_engine(model._trainer.engine):  # its predictions need a session, and this one goes on
            model._trainer = _twin(model._trainer)
        names = ("coefs_", "intercepts_", "n_layers_", "_names", "_rest", "_trainer")
        return {name: getattr(model, name) for name in names}


@final
@dataclass
class EpochTasks:
    """A callback of bpframe that reports each epoch to callbacks of scikit-learn, and stops the fit where one asks."""

    task: FitTask
    _epoch: Any = None

    @hookimpl
    def bpframe_epoch_start(self, state: RunState) -> None:
        """Begin the task of the epoch."""
        self._epoch = self.task.begin_epoch()

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """End it."""
        if self.task.end(self._epoch):
            state.stop("a callback of scikit-learn asked for it")


@contextmanager
def fit_task(model: BaseEstimator, given: Mapping[str, Any], listening: bool) -> Iterator[FitTask | None]:
    """The task "fit" of the model, for the block; None where no callback listens.

    partial_fit has no task: its caller makes the loop. A fit by lbfgs is one task without epochs.
    """
    if not (listening and hasattr(model, "_init_callback_context")):
        yield None
        return
    context = model._init_callback_context(max_subtasks=0 if model.solver == "lbfgs" else model.max_iter)
    if not getattr(model, "_skl_callbacks", []):
        yield None
        return
    task = FitTask(model, context, given)
    context.call_on_fit_task_begin(estimator=model, **given)
    yield task
    task.end(context)


def _twin(trainer: Trainer) -> Trainer:
    """A trainer with the same parameters, which predicts."""
    twin = Trainer.of(replace(trainer.spec, callbacks=(), sampler=None, regularizers=(), metrics=()))
    twin.task = trainer.task
    twin.session.assign(trainer.session.parameters)
    return twin
