"""The laws of a loss's optional methods for targets: encoding labels, target width, point estimates, sampling."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np

from bpframe.network.backprop import CostLayer
from bpframe.protocols import EncodeTarget, Loss, Point, PredictLabels, SampleTarget, TargetWidth
from bpframe.random import HashKey
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import require, require_finite, require_same_bits, require_shape
from bpframe.testing.laws.examples import example_batch, example_labels
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
        "point": (Point, _point),
        "predicted labels": (PredictLabels, _labels),
        "drawn targets": (SampleTarget, _drawn_targets),
    }
    return {name: partial(check, loss) for name, (capability, check) in table.items() if isinstance(loss, capability)}


def _encoded_targets(loss: Any) -> None:
    """Encoded labels are finite targets with a finite loss; `learned` survives JSON and encodes them again."""
    scores, target = example_batch(loss, 1)
    learned: dict[str, Any] = {"outputs": scores.shape[1]}
    y = example_labels(loss, len(scores))
    encoded = call_read_only("encode_target", lambda given: loss.encode_target(given, learned), y)
    require_shape("encoded targets", encoded, target.shape)
    again = loss.encode_target(y[1:], json.loads(json.dumps(learned)))
    require_same_bits("targets of fewer labels, encoded with what was learned", again, encoded[1:])
    require_finite("the loss of encoded targets", loss.value_and_delta(scores, np.asarray(encoded, dtype=np.float64)))


def _width(loss: Any) -> None:
    """target_width(C) is the width of targets."""
    scores, target = example_batch(loss, 1)
    width = loss.target_width(scores.shape[1])
    require(width == target.shape[1], f"target_width({scores.shape[1]}) must be {target.shape[1]}, got {width!r}")


def _point(loss: Any) -> None:
    """One value for each target, computed from predictions."""
    scores, target = example_batch(loss, 1)
    prediction = np.asarray(CostLayer.of(loss).prediction(scores))
    point = call_read_only("point", loss.point, prediction)
    require_shape("the point of predictions", point, target.shape)
    require_finite("the point of predictions", point)


def _labels(loss: Any) -> None:
    """Class numbers, one for each row, or zeros and ones (B, C) of multilabel rows."""
    scores, _ = example_batch(loss, 1)
    numbers = np.asarray(call_read_only("predict", loss.predict, scores))
    classes = max(2, scores.shape[1]) if numbers.ndim == 1 else 2
    require_shape("predicted labels", numbers, scores.shape[: numbers.ndim])
    require(numbers.dtype.kind in "iu", f"predicted labels must be whole numbers, got {numbers.dtype}")
    known = np.all((numbers >= 0) & (numbers < classes))
    require(known, f"predicted labels must lie in 0 .. {classes - 1}, got {numbers}")


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
