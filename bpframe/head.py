"""What stands between a network's scores and the user's y: targets, predictions, labels, and how good they are.

Shapes: y (N,) or (N, C), target, scores and predictions (N, C), weights (N,).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from bpframe import data, labels
from bpframe.backprop import CostLayer
from bpframe.errors import DataError, ShapeError
from bpframe.protocols import Data, EncodeTarget, Loss, Metric, PredictLabels
from bpframe.registry import build
from bpframe.types import HostArray, Shape


@final
@dataclass(frozen=True)
class Head:
    """A loss with what the first fit finds out: the shape of input rows, the width of scores, and the labels.

    `learned` is how labels are encoded; with `shape` it is saved with the model.
    """

    loss: Loss
    cost: CostLayer
    dtype: str
    shape: Shape | None = None
    outputs: int | None = None
    learned: Mapping[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> bool:
        """Whether targets are classes, not quantities."""
        return isinstance(self.loss, EncodeTarget) or self.loss.link in ("softmax", "sigmoid")

    def inputs(self, x: Any, name: str = "x") -> HostArray:
        """Rows (N, n), checked, in the run's dtype."""
        return data.inputs(x, self.dtype, self.shape, name)

    def admit(self, x: Any, y: Any, sample_weight: Any = None, name: str = "x") -> tuple[Data, Head]:
        """(checked and encoded data, the head that knows their labels); changes nothing."""
        rows = self.inputs(x, name)
        try:
            target, learned = self._encode(labels.as_array(y), len(rows))
        except DataError as error:
            raise type(error)(f"{name.removesuffix('x')}{error}") from None  # "validation y needs ..."
        return Data(rows, target, data.weights(sample_weight, len(rows), self.dtype)), replace(self, learned=learned)

    def _encode(self, y: HostArray, rows: int) -> tuple[HostArray, dict[str, Any]]:
        if y.shape[:1] != (rows,):
            raise ShapeError(f"y needs one entry for each row of x: x has {rows} rows, y has shape {y.shape}.")
        learned = {**self.learned, "outputs": self.outputs}
        own = self.loss.encode_target(y, learned) if isinstance(self.loss, EncodeTarget) else None
        target = data.numbers(labels.encode(y, self.loss.link, learned) if own is None else own, self.dtype, "y")
        if target.shape != (rows, self.outputs):
            raise ShapeError(
                f"The loss needs targets of shape ({rows}, {self.outputs}), like the scores, got {target.shape}."
            )
        return target, learned

    def prediction(self, scores: HostArray) -> HostArray:
        """The link applied: probabilities, means."""
        with np.errstate(all="ignore"):
            return np.asarray(self.cost.prediction(scores))

    def class_numbers(self, scores: HostArray) -> HostArray:
        """(N,) class numbers, or (N, k) zeros and ones."""
        if isinstance(self.loss, PredictLabels):
            return self.loss.predict(scores)
        return labels.class_numbers(self.prediction(scores), self.loss.link, self.learned)

    def labels(self, scores: HostArray) -> HostArray:
        """Labels as they were given to the first fit."""
        if not self.classes:
            name = type(self.loss).__name__
            raise DataError(f"predict_labels needs a model of classes, but {name} predicts quantities. Use predict.")
        return labels.decode(self.class_numbers(scores), self.learned)

    def default_metrics(self) -> list[Metric]:
        """accuracy for classes, r2 and mae otherwise."""
        return [build("metric", name) for name in (["accuracy"] if self.classes else ["r2", "mae"])]

    def measure(self, scores: HostArray, seen: Data, metrics: Sequence[tuple[str, Metric]]) -> dict[str, float]:
        """Each metric's value by its name."""
        weight = np.ones(len(scores)) if seen.weight is None else seen.weight.astype(np.float64)
        pairs = {"predictions": (self.prediction(scores), seen.target)}
        if any(_of(metric) == "labels" for _, metric in metrics):
            pairs["labels"] = self.class_numbers(scores), self._target_numbers(seen.target)
        return {name: float(metric.value(*pairs[_of(metric)], weight)) for name, metric in metrics}

    def mean_loss(self, scores: HostArray, seen: Data) -> float:
        """sum w loss / sum w over all rows."""
        with np.errstate(all="ignore"):
            return float(self.cost.mean_and_delta(scores, seen.target, share(seen))[0])

    def _target_numbers(self, target: HostArray) -> HostArray:
        if self.loss.link == "sigmoid" or target.shape[1] == 1:
            return labels.class_numbers(target, "sigmoid", self.learned)
        return np.asarray(target.argmax(axis=1))


def share(seen: Data) -> Any:
    """Each row's share of the total weight: (N,), or one number for all."""
    return 1.0 / len(seen.x) if seen.weight is None else seen.weight / seen.weight.sum()


def _of(metric: Metric) -> str:
    return getattr(metric, "of", "predictions")
