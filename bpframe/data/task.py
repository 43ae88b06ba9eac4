"""What stands between a network's scores and the user's y: targets, predictions, labels, and how good they are.

Shapes: y (N,) or (N, C), scores and predictions (N, C), target (N, M), weights (N,). M is C, unless the loss has its
own `target_width`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from bpframe.data import arrays, labels
from bpframe.errors import DataError, IncompatibleComponent, ShapeError
from bpframe.network.backprop import CostLayer
from bpframe.network.gradients import weight_shares
from bpframe.protocols import Data, EncodeTarget, Loss, Metric, Point, PredictLabels, SeveralHeads, TargetWidth
from bpframe.registry import build, registry
from bpframe.registry.describe import brief, short_name, title
from bpframe.types import HostArray, Shape

Labels = HostArray | dict[str, Any]  # of one head, or of several by name


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
        """Whether predictions turn into labels: by a link of softmax or sigmoid, or by the loss's own `predict`."""
        return isinstance(self.loss, PredictLabels) or self.loss.link in ("softmax", "sigmoid")

    @property
    def target_width(self) -> int:
        """M, the columns of the target."""
        outputs = self.outputs or 0
        return self.loss.target_width(outputs) if isinstance(self.loss, TargetWidth) else outputs

    @property
    def parts(self) -> list[Part]:
        """The heads of a loss of several, otherwise none."""
        found: list[Part] = []
        known = self.learned.get("heads", {})
        for name, (loss, width) in self.loss.parts().items() if isinstance(self.loss, SeveralHeads) else ():
            head = Head(loss, CostLayer.of(loss), self.dtype, self.shape, width, known.get(name, {}))
            start = (found[-1].scores.stop, found[-1].target.stop) if found else (0, 0)
            scores, target = (slice(a, a + n) for a, n in zip(start, (width, head.target_width), strict=True))
            found.append(Part(name, head, scores, target))
        return found

    # --------------------------------------------------------------------------------------------------- what comes in

    def inputs(self, x: Any, name: str = "x") -> HostArray:
        """Rows (N, n), checked, in the run's dtype."""
        return arrays.inputs(x, self.dtype, self.shape, name)

    def admit(self, x: Any, y: Any, sample_weight: Any = None, name: str = "x") -> tuple[Data, Head]:
        """(checked and encoded data, the head that knows their labels); changes nothing."""
        return self.encoded(self.inputs(x, name), y, sample_weight, name)

    def encoded(self, rows: HostArray, y: Any, sample_weight: Any = None, name: str = "x") -> tuple[Data, Head]:
        """What `admit` gives, of rows that `inputs` has checked."""
        try:
            target, learned = self._encode(y, len(rows))
        except DataError as error:
            raise type(error)(f"{name.removesuffix('x')}{error}") from None  # "validation y needs ..."
        return Data(rows, target, arrays.weights(sample_weight, len(rows), self.dtype)), replace(self, learned=learned)

    def _encode(self, given: Any, rows: int) -> tuple[HostArray, dict[str, Any]]:
        """(target (N, M), what was learned) of y."""
        width, parts = self.target_width, self.parts
        if isinstance(given, Mapping):
            return self._side_by_side(given, rows, parts)
        y = labels.as_array(given)
        if y.shape[:1] != (rows,):
            raise ShapeError(f"y needs one entry for each row of x: x has {rows} rows, y has shape {y.shape}.")
        if parts:
            y = labels.continuous(y, {"outputs": width})
            return self._side_by_side({part.name: y[:, part.target] for part in parts}, rows, parts)
        learned = {**self.learned, "outputs": self.outputs}
        if isinstance(self.loss, EncodeTarget):
            target = self.loss.encode_target(y, learned)
        elif isinstance(self.loss, TargetWidth):
            target = labels.continuous(y, {"outputs": width})
        else:
            target = labels.encode(y, self.loss.link, learned)
        target = arrays.numbers(target, self.dtype, "y")
        if target.shape != (rows, width):
            raise ShapeError(f"The loss needs targets of shape ({rows}, {width}), got {target.shape}.")
        return target, learned

    def _side_by_side(self, y: Mapping[str, Any], rows: int, parts: Sequence[Part]) -> tuple[HostArray, dict[str, Any]]:
        names = [part.name for part in parts]
        if set(y) != set(names):
            wanted = f"an entry for each head ({', '.join(names)})" if names else "one array (mappings are for heads)"
            raise DataError(f"y needs {wanted}, got a mapping of {', '.join(map(str, y)) or 'nothing'}.")
        targets, heads = [], {}
        for part in parts:
            try:
                target, heads[part.name] = part.head._encode(y[part.name], rows)
            except DataError as error:
                raise type(error)(f"y of head '{part.name}': {error}") from None
            targets.append(target)
        return np.hstack(targets), {**self.learned, "outputs": self.outputs, "heads": heads}

    # -------------------------------------------------------------------------------------------------- what goes out

    def prediction(self, scores: HostArray) -> HostArray:
        """The link applied: probabilities, means."""
        with np.errstate(all="ignore"):
            return np.asarray(self.cost.prediction(scores))

    def point(self, scores: HostArray) -> HostArray:
        """(N, M) the predictions that stand next to targets: those themselves, or what the loss says of them."""
        prediction = self.prediction(scores)
        return self.loss.point(prediction) if isinstance(self.loss, Point) else prediction

    def class_numbers(self, scores: HostArray, point: HostArray) -> HostArray:
        """(N,) class numbers, or (N, k) zeros and ones, from scores and the predictions made of them."""
        if not isinstance(self.loss, PredictLabels):
            return labels.class_numbers(point, self.loss.link, self.learned)
        known = len(self.learned.get("classes", [])) or scores.shape[1]
        numbers = self.loss.predict(scores[:, :known])
        numbers = numbers.reshape(-1, 1) if scores.shape[1] == 1 else numbers
        return labels.yes_or_no(numbers, self.learned) if numbers.ndim == 2 else numbers

    def labels(self, scores: HostArray) -> Labels:
        """Labels as they were given to the first fit; of several heads, a mapping of those that have classes."""
        if found := {p.name: p.head.labels(scores[:, p.scores]) for p in self.parts if p.head.labelled}:
            return found
        if not self.classes:
            name = type(self.loss).__name__
            raise DataError(f"predict_labels needs a model of classes, but {name} predicts quantities. Use predict.")
        return labels.decode(self.class_numbers(scores, self.point(scores)), self.learned)

    @property
    def labelled(self) -> bool:
        """Whether `labels` has something to give."""
        return self.classes or any(part.head.labelled for part in self.parts)

    # --------------------------------------------------------------------------------------------------- how good it is

    def default_metrics(self) -> list[Metric]:
        """accuracy for classes, r2 and mae for quantities; none for several heads, whose metrics have names."""
        names = [] if isinstance(self.loss, SeveralHeads) else ["accuracy"] if self.classes else ["r2", "mae"]
        return [build("metric", name) for name in names]

    def named_metrics(self, given: Sequence[Metric] | None) -> list[tuple[str, Metric]]:
        """The metrics to measure, by name: those given, or the default ones.

        Several heads are measured each on its own, under "head.metric": by its own default metrics, or by those given,
        where metrics of labels are for heads of classes.
        """
        if not (parts := self.parts):
            metrics = self.default_metrics() if given is None else given
            return _named(metrics)
        return [
            (f"{part.name}.{name}", metric)
            for part in parts
            for name, metric in part.head.named_metrics(given)
            if part.head.labelled or _of(metric) != "labels"
        ]

    def measure(
        self, scores: HostArray, target: HostArray, weight: HostArray | None, metrics: Sequence[tuple[str, Metric]]
    ) -> dict[str, float]:
        """Each metric's value by its name."""
        if parts := self.parts:
            measured = [(part.name, part.measure(scores, target, weight, metrics)) for part in parts]
            return {f"{name}.{metric}": value for name, values in measured for metric, value in values.items()}
        w, point = np.ones(len(scores)) if weight is None else weight.astype(np.float64), self.point(scores)
        pairs = {"predictions": (point, target)}
        if any(_of(metric) == "labels" for _, metric in metrics):
            pairs["labels"] = self.class_numbers(scores, point), self.target_numbers(target)
        with np.errstate(all="ignore"):
            return {name: _number(metric, metric.value(*pairs[_of(metric)], w)) for name, metric in metrics}

    def mean_loss(self, scores: HostArray, seen: Data) -> float:
        """sum w loss / sum w over all rows."""
        with np.errstate(all="ignore"):
            return float(self.cost.mean_and_delta(scores, seen.target, share(seen))[0])

    def measured(self, scores: HostArray, seen: Data, metrics: Sequence[tuple[str, Metric]]) -> dict[str, float]:
        """{"loss": mean loss, and every metric by name}."""
        loss = {"loss": self.mean_loss(scores, seen)}
        return loss | self.measure(scores, seen.target, seen.weight, metrics)

    def target_numbers(self, target: HostArray) -> HostArray:
        """What `class_numbers` gives where every prediction is right."""
        yes_or_no = self.loss.link == "sigmoid" or target.shape[1] == 1
        if yes_or_no or (isinstance(self.loss, PredictLabels) and self.loss.predict(target).ndim == 2):
            return labels.yes_or_no(target >= 0.5, self.learned)
        return np.asarray(target.argmax(axis=1))


