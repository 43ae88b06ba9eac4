"""The task of a network: encoding y as targets, and scores as predictions and labels.

Shapes: y (N,) or (N, C), scores and predictions (N, C), target (N, M), weights (N,). M is C, unless the loss has its
own `target_width`. Where scores have positions, all have their axes behind the first: (N, *S, C), weights (N,) too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from bpframe.data import (
    arrays,
    input_offset,
    input_packing,
    labels,
    positions,
    score_labels,
    target_fields,
    target_scale,
)
from bpframe.data.arrays import Targets
from bpframe.data.columns import Names, in_order, learned_names
from bpframe.data.frames import as_real_rows
from bpframe.data.target_encoder import TargetEncoder
from bpframe.data.target_encoding import target_width
from bpframe.errors import DataError
from bpframe.network.backprop import CostLayer, has_class_columns
from bpframe.network.gradients import weight_shares
from bpframe.network.input_checks import check_inputs
from bpframe.network.network import LabelledLayers, of_inputs
from bpframe.protocols import (
    ClassTargets,
    Data,
    Fields,
    Loss,
    Point,
    PredictLabels,
    SeveralHeads,
)
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import compared_field, removes_offset
from bpframe.registry.of_fields import cut_fields, loss_name
from bpframe.registry.of_inputs import InputShapes
from bpframe.types import HostArray, Shape

MANY_CLASSES = 1024  # from which targets are class numbers where they can be, and no column each
Labels = HostArray | dict[str, Any]  # of one head, or of several by name


@final
@dataclass(frozen=True)
class Task:
    """A loss, and what the first fit finds out: the shape of input rows, the width of scores, the labels, and columns.

    `axes` are those of the positions of a row, S, which scores have before their last; mostly none.
    `learned` is how labels are encoded; with `shape` and the names of `columns` it is saved with the model.
    `standardize`: whether targets are, by a scale that a task that `learns`, that of a fit, finds once.
    """

    loss: Loss
    cost: CostLayer
    dtype: str
    shape: Shape | None = None
    outputs: int | None = None
    axes: Shape = ()
    learned: Mapping[str, Any] = field(default_factory=dict)
    columns: Names | None = None
    standardize: bool = False
    learns: bool = False
    layers: LabelledLayers = ()  # which may refuse rows
    several: InputShapes | None = None  # the inputs by name, where x is a mapping

    @property
    def classes(self) -> bool:
        """Whether predictions turn into labels: by a link of softmax or sigmoid, or by the loss's own `predict`."""
        return implements(self.loss, PredictLabels) or self.loss.link in ("softmax", "sigmoid")

    @property
    def target_width(self) -> int:
        """M, the columns of the target."""
        return target_width(self.loss, self.outputs or 0)

    @property
    def row(self) -> Shape:
        """The shape of one row of scores, (*S, C)."""
        return *self.axes, self.outputs or 0

    @property
    def has_class_numbers(self) -> bool:
        """Whether labels become class numbers (N, 1): where a column for each class would take too much memory."""
        return bool(self.axes or (self.outputs or 0) > MANY_CLASSES) and has_class_columns(self.loss)

    @property
    def heads(self) -> list[HeadSlice]:
        """The heads of a loss of several, otherwise none."""
        heads: list[HeadSlice] = []
        known = self.learned.get("heads", {})
        for name, (loss, width) in self.loss.parts().items() if implements(self.loss, SeveralHeads) else ():
            task = Task(loss, CostLayer.of(loss), self.dtype, self.shape, width, (), known.get(name, {}))
            if self.standardize and target_scale.is_scalable(loss):
                task = replace(task, standardize=True, learns=self.learns)
            start = (heads[-1].scores.stop, heads[-1].target.stop) if heads else (0, 0)
            scores, target = (slice(a, a + n) for a, n in zip(start, (width, task.target_width), strict=True))
            heads.append(HeadSlice(name, task, scores, target))
        return heads

    # --------------------------------------------------------------------------------------------------- what comes in

    def inputs(self, x: ArrayLike, name: str = "x") -> HostArray:
        """Rows (N, n), checked, in the run's dtype; columns of a table by the names that the first fit had."""
        return self.numbers(self.as_rows(x, name), name)

    def numbers(self, x: ArrayLike, name: str = "x") -> HostArray:
        """The same of x that `as_rows` has looked at."""
        ordered = x if type(x) is np.ndarray else in_order(x, self.columns, name)
        rows = arrays.inputs(ordered, self.dtype, self.shape, name)
        if offset := self.learned.get(input_offset.KEY):
            rows = input_offset.without_offset(as_real_rows(ordered, name), rows, offset)
        check_inputs(self.layers, rows, name)
        return rows

    def as_rows(self, x: Any, name: str = "x") -> Any:
        """Inputs by name side by side in one array; anything else as it is, if the model takes that."""
        if type(x) is np.ndarray and self.several is None:  # mostly
            return x
        input_packing.refuse_tuple(x, name)
        if isinstance(x, Mapping):
            if self.several is None:
                raise DataError(f"{name} needs one array or table, as in the first fit, got a mapping of {list(x)}.")
            return input_packing.packed(x, self.several, self.dtype, name)
        if self.several is not None and self.columns is None:
            names = ", ".join(key for key, _ in self.several)
            raise DataError(f"{name} needs a mapping of the inputs {names}, got {type(x).__name__}.")
        return x

    def with_inputs(self, several: InputShapes | None) -> Task:
        """The task of these inputs by name, of one array for None."""
        if several is None:
            return self
        shape, columns = (sum(math.prod(each) for _, each in several),), input_packing.single_columns(several)
        layers = of_inputs(self.layers, several)
        return replace(self, several=several, shape=shape, columns=columns, layers=layers)

    def for_inputs(self, x: object) -> Task:
        """The task that a first fit on x begins with: it knows the inputs by name, if there are several."""
        known = self.shape is not None
        return self if known else self.with_inputs(input_packing.learned_inputs(x, self.layers))

    def for_fit(self, x: ArrayLike) -> Task:
        """The task that a fit on rows x begins with: it knows their columns, and learns of targets what it lacks."""
        return replace(self, columns=self.columns or learned_names(x), learns=True)

    def with_offset(
        self, x: ArrayLike, rows: HostArray, sample_weight: ArrayLike | None = None
    ) -> tuple[HostArray, Task]:
        """(rows, the task) of a first fit on x, of which `rows` are the numbers: without the offset, if it has one.

        A warning where the first layer does not remove it. Rows of weight 0 have no part in it.
        """
        task = self
        if input_offset.KEY in self.learned:  # of a fit that failed
            task = replace(self, learned={k: v for k, v in self.learned.items() if k != input_offset.KEY})
            rows = task.numbers(x)
        if type(x) is np.ndarray and x.dtype == rows.dtype:
            return rows, task
        weight = arrays.weights(sample_weight, len(rows), "float64", self.axes)
        counted = slice(None) if weight is None else (weight > 0).reshape(len(rows), -1).any(axis=1)
        if not input_offset.coarse_places(rows[counted]).size:
            return rows, task
        source = as_real_rows(x, "x")
        if not (self.layers and removes_offset(self.layers[0][1])):
            remedy = "Put the layer standardize first"
            input_offset.warn_of_loss("x", source[counted], rows[counted], remedy, self.columns)
        elif offset := input_offset.learned_offset(source[counted], rows[counted]):
            task = replace(task, learned={**task.learned, input_offset.KEY: offset})
            rows = input_offset.without_offset(source, rows, offset)
        return rows, task

    def admit(
        self, x: ArrayLike, y: Targets, sample_weight: ArrayLike | None = None, name: str = "x"
    ) -> tuple[Data, Task]:
        """(checked and encoded data, the task that knows their labels); changes nothing."""
        return self.encoded(self.inputs(x, name), y, sample_weight, name)

    def encoded(
        self, rows: HostArray, y: Targets, sample_weight: ArrayLike | None = None, name: str = "x"
    ) -> tuple[Data, Task]:
        """What `admit` gives, of rows that `inputs` has checked."""
        try:
            weight = arrays.weights(sample_weight, len(rows), "float64", self.axes)
            encoder = self._encoder
            y, names = encoder.by_name(y)
            target, learned = encoder.encode(y, len(rows), weight)
        except DataError as error:
            raise error.with_text(f"{name.removesuffix('x')}{error}") from None  # "validation y needs ..."
        if names is not None and self.learns:
            learned[labels.COLUMNS] = names
        weight = None if weight is None else weight.astype(self.dtype)
        return Data(rows, target, weight, weight), replace(self, learned=learned, learns=False)

    @property
    def _encoder(self) -> TargetEncoder:
        heads = tuple((head.name, head.target, head.task._encoder) for head in self.heads)
        by_number, scaled = self.has_class_numbers, self.standardize
        return TargetEncoder(
            self.loss, self.dtype, self.outputs, self.axes, self.learned, self.learns, scaled, by_number, heads
        )

    # -------------------------------------------------------------------------------------------------- what goes out

    def prediction(self, scores: HostArray) -> HostArray:
        """The link applied: probabilities, means, in the units of y."""
        with np.errstate(all="ignore"):
            predictions = np.asarray(self.cost.prediction(scores))
        made: HostArray = positions.apply_to_rows(self.own_units, predictions)
        return made

    def own_units(self, values: HostArray, of: str = "scores") -> HostArray:
        """Predictions, or the `target` of encoded data, in the units of y, in float64 if targets are standardised."""
        if not self.standardize:
            return values
        if heads := self.heads:
            return np.hstack([h.task.own_units(values[:, getattr(h, of)], of) for h in heads])
        return target_scale.unscaled(values, self.learned)

    def point(self, scores: HostArray) -> HostArray:
        """(N, M) the predictions that stand next to targets: those themselves, or what the loss says of them."""
        prediction = self.prediction(scores)
        return self.loss.point(prediction) if implements(self.loss, Point) else prediction

    def log_odds(self, scores: HostArray) -> HostArray:
        """(N, C) log(p / (1 - p)) of each class, computed from the scores; without probabilities the points."""
        if self.loss.link == "sigmoid":
            return scores
        return softmax_log_odds(scores) if self.loss.link == "softmax" else self.point(scores)

    def class_numbers(self, scores: HostArray, point: HostArray) -> HostArray:
        """(N,) class numbers, or (N, k) zeros and ones, from scores and the predictions made of them."""
        if not implements(self.loss, PredictLabels):
            return labels.class_numbers(point, self.loss.link, self.learned)
        known = len(self.learned.get("classes", []))
        if implements(self.loss, ClassTargets):
            numbers = np.asarray(self.loss.predict(scores))
            return np.minimum(numbers, known - 1) if known else numbers  # y may have fewer classes than there could be
        known = known or scores.shape[1]
        numbers = self.loss.predict(scores[:, :known])
        numbers = numbers.reshape(-1, 1) if scores.shape[1] == 1 else numbers
        return labels.yes_or_no(numbers, self.learned) if numbers.ndim == 2 else numbers

    def sure_labels(self, scores: HostArray) -> HostArray | None:
        """What `class_numbers` gives, without predictions; None where those decide (`bpframe.data.score_labels`)."""
        link = self.loss.link
        if implements(self.loss, PredictLabels) or not isinstance(link, str) or link not in score_labels.LINKS:
            return None
        found = score_labels.sure_labels(scores, link, len(self.learned.get("classes", [])))
        return None if found is None else found.astype(np.int64)

    def labels(self, scores: HostArray) -> Labels:
        """Labels as they were given to the first fit; of several heads, a mapping of those that have classes."""
        made: Labels = positions.apply_to_rows(self._labels, scores)
        return made

    def _labels(self, scores: HostArray) -> Labels:
        if by_head := {h.name: h.task.labels(scores[:, h.scores]) for h in self.heads if h.task.labelled}:
            return by_head
        if not self.classes:
            name = loss_name(self.loss)
            raise DataError(f"predict_labels needs a model of classes, but {name} predicts quantities. Use predict.")
        return labels.decode(self.class_numbers(scores, self.point(scores)), self.learned)

    @property
    def labelled(self) -> bool:
        """Whether `labels` has something to give."""
        return self.classes or any(head.task.labelled for head in self.heads)

    def target_numbers(self, target: HostArray) -> HostArray:
        """What `class_numbers` gives where every prediction is right."""
        if implements(self.loss, ClassTargets):
            return np.asarray(self.loss.target_labels(target))
        if self.has_class_numbers and target.shape[1] == 1:
            return np.asarray(target[:, 0], np.int64)
        if target.shape[1] == 1 and target.max(initial=0) > 1 and implements(self.loss, PredictLabels):
            return np.asarray(target[:, 0], np.int64)  # neither yes nor no: class numbers
        yes_or_no = self.loss.link == "sigmoid" or target.shape[1] == 1
        if yes_or_no or (implements(self.loss, PredictLabels) and self.loss.predict(target).ndim == 2):
            return labels.yes_or_no(target >= 0.5, self.learned)
        return np.asarray(target.argmax(axis=1))

    def compared(self, target: HostArray) -> HostArray:
        """The columns of targets (N, M) with which predictions are compared: all, or those of one of several fields."""
        if not implements(self.loss, Fields):
            return target
        if (name := compared_field(self.loss)) is None:
            raise DataError(f"The targets of {loss_name(self.loss)} are several fields, of which none is predicted.")
        return self.fields(target)[name]

    def fields(self, target: HostArray) -> dict[str, HostArray]:
        """The fields of targets (N, M) by name, (N, m) each; none of a loss without fields."""
        if not implements(self.loss, Fields):
            return {}
        return cut_fields(target, target_fields.widths(self.loss, self.outputs or 0))

    def per_class(self, target: HostArray) -> HostArray:
        """(N, C) targets as metrics of predictions take them: class numbers in a column for each class."""
        if not (self.has_class_numbers and target.shape[1] == 1):
            return target
        return np.eye(self.outputs or 0, dtype=target.dtype)[self.target_numbers(target)]

    def class_columns(self, data: Data) -> Data:
        """The data with class numbers as columns of one class each, in which an order of rows can tell classes."""
        if self.axes or implements(self.loss, Fields):
            return data
        if implements(self.loss, ClassTargets):
            numbers = self.target_numbers(data.target)
            return replace(data, target=np.eye(int(numbers.max()) + 1)[numbers])
        if self.has_class_numbers and data.target.shape[1] == 1:
            occurring, numbers = np.unique(data.target, return_inverse=True)
            return replace(data, target=np.eye(len(occurring))[numbers.reshape(-1)])
        return data


@final
@dataclass(frozen=True, eq=False, repr=False)
class HeadSlice:
    """One of several heads: its name, its task, and its columns of the scores and of the target."""

    name: str
    task: Task
    scores: slice
    target: slice


def softmax_log_odds(z: HostArray) -> HostArray:
    """z_k - log sum_{j != k} exp(z_j) of scores z (N, C), C >= 2: exact where a probability rounds to 0 or 1."""
    rows, first = np.arange(len(z)), z.argmax(axis=1)
    rest = z.copy()
    rest[rows, first] = -np.inf
    top, second = z[rows, first], rest.max(axis=1)
    with np.errstate(all="ignore"):
        e = np.exp(z - top[:, None])
        others = top[:, None] + np.log(e.sum(axis=1, keepdims=True) - e)
        others[rows, first] = second + np.log(np.exp(rest - second[:, None]).sum(axis=1))
    return np.asarray(z - others)


def share(data: Data) -> Any:
    """Each row's share of the total weight: (N,), or one number for all."""
    return weight_shares(len(data.x), data.weight)[1]
