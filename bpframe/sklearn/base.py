"""What classifier and regressor share: checks of what comes in, the fit, scores of rows, files and pickles."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted, validate_data

from bpframe.errors import ConfigError
from bpframe.network.trace import Trace
from bpframe.sklearn import coefs, dataframes, estimator_fit, estimator_trainer
from bpframe.sklearn.picklable_engine import Lasting
from bpframe.sklearn.validation import Rows
from bpframe.training.history import History
from bpframe.types import HostArray

FORMATS = ["csr", "csc"]
Path = str | os.PathLike[str]


class Perceptron(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The common part of the estimators; not for use on its own."""

    @property
    def history_(self) -> History:
        """The curves of all fits so far: train and validation loss, the metric monitored, learning rate, seconds."""
        found: History = self._trainer.history
        return found

    def trace(self, X: Any, y: Any) -> Trace:
        """Every array of the recursion for these rows, in evaluation mode: u, v, delta and dw of every layer."""
        rows = coefs.dense(self._rows(X), self._trainer.dtype)
        estimator_trainer.push(self)
        found: Trace = self._trainer.trace(rows, self._targets(self._encoded(y)))
        return found

    # ------------------------------------------------------------------------------------------------- what comes in

    def _validated(self, X: Any, y: Any, first: bool, **how: Any) -> tuple[Any, HostArray]:
        """(X, y) as scikit-learn checks them; text in a table gets an error of its own."""
        X = dataframes.readable(X)
        how = {"accept_sparse": FORMATS, "multi_output": True, "dtype": self._dtypes(), "reset": first, **how}
        try:
            return validate_data(self, X, y, **how)  # type: ignore[no-any-return]  # scikit-learn has no types
        except (TypeError, ValueError):
            dataframes.refuse_text(X)
            raise

    def _rows(self, X: Any) -> Any:
        """X to predict for, as scikit-learn checks it."""
        check_is_fitted(self)
        X = dataframes.readable(X)
        try:
            return validate_data(self, X, accept_sparse=FORMATS, dtype=(np.float64, np.float32), reset=False)
        except (TypeError, ValueError):
            dataframes.refuse_text(X)
            raise

    def _dtypes(self) -> Any:
        """What inputs are converted to: their own precision, or the one asked for."""
        return (np.float64, np.float32) if self.dtype == "auto" else np.dtype(self.dtype)

    def _held_out_set(self, dtype: Any) -> Rows:
        """(x, y, weight) of `validation_set`."""
        given = self.validation_set
        if len(given) not in (2, 3):
            raise ConfigError(f"validation_set needs (X, y) or (X, y, sample_weight), got {len(given)} entries.")
        X = check_array(given[0], accept_sparse=FORMATS, dtype=dtype)
        if X.shape[1] != self.n_features_in_:
            raise ConfigError(f"validation_set needs rows of {self.n_features_in_} features, got {X.shape[1]}.")
        weight = _check_sample_weight(given[2], X, dtype=np.float64) if len(given) == 3 else None
        return coefs.dense(X, dtype), self._encoded(given[1]), weight

    # ---------------------------------------------------------------------------------------------------------- files

    def save(self, path: Path) -> None:
        """Write the fitted model to one file of bpframe's own format, without pickle."""
        from bpframe.sklearn import estimator_file  # only who saves or loads pays for it

        check_is_fitted(self)
        estimator_file.write(self, path)

    @classmethod
    def load(cls, path: Path, *, plugins: Sequence[str] = ()) -> Any:
        """The model of a file; components of third parties need their distribution named in `plugins`.

        Its optimizer starts anew in a partial_fit.
        """
        from bpframe.sklearn import estimator_file

        return estimator_file.read(cls, path, plugins)

    # -------------------------------------------------------------------------------------------------------- the fit

    def _check_arguments(self, incremental: bool = False) -> None:
        """ValueError for an argument out of its range, in scikit-learn's words."""
        if not get_config()["skip_parameter_validation"] and not (incremental and hasattr(self, "coefs_")):
            self._validate_params()

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Any:
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = self._admitted(X, y, first, incremental)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        if incremental and self.early_stopping:
            if self.validation_set is None:
                raise ValueError(
                    "partial_fit does not support early_stopping=True without rows to watch. Set validation_set."
                )
            if getattr(self, "stopped_", False):
                warnings.warn(
                    "Training has stopped already: refit, or set early_stopping=False.", ConvergenceWarning, 3
                )
                return self
        rows = coefs.dense(X, X.dtype), y, self._weighed(y, weight, incremental)
        estimator_fit.fit(self, rows, first, incremental)
        return self

    # ------------------------------------------------------------------------------------------------- what goes out

    def _named(self) -> coefs.Named:
        """Every parameter by bpframe's name."""
        dtype = self._trainer.dtype
        return coefs.joined(self._names, self.coefs_, self.intercepts_, self._rest, dtype)

    def _scores(self, X: Any) -> HostArray:
        """Scores (N, C) of rows that were checked."""
        trainer, engine = self._trainer, self._trainer.engine
        if isinstance(engine, Lasting) and type(engine.engine).__name__ == "NumpyEngine":
            return coefs.scores(trainer.network, self._named(), X, trainer.dtype)
        estimator_trainer.push(self)
        return np.asarray(trainer.scores(coefs.dense(X, trainer.dtype)))

    def _pull(self) -> None:
        estimator_trainer.pull(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