@final
@dataclass(frozen=True)
class Part:
    """One of several heads: its name, itself, and its columns of the scores and of the target."""

    name: str
    head: Head
    scores: slice
    target: slice

    def measure(
        self, scores: HostArray, target: HostArray, weight: HostArray | None, metrics: Sequence[tuple[str, Metric]]
    ) -> dict[str, float]:
        """Its metrics, those called "name.metric", by "metric", from the scores and targets of all heads."""
        cut = [(name.partition("."), metric) for name, metric in metrics]
        own = [(rest, metric) for (name, _, rest), metric in cut if name == self.name]
        return self.head.measure(scores[:, self.scores], target[:, self.target], weight, own)


def share(seen: Data) -> Any:
    """Each row's share of the total weight: (N,), or one number for all."""
    return weight_shares(len(seen.x), seen.weight)[1]


def _named(metrics: Sequence[Metric]) -> list[tuple[str, Metric]]:
    """Metrics by their short names; two of one name that differ carry their arguments, "f1(average='macro')"."""
    short = [short_name(registry, "metric", metric) for metric in metrics]
    shared = {
        name
        for name, a in zip(short, metrics, strict=True)
        for other, b in zip(short, metrics, strict=True)
        if name == other and a != b
    }
    return [
        (brief(registry, "metric", metric) if name in shared else name, metric)
        for name, metric in zip(short, metrics, strict=True)
    ]


def _number(metric: Metric, value: Any) -> float:
    """The value of a metric, if it is a number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        who = title(registry, "metric", metric)
        raise IncompatibleComponent(f"{who}: value must be a number, got {value!r}.") from None


def _of(metric: Metric) -> str:
    return getattr(metric, "of", "predictions")
