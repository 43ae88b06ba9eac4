"""The base class of classifier and regressor: input checks, fit, scores and files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import (
    _check_feature_names,
    _check_sample_weight,
    check_array,
    check_is_fitted,
    validate_data,
)

from bpframe.data.table_types import refuse_lazy
from bpframe.errors import ConfigError
from bpframe.network.trace import Trace
from bpframe.protocols import ClassTargets
from bpframe.registry import Spec, build, registry
from bpframe.sklearn import coefs, dataframes, estimator_fit, estimator_trainer
from bpframe.sklearn.callback_support import CallbackSupportMixin, fit_task
from bpframe.sklearn.initial_parameters import numpy_engine
from bpframe.sklearn.validation import Rows
from bpframe.training.history import History
from bpframe.types import HostArray

FORMATS = ["csr", "csc"]
DTYPES = (np.float64, np.float32)  # of X; the trainer rounds to its own, once large offsets are gone
Path = str | os.PathLike[str]


def offers_partial_fit(model: BaseEstimator) -> bool:
    """True for solvers that take batches; AttributeError in scikit-learn's words for lbfgs."""
    if model.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
    return True


def offers_predict_proba(model: BaseEstimator) -> bool:
    """True for losses whose predictions are probabilities; AttributeError for others."""
    if not _probabilities(model.loss):
        raise AttributeError(
            f"predict_proba needs a loss with probabilities, got {model.loss!r}. Take log_loss or focal."
        )
    return True


def offers_decision_function(model: BaseEstimator) -> bool:
    """True for losses without probabilities, such as hinge; AttributeError for others, as of scikit-learn's MLP."""
    if _probabilities(model.loss):
        raise AttributeError(f"decision_function is for losses without probabilities, got {model.loss!r}.")
    return True


def _probabilities(loss: Spec) -> bool:
    built = None if loss == "log_loss" else build("loss", loss)
    return built is None or (built.link in ("softmax", "sigmoid") and not isinstance(built, ClassTargets))


