"""The regressor: scikit-learn's MLPRegressor.  Shapes: X (N, n), y (N,) or (N, targets)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from bpframe.protocols import Loss
from bpframe.registry import Spec
from bpframe.sklearn import estimator_losses
from bpframe.sklearn.base import Perceptron, offers_partial_fit
from bpframe.sklearn.callback_support import with_callbacks
from bpframe.sklearn.parameter_constraints import REGRESSOR
from bpframe.training.evaluation import mean_loss
from bpframe.types import HostArray


class MLPRegressor(RegressorMixin, Perceptron):  # type: ignore[misc]  # scikit-learn has no types
    """A multi-layer perceptron for quantities: scikit-learn's arguments, with its meaning and defaults, and more.

    The arguments up to `max_fun` are scikit-learn's; the rest is described at `MLPClassifier`. `loss` is
    "squared_error", "poisson", or any loss plugin: "huber", {"name": "quantile", "q": 0.9}.
    standardize_target: train on (y - mean) / deviation of each column; predictions and scores are in y's units, the
    curves of losses in those of the standardised y.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = REGRESSOR

    def __init__(
        self,
        loss: Spec = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Spec = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Spec = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        hidden_layers: Any = None,
        dropout: Any = 0.0,
        batch_norm: bool = False,
        l1: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        validation_set: Any = None,
        monitor: Any = None,
        engine: Spec = "numpy",
        callbacks: Any = (),
        max_time: float | None = None,
        dtype: str = "auto",
        standardize_target: bool = False,
        weights_by_batch: bool = True,
        augmentations: Sequence[Spec] = (),
    ) -> None:
        arguments = dict(locals())
        self.__dict__.update((name, value) for name, value in arguments.items() if name not in ("self", "__class__"))

    @with_callbacks
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> MLPRegressor:
        """Train on X and y, with sample_weight (N,) for the rows.

        Each batch takes sum w loss / sum w over its own rows, as scikit-learn does, so that weights act within a batch
        alone: in batches of one row not at all. `weights_by_batch=False` minimises sum w loss / sum w over all rows.
        """
        self._check_arguments()
        return self._fit(X, y, sample_weight, incremental=False)  # type: ignore[no-any-return]  # self

    @available_if(offers_partial_fit)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def partial_fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> MLPRegressor:
        """One more epoch on X and y with the optimizer state kept.

        Weights are relative to those of the other rows of the call (see `fit`).
        """
        self._check_arguments(incremental=True)
        return self._fit(X, y, sample_weight, incremental=True)  # type: ignore[no-any-return]  # self

    def predict(self, X: Any) -> HostArray:
        """Predictions (N,), or (N, targets): the mean, or another point estimate that belongs to the loss."""
        return np.asarray(self._point_predictions(self._scores(self._check_rows(X))))

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """r2 of the predictions; minus the mean loss where they do not stand next to y, as those of survival times."""
        scores, target = self._scores(self._check_rows(X)), self._encode_target(y)
        predicted = self._point_predictions(scores)
        if predicted.shape == target.shape:
            return float(r2_score(y, predicted, sample_weight=sample_weight))
        return -self._mean_loss(scores, target, sample_weight)

    # --------------------------------------------------------------------------------------------------------- inside

    def _check_training_data(self, X: Any, y: ArrayLike, first: bool, incremental: bool) -> tuple[Any, HostArray]:
        X, y = self._validate(X, y, first, y_numeric=True)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _encode_target(self, y: ArrayLike) -> HostArray:
        y = np.asarray(y, dtype=np.float64)
        return np.asarray(y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y)

    def _loss_for(self, y: HostArray) -> tuple[Loss, int]:
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        return estimator_losses.regression_loss(self.loss, self.n_outputs_)

    def _row_weights(self, y: HostArray, weight: HostArray | None, incremental: bool) -> HostArray | None:
        return weight

    def _point_predictions(self, scores: HostArray) -> HostArray:
        points = np.asarray(self._trainer.task.point(scores))
        return points[:, 0] if points.shape[1] == 1 else points

    def _targets(self, y: HostArray) -> HostArray:
        return y

    def _decode_target(self, y: HostArray) -> HostArray:
        return y

    def _score_of(self, scores: HostArray, y: HostArray, weight: HostArray | None) -> float:
        predicted = self._point_predictions(scores)
        if not np.isfinite(predicted).all():
            return float("nan")
        if predicted.shape != y.shape:
            return -self._mean_loss(scores, y, weight)
        return float(r2_score(y, predicted, sample_weight=weight))

    def _mean_loss(self, scores: HostArray, y: HostArray, weight: ArrayLike | None) -> float:
        """sum w loss / sum w."""
        task = self._trainer.task
        data, _ = task.encoded(scores, self._targets(y), weight)  # the target of scores is that of their rows
        return mean_loss(task, scores, data)

    @property
    def _scale(self) -> int:
        """scikit-learn averages the squared error over targets, but sums its gradient over them."""
        return self.n_outputs_ if self.loss == "squared_error" else 1

    _two_classes = False
