"""The classifier: scikit-learn's MLPClassifier.  Shapes: X (N, n), y (N,) labels or (N, C) zeros and ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from bpframe.errors import DataError
from bpframe.protocols import ClassTargets, Loss
from bpframe.registry import Spec
from bpframe.sklearn import estimator_losses
from bpframe.sklearn.base import Perceptron, offers_decision_function, offers_partial_fit, offers_predict_proba
from bpframe.sklearn.callback_support import with_callbacks
from bpframe.sklearn.parameter_constraints import CLASSIFIER
from bpframe.types import HostArray


class MLPClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]  # scikit-learn has no types
    """A multi-layer perceptron for classes: scikit-learn's arguments, with its meaning and defaults, and more.

    loss: "log_loss", or any loss plugin. class_weight: "balanced", or weights by label.
    solver, learning_rate, activation: any optimizer, schedule, activation: a name, a mapping with its arguments, or
    a ready object; activation also as a list, one for each hidden layer. A solver given by name has the rate
    `learning_rate_init`, one given as a mapping its own.
    hidden_layers: specifications of layers in the place of `hidden_layer_sizes`, activation, dropout and batch_norm.
    dropout: the rate behind each hidden layer, or a list. batch_norm: between each hidden layer and its activation.
    l1: strength of a penalty on |w|, divided like alpha. clip_norm, clip_value: bounds of the gradient.
    validation_set: (X, y) to measure on after each epoch; `early_stopping` then watches it, in partial_fit too.
    monitor: what it watches there: a metric, a scikit-learn scorer, or "loss"; left out, accuracy.
    engine: "numpy", "jax", or another. callbacks: objects with bpframe's hooks. max_time: seconds of a fit.
    dtype: "float32", "float64", or "auto", that of X.
    weights_by_batch: whether the weighted losses and penalties of a batch are divided by the sum of its own weights, as
    in scikit-learn, or, False, by its rows times the mean weight of all, as bpframe's Trainer does (see `fit`).
    augmentations: what changes the rows of each batch in training, in this order: ["mixup"].
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CLASSIFIER

    def __init__(
        self,
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
        loss: Spec = "log_loss",
        class_weight: Any = None,
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
        weights_by_batch: bool = True,
        augmentations: Sequence[Spec] = (),
    ) -> None:
        arguments = dict(locals())
        self.__dict__.update((name, value) for name, value in arguments.items() if name not in ("self", "__class__"))

    @with_callbacks
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> MLPClassifier:
        """Train on X and y, with sample_weight (N,) for the rows.

        Each batch takes sum w loss / sum w over its own rows, as scikit-learn does, so that weights act within a batch
        alone: in batches of one row not at all. `weights_by_batch=False` minimises sum w loss / sum w over all rows.
        """
        self._check_arguments()
        return self._fit(X, y, sample_weight, incremental=False)  # type: ignore[no-any-return]  # self

    @available_if(offers_partial_fit)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def partial_fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, classes: Any = None
    ) -> MLPClassifier:
        """One more epoch on X and y with the optimizer state kept; the first call needs all `classes`.

        Weights are relative to those of the other rows of the call (see `fit`).
        """
        self._check_arguments(incremental=True)
        if _check_partial_fit_first_call(self, classes):
            multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)
        return self._fit(X, y, sample_weight, incremental=True)  # type: ignore[no-any-return]  # self

    def predict(self, X: Any) -> HostArray:
        """Labels (N,) from `classes_`, or (N, C) zeros and ones."""
        return self._decode_target(self._class_numbers(self._scores(self._check_rows(X))))

    @available_if(offers_decision_function)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def decision_function(self, X: Any) -> HostArray:
        """Margins (N,) of two classes, above 0 for the second of `classes_`; otherwise scores (N, C)."""
        scores = self._scores(self._check_rows(X))
        if not self._two_classes:
            return scores
        return np.asarray(scores[:, 0] if scores.shape[1] == 1 else scores[:, 1] - scores[:, 0])

    @available_if(offers_predict_proba)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def predict_proba(self, X: Any) -> HostArray:
        """Probabilities (N, C) in the order of `classes_`."""
        scores = self._scores(self._check_rows(X))
        p = np.asarray(self._trainer.task.prediction(scores))
        if p.shape[1] == 1:
            return np.hstack([1 - p, p])
        if estimator_losses.scores_are_independent(self._trainer.loss) and not self._multilabel:
            return np.asarray(p / p.sum(axis=1, keepdims=True))
        return p

    @available_if(offers_predict_proba)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def predict_log_proba(self, X: Any) -> HostArray:
        """log of `predict_proba`, computed from the scores: finite also where a probability rounds to 0."""
        scores = self._scores(self._check_rows(X))
        if scores.shape[1] == 1:
            return np.asarray(-np.logaddexp(0, np.hstack([scores, -scores])))
        if self._multilabel:  # as np.log rounds them, so that columns have the same order as in predict_proba
            p = np.asarray(self._trainer.task.prediction(scores))
            return np.asarray(np.where(p > 0, np.log(np.where(p > 0, p, 1)), -np.logaddexp(0, -scores)))
        logs = -np.logaddexp(0, -scores) if estimator_losses.scores_are_independent(self._trainer.loss) else scores
        return np.asarray(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))

    # --------------------------------------------------------------------------------------------------------- inside

    @property
    def _multilabel(self) -> bool:
        """Whether a row may have several labels."""
        return bool(self._label_binarizer.y_type_.startswith("multilabel"))

    @property
    def _two_classes(self) -> bool:
        return not self._multilabel and len(self.classes_) <= 2

    _scale = 1

    def _check_training_data(self, X: Any, y: ArrayLike, first: bool, incremental: bool) -> tuple[Any, HostArray]:
        """(X, encoded y); sets `classes_`, or checks that y has no others."""
        X, y = self._validate(X, y, first)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = _fitted_binarizer(np.asarray(y))
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(y))
        return X, self._encode_target(y)

    def _check_classes(self, classes: HostArray) -> None:
        """ValueError in scikit-learn's words for classes that differ from `classes_`."""
        if self.warm_start and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {classes}"
            )
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _encode_target(self, y: ArrayLike) -> HostArray:
        """Class numbers (N,), or (N, C) zeros and ones."""
        if self._multilabel:
            return np.asarray(self._label_binarizer.transform(y), dtype=np.float64)
        labels: HostArray = column_or_1d(np.asarray(y))
        numbers = np.minimum(np.searchsorted(self.classes_, labels), len(self.classes_) - 1)
        if (unknown := self.classes_[numbers] != labels).any():
            raise DataError(f"y needs labels among {self.classes_}, got {labels[unknown][0]!r}.")
        return np.asarray(numbers)

    def _targets(self, y: HostArray) -> HostArray:
        """Targets for the trainer: class numbers, or columns of 0 and 1 where the loss needs them."""
        return np.eye(len(self.classes_))[y] if self._columns and not self._multilabel else y

    def _decode_target(self, y: HostArray) -> HostArray:
        return np.asarray(self._label_binarizer.inverse_transform(y) if self._multilabel else self.classes_[y])

    def _loss_for(self, y: HostArray) -> tuple[Loss, int]:
        loss, self.n_outputs_, self._columns = estimator_losses.classification_loss(
            self.loss, len(self.classes_), self._multilabel
        )
        return loss, self.n_outputs_

    def _row_weights(self, y: HostArray, weight: HostArray | None, incremental: bool) -> HostArray | None:
        """sample_weight times class_weight, a number for each row."""
        if self.class_weight is None:
            return weight
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit, which sees a part of the classes only. "
                "Compute the weights of all data with compute_class_weight and give them as a dict."
            )
        factor = compute_sample_weight(self.class_weight, self._decode_target(y))
        return np.asarray(factor if weight is None else factor * weight)

    def _class_numbers(self, scores: HostArray) -> HostArray:
        """Class numbers (N,), or (N, C) zeros and ones, of scores."""
        task = self._trainer.task
        if isinstance(task.loss, ClassTargets):
            return np.asarray(task.class_numbers(scores, scores))
        if scores.shape[1] > 1 and not self._multilabel:
            return np.asarray(scores.argmax(axis=1))
        if task.loss.link == "sigmoid":
            yes = (task.prediction(scores) > 0.5).astype(np.int64)
        else:
            yes = np.asarray(task.loss.predict(scores)).reshape(scores.shape)
        return yes if self._multilabel else np.asarray(np.minimum(yes[:, 0], len(self.classes_) - 1))

    def _score_of(self, scores: HostArray, y: HostArray, weight: HostArray | None) -> float:
        if not np.isfinite(scores).all():
            return float("nan")
        right = self._class_numbers(scores) == y
        return float(np.average(right.all(axis=1) if right.ndim == 2 else right, weights=weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _fitted_binarizer(y: HostArray) -> LabelBinarizer:
    """LabelBinarizer().fit(y), without its checks where y are whole numbers, of which it would find nothing else."""
    made = LabelBinarizer()
    if y.ndim != 1 or y.dtype.kind not in "iub":
        return made.fit(y)
    classes = np.unique(y)
    if len(classes) > len(y) // 2:  # of which scikit-learn warns
        return made.fit(y)
    made.y_type_ = "binary" if len(classes) <= 2 else "multiclass"
    made.sparse_input_, made.classes_ = False, classes
    return made