class Perceptron(CallbackSupportMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Methods common to both estimators; not for direct use."""

    _names_of_arguments: tuple[str, ...]
    _doc_link_module = "bpframe"
    _doc_link_template = "https://pypi.org/project/bpframe/"

    @property
    def history_(self) -> History:
        """The curves of all fits so far: train and validation loss, the metric monitored, learning rate, seconds."""
        history: History = self._trainer.history
        return history

    def trace(self, X: Any, y: ArrayLike) -> Trace:
        """All arrays of backpropagation for these rows, in evaluation mode: u, v, delta and dw of every layer."""
        checked = self._check_rows(X)
        rows = coefs.dense_rows(checked, checked.dtype)
        estimator_trainer.push_parameters(self)
        trace: Trace = self._trainer.trace(rows, self._targets(self._encode_target(y)))
        return trace

    # --------------------------------------------------------------------------------------------------------- pickles

    def __getstate__(self) -> dict[str, Any]:
        """scikit-learn's state, and the components of the program's own that arguments call by name."""
        return {**super().__getstate__(), "_local": registry.local_components(self.get_params(deep=False))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for kind, name, component in state.pop("_local", ()):
            if not registry.adopt(kind, name, component):
                raise ConfigError(
                    f"{type(self).__name__} needs the {kind} '{name}', which means another component in this process. "
                    "Rename one of them."
                )
        super().__setstate__(state)

    # ---------------------------------------------------------------------------------------------------- input checks

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """The names of scikit-learn's look at the constructor, which it takes anew each time: once for each class."""
        if "_names_of_arguments" not in vars(cls):
            cls._names_of_arguments = tuple(super()._get_param_names())
        return list(cls._names_of_arguments)

    def _validate(self, X: Any, y: ArrayLike, first: bool, **options: Any) -> tuple[Any, HostArray]:
        """(X, y) checked by scikit-learn; DataError that names the column for text in a table, say."""
        refuse_lazy(y, "y")
        X = dataframes.with_readable_names(X)
        options = {"accept_sparse": FORMATS, "multi_output": True, "dtype": DTYPES, "reset": first, **options}
        try:
            return validate_data(self, X, y, **options)  # type: ignore[no-any-return]  # scikit-learn has no types
        except (TypeError, ValueError):
            dataframes.refuse_columns(X)
            raise

    def _check_rows(self, X: Any) -> Any:
        """X to predict for, checked by scikit-learn."""
        check_is_fitted(self)
        X = dataframes.with_readable_names(X)
        try:
            return validate_data(self, X, accept_sparse=FORMATS, dtype=DTYPES, reset=False)
        except (TypeError, ValueError):
            dataframes.refuse_columns(X)
            raise

    def _own_dtype(self, X: Any) -> Any:
        """The dtype that the network computes in: that of X, or the argument `dtype`."""
        return X.dtype if self.dtype == "auto" else np.dtype(self.dtype)

    def _check_validation_set(self, dtype: Any) -> Rows:
        """(x, y, weight) of the argument `validation_set`, checked and encoded."""
        parts = self.validation_set
        if len(parts) not in (2, 3):
            raise ConfigError(f"validation_set needs (X, y) or (X, y, sample_weight), got {len(parts)} entries.")
        X = dataframes.with_readable_names(parts[0])
        _check_feature_names(self, X, reset=False)
        X = check_array(X, accept_sparse=FORMATS, dtype=dtype)
        if X.shape[1] != self.n_features_in_:
            raise ConfigError(f"validation_set needs rows of {self.n_features_in_} features, got {X.shape[1]}.")
        weight = _check_sample_weight(parts[2], X, dtype=np.float64) if len(parts) == 3 else None
        return coefs.dense_rows(X, dtype), self._encode_target(parts[1]), weight

    # ---------------------------------------------------------------------------------------------------------- files

    def save(self, path: Path) -> None:
        """Write the fitted model to one file in bpframe's format, without pickle."""
        from bpframe.sklearn import estimator_file  # imported only where a model is saved or loaded

        check_is_fitted(self)
        estimator_file.write_estimator(self, path)

    @classmethod
    def load(cls, path: Path, *, plugins: Sequence[str] = ()) -> Any:
        """The model in a file; components of third parties need their distribution named in `plugins`.

        A later partial_fit starts with new optimizer state.
        """
        from bpframe.sklearn import estimator_file

        return estimator_file.read_estimator(cls, path, plugins)

    # -------------------------------------------------------------------------------------------------------- the fit

    def _check_arguments(self, incremental: bool = False) -> None:
        """ValueError for an argument out of its range, in scikit-learn's words."""
        if not get_config()["skip_parameter_validation"] and not (incremental and hasattr(self, "coefs_")):
            self._validate_params()

    def _fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None, incremental: bool) -> Any:
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        given = {"X": X, "y": y, "metadata": None if sample_weight is None else {"sample_weight": sample_weight}}
        X, y = self._check_training_data(X, y, first, incremental)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=self._own_dtype(X))
        if incremental and self.early_stopping and self._stopped_before():
            return self
        rows = coefs.dense_rows(X, X.dtype), y, self._row_weights(y, weight, incremental)
        with fit_task(self, given, listening=not incremental) as task:
            estimator_fit.fit_estimator(self, rows, first, incremental, task)
        return self

    def _stopped_before(self) -> bool:
        """Whether early stopping in partial_fit has ended the training already; ValueError without rows to watch."""
        if self.validation_set is None:
            raise ValueError(
                "partial_fit does not support early_stopping=True without rows to watch. Set validation_set."
            )
        stopped = bool(getattr(self, "stopped_", False))
        if stopped:
            warnings.warn("Training has stopped already: refit, or set early_stopping=False.", ConvergenceWarning, 4)
        return stopped

    # --------------------------------------------------------------------------------------------------------- scores

    def _parameters_by_name(self) -> coefs.ArraysByName:
        """Every parameter under its name in bpframe, "layer/name"."""
        dtype = self._trainer.dtype
        return coefs.join_parameters(self._names, self.coefs_, self.intercepts_, self._rest, dtype)

    def _scores(self, X: Any) -> HostArray:
        """Scores (N, C) of rows from `_check_rows`."""
        trainer = self._trainer
        if engine := numpy_engine(trainer.engine):
            return coefs.scores(trainer.network, self._parameters_by_name(), X, trainer.task, engine.threads)
        estimator_trainer.push_parameters(self)
        return np.asarray(trainer.scores(coefs.dense_rows(X, X.dtype)))

    def _pull(self) -> None:
        estimator_trainer.pull_parameters(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
