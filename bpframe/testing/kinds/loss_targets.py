"""The laws of a loss's optional methods for targets: encoding labels, target width, sampling."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np

from bpframe.data.labels import decode
from bpframe.data.learned_values import refuse_unsaved_values
from bpframe.data.target_gaps import filled
from bpframe.data.task import Task
from bpframe.errors import BrokenComponent, CheckFailed
from bpframe.network.backprop import CostLayer
from bpframe.protocols import ClassTargets, EncodeTarget, Loss, PredictLabels, SampleTarget, TargetWidth
from bpframe.protocols.traits import order_of, takes_class_numbers, takes_missing
from bpframe.random import HashKey
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import require, require_close, require_finite, require_same_bits, require_shape
from bpframe.testing.laws.examples import (
    Pair,
    accepted_width,
    example_batch,
    example_labels,
    has_bounded_scores,
    resized_batch,
)
from bpframe.testing.laws.purity import call_read_only
from bpframe.testing.report import Check

KEY = HashKey(5, 6)
DRAWS = 4000
ERRORS = 6.0  # standard errors that a mean of that many draws may be off


def target_checks(loss: Loss) -> dict[str, Check]:
    """The checks of the capabilities that the loss has."""
    table = {
        "encoded targets": (EncodeTarget, _encoded_targets),
        "target width": (TargetWidth, _width),
        "predicted labels": (PredictLabels, _labels),
        "class targets": (ClassTargets, _class_targets),
        "drawn targets": (SampleTarget, _drawn_targets),
    }
    checks: dict[str, Check] = {
        name: partial(check, loss) for name, (capability, check) in table.items() if isinstance(loss, capability)
    }
    if takes_missing(loss):
        checks["missing targets"] = partial(_missing, loss)
    if takes_class_numbers(loss):
        checks["class numbers"] = partial(_class_numbers, loss)
    return checks


def _encoded_targets(loss: Any) -> None:
    """Encoded labels are finite targets with a finite loss; `learned` survives JSON and encodes them again."""
    scores, target = example_batch(loss, 1)
    learned: dict[str, Any] = {"outputs": scores.shape[1]}
    y = example_labels(loss, len(scores))
    y = filled(y)[0] if takes_missing(loss) else y
    before = dict(learned)
    encoded = call_read_only("encode_target", lambda given: loss.encode_target(given, learned), y)
    try:
        refuse_unsaved_values("the loss", before, learned)
    except BrokenComponent as error:
        raise CheckFailed(str(error)) from error
    require_shape("encoded targets", encoded, target.shape)
    again = loss.encode_target(y[1:], json.loads(json.dumps(learned)))
    require_same_bits("targets of fewer labels, encoded with what was learned", again, encoded[1:])
    require_finite("the loss of encoded targets", loss.value_and_delta(scores, np.asarray(encoded, dtype=np.float64)))


def _width(loss: Any) -> None:
    """target_width(C) is the width of targets, for any C that it does not refuse."""
    scores, target = example_batch(loss, 1)
    width = loss.target_width(scores.shape[1])
    require(width == target.shape[1], f"target_width({scores.shape[1]}) must be {target.shape[1]}, got {width!r}")
    for outputs in range(1, 2 * scores.shape[1] + 2):
        width = accepted_width(loss, outputs)
        if width is not None and outputs != scores.shape[1]:  # there a column may be meant not to count
            _require_use(loss, resized_batch(loss, outputs, width), f"target_width({outputs}) is {width}")


def _require_use(loss: Any, pair: Pair, claim: str) -> None:
    """Scores and targets of these widths make a loss in which each column counts."""
    scores, target = pair
    remedy = "A loss that cannot use so many scores raises ShapeError in target_width."
    try:
        values, delta = loss.value_and_delta(scores, target)
        require_shape(f"{claim}: delta", delta, scores.shape)
        unused = np.flatnonzero(~np.any(np.asarray(delta), axis=0))
        require(not len(unused), f"{claim}, but scores of column {unused[:1]} do not count. {remedy}")
        for column in range(target.shape[1]):
            other = target.copy()
            other[:, column] = np.roll(target[:, column], 1)
            moved = not np.array_equal(loss.value_and_delta(scores, other)[0], values)
            require(moved, f"{claim}, but targets of column {column} do not count. {remedy}")
    except CheckFailed:
        raise
    except Exception as error:
        raise CheckFailed(f"{claim}, but a loss of such scores and targets raises {error!r}. {remedy}") from error


def _labels(loss: Any) -> None:
    """Class numbers, one for each row, or zeros and ones (B, C) of multilabel rows."""
    scores, _ = example_batch(loss, 1)
    far = [] if has_bounded_scores(loss) else [-20 * np.abs(scores), 20 * np.abs(scores)]
    for at in (scores, *far):
        numbers = np.asarray(call_read_only("predict", loss.predict, at))
        classes, more = _number_of_classes(loss, scores.shape[1], numbers.ndim)
        require_shape("predicted labels", numbers, scores.shape[: numbers.ndim])
        require(numbers.dtype.kind in "iu", f"predicted labels must be whole numbers, got {numbers.dtype}")
        known = np.all((numbers >= 0) & (numbers < classes))
        require(known, f"predicted labels must lie in 0 .. {classes - 1}, got {numbers}.{more}")


def _number_of_classes(loss: Any, outputs: int, axes: int) -> tuple[int, str]:
    """(how many classes predicted labels of so many axes may name, what helps a loss that names more)."""
    if isinstance(loss, ClassTargets):
        return loss.classes(outputs), ""
    more = " A loss of more classes than scores has `classes` and `target_labels` (ClassTargets)."
    return (max(2, outputs) if axes == 1 else 2), more


def _class_targets(loss: Any) -> None:
    """Every class, of numbers and of texts, is encoded so that `target_labels` gives its number back."""
    require(isinstance(loss, PredictLabels), "a loss of class targets must predict labels: predict(scores) -> numbers")
    outputs = example_batch(loss, 1)[0].shape[1]
    classes = loss.classes(outputs)
    require(isinstance(classes, int) and classes > 1, f"classes({outputs}) must be a number above 1, got {classes!r}")
    names = order_of(loss) or [f"class {k:04d}" for k in range(classes)]
    for y in (np.arange(classes), np.array(names)) if order_of(loss) is None else (np.array(names),):
        task = Task(loss, CostLayer.of(loss), "float64", (1,), outputs)
        data, task = task.admit(np.zeros((classes, 1)), y)
        numbers = call_read_only("target_labels", loss.target_labels, data.target)
        require_same_bits("the class numbers of encoded labels", np.asarray(numbers, np.int64), np.arange(classes))
        require_same_bits("the labels that they stand for", decode(np.asarray(numbers), task.learned), y)


def _missing(loss: Any) -> None:
    """A row of which no target is known costs exactly nothing, and moves no other."""
    scores, target = example_batch(loss, 1)
    values, delta = (np.asarray(part) for part in loss.value_and_delta(scores, target))
    for row in range(len(scores)):
        gaps = target.copy()
        gaps[row] = np.nan
        made = [np.asarray(part) for part in call_read_only("value_and_delta", loss.value_and_delta, scores, gaps)]
        nothing = not np.any(made[0][row]) and not np.any(made[1][row])
        require(nothing, f"row {row} without a target must have value and delta 0, got {made[0][row]}, {made[1][row]}")
        for name, one, other in zip(("values", "delta"), made, (values, delta), strict=True):
            require_same_bits(f"other rows' {name}", np.delete(one, row, 0), np.delete(other, row, 0))


def _class_numbers(loss: Any) -> None:
    """Class numbers (B, 1) as targets give what one-hot rows of these classes give."""
    scores, _ = example_batch(loss, 1)
    numbers = np.arange(len(scores)) % scores.shape[1]
    columns = loss.value_and_delta(scores, np.eye(scores.shape[1])[numbers])
    given = numbers[:, None].astype(np.float64)
    made = call_read_only("value_and_delta of class numbers", lambda at: loss.value_and_delta(scores, at), given)
    for name, one, other in zip(("values", "delta"), made, columns, strict=True):
        require_close(f"{name} for class numbers beside those for one-hot rows", one, other, 1e-12, 1e-12)
    precision.require_dtype_kept(lambda dtype: loss.value_and_delta(scores.astype(dtype), given.astype(dtype)))


def _drawn_targets(loss: Any) -> None:
    """Targets follow the distribution whose negative log likelihood the loss is: the mean of their delta is 0."""
    scores, target = example_batch(loss, 1)
    many = np.repeat(scores[:1], DRAWS, axis=0)
    draws = call_read_only("sample_target", lambda at: loss.sample_target(at, KEY), many)
    require_shape("drawn targets", draws, (DRAWS, *target.shape[1:]))
    require_same_bits("targets drawn again with the same key", loss.sample_target(many, KEY), draws)
    other = np.asarray(loss.sample_target(many, KEY.child("other")))
    require(not np.array_equal(other, draws), "another key must draw other targets")
    precision.require_dtype_kept(lambda dtype: loss.sample_target(many.astype(dtype), KEY))
    delta = np.asarray(loss.value_and_delta(many, draws)[1])
    error = delta.std(axis=0) / np.sqrt(DRAWS)
    off = np.abs(delta.mean(axis=0)) > ERRORS * error + 1e-9
    require(not np.any(off), f"delta of drawn targets must be 0 on average, got {delta.mean(axis=0)} +- {error}")
