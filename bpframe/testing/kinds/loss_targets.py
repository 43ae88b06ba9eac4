"""The laws of what a loss may say about targets: how labels become some, how wide they are, how they are drawn."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np

from bpframe.network.backprop import CostLayer
from bpframe.protocols import EncodeTarget, Point, PredictLabels, SampleTarget, TargetWidth
from bpframe.random import HashKey
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import finite, require, same, shaped
from bpframe.testing.laws.examples import example, labels
from bpframe.testing.laws.purity import untouched
from bpframe.testing.report import Check

KEY = HashKey(5, 6)
DRAWS = 4000
ERRORS = 6.0  # standard errors that a mean of that many draws may be off


def target_checks(loss: Any) -> dict[str, Check]:
    """The checks of those capabilities that the loss has."""
    table = {
        "encoded targets": (EncodeTarget, _encoded),
        "target width": (TargetWidth, _width),
        "point": (Point, _point),
        "predicted labels": (PredictLabels, _labels),
        "drawn targets": (SampleTarget, _drawn),
    }
    return {name: partial(check, loss) for name, (capability, check) in table.items() if isinstance(loss, capability)}


def _encoded(loss: Any) -> None:
    """Labels become finite targets for which there is a loss; what is learned survives JSON and encodes them again."""
    scores, target = example(loss, 1)
    learned: dict[str, Any] = {"outputs": scores.shape[1]}
    y = labels(loss, len(scores))
    encoded = untouched("encode_target", lambda given: loss.encode_target(given, learned), y)
    shaped("encoded targets", encoded, target.shape)
    again = loss.encode_target(y[1:], json.loads(json.dumps(learned)))
    same("targets of fewer labels, encoded with what was learned", again, encoded[1:])
    finite("the loss of encoded targets", loss.value_and_delta(scores, np.asarray(encoded, dtype=np.float64)))


def _width(loss: Any) -> None:
    """target_width(C) is the width of targets."""
    scores, target = example(loss, 1)
    width = loss.target_width(scores.shape[1])
    require(width == target.shape[1], f"target_width({scores.shape[1]}) must be {target.shape[1]}, got {width!r}")


def _point(loss: Any) -> None:
    """From predictions one value for each target."""
    scores, target = example(loss, 1)
    prediction = np.asarray(CostLayer.of(loss).prediction(scores))
    point = untouched("point", loss.point, prediction)
    shaped("the point of predictions", point, target.shape)
    finite("the point of predictions", point)


def _labels(loss: Any) -> None:
    """Class numbers, one a row, or zeros and ones (B, C) of several labels a row."""
    scores, _ = example(loss, 1)
    numbers = np.asarray(untouched("predict", loss.predict, scores))
    classes = max(2, scores.shape[1]) if numbers.ndim == 1 else 2
    shaped("predicted labels", numbers, scores.shape[: numbers.ndim])
    require(numbers.dtype.kind in "iu", f"predicted labels must be whole numbers, got {numbers.dtype}")
    known = np.all((numbers >= 0) & (numbers < classes))
    require(known, f"predicted labels must lie in 0 .. {classes - 1}, got {numbers}")


def _drawn(loss: Any) -> None:
    """Targets follow the distribution whose negative log likelihood the loss is: the mean of their delta is 0."""
    scores, target = example(loss, 1)
    many = np.repeat(scores[:1], DRAWS, axis=0)
    draws = untouched("sample_target", lambda at: loss.sample_target(at, KEY), many)
    shaped("drawn targets", draws, (DRAWS, *target.shape[1:]))
    same("targets drawn again with the same key", loss.sample_target(many, KEY), draws)
    other = np.asarray(loss.sample_target(many, KEY.child("other")))
    require(not np.array_equal(other, draws), "another key must draw other targets")
    precision.kept(lambda dtype: loss.sample_target(many.astype(dtype), KEY))
    delta = np.asarray(loss.value_and_delta(many, draws)[1])
    error = delta.std(axis=0) / np.sqrt(DRAWS)
    off = np.abs(delta.mean(axis=0)) > ERRORS * error + 1e-9
    require(not np.any(off), f"delta of drawn targets must be 0 on average, got {delta.mean(axis=0)} +- {error}")
