"""Examples of scores and targets in the domain of a loss.  scores (B, C), target (B, C) or of its target width.

A loss with special targets has `example(rng) -> (scores, target)`. Otherwise scores are normal or in the domain that
the loss declares, targets follow the link, and a loss that encodes labels, has the link "identity" and declares no
domain is assumed to expect probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bpframe.data.target_gaps import filled
from bpframe.errors import CheckFailed
from bpframe.protocols import ClassTargets, Fields, Loss, TargetWidth
from bpframe.protocols.implements import implements
from bpframe.protocols.number_sets import SIMPLEX, SIMPLICES, Interval
from bpframe.protocols.traits import domain_of, group_of, order_of
from bpframe.registry.of_fields import cut_fields, of_one_array
from bpframe.types import HostArray

B, C = 5, 3
Pair = tuple[HostArray, HostArray]
FAR = 1e4
TINY = 1e-30
STEEPEST = 80.0  # larger exponents overflow in float32


def example_batch(loss: Loss, seed: int) -> Pair:
    """Scores and targets in the domain of the loss."""
    rng = np.random.default_rng(seed)
    if hasattr(loss, "example"):
        scores, target = loss.example(rng)
        return np.asarray(scores, dtype=np.float64), target_array(target)
    if implements(loss, Fields):
        scores = rng.normal(size=(B, _outputs(loss)))
        return scores, _field_columns(loss, scores.shape[1], rng)
    scores, target = rng.normal(size=(2, B, C))
    scores = _inside(scores, domain_of(loss))
    if loss.link == "sigmoid":
        return scores, (target > 0).astype(np.float64)
    if loss.link == "softmax" or _encodes(loss):
        soft = np.exp(target) / np.exp(target).sum(axis=1, keepdims=True)
        soft[: B // 2] = np.eye(C)[rng.integers(0, C, B // 2)]
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return (p if _encodes(loss) and domain_of(loss) is None else scores), soft
    return scores, np.exp(target) if loss.link == "exponential" else target


def _outputs(loss: Fields) -> int:
    """One score a row, or C where a loss of fields refuses that."""
    try:
        loss.target_fields(1)
    except ValueError:
        return C
    return 1


def _field_columns(loss: Fields, outputs: int, rng: np.random.Generator) -> HostArray:
    """Fields of positive numbers side by side, and of the numbers of two groups."""
    group = group_of(loss)
    columns = {
        name: rng.integers(0, 2, (B, m)) if name == group else np.exp(rng.normal(size=(B, m)))
        for name, m in loss.target_fields(outputs).items()
    }
    return target_array(columns)


def target_array(target: object) -> HostArray:
    """A target as an array (B, M), its fields side by side if it is a mapping."""
    parts = list(target.values()) if isinstance(target, Mapping) else [target]
    return np.hstack([np.asarray(part, dtype=np.float64) for part in parts])


def accepted_width(loss: TargetWidth, outputs: int) -> int | None:
    """The width of targets for so many scores; None where the loss refuses that number; CheckFailed for nonsense."""
    try:
        width = loss.target_width(outputs)
    except ValueError:
        return None
    whole = isinstance(width, int) and not isinstance(width, bool)
    if not whole or width < 1:
        raise CheckFailed(f"target_width({outputs}) must be a whole number from 1, got {width!r}")
    return width


def resized_batch(loss: Loss, outputs: int, width: int, seed: int = 1) -> Pair:
    """The example with columns repeated up to these widths, in which each row has columns of rows of its own."""
    scores, target = example_batch(loss, seed)
    return _resized(scores, outputs), _resized(target, width)


def _resized(array: HostArray, width: int) -> HostArray:
    columns = [np.roll(array[:, k % array.shape[1]], k // array.shape[1]) for k in range(width)]
    return np.stack(columns, axis=1)


def couples_rows(loss: Loss) -> bool:
    """Whether the loss gives one value for a batch."""
    return bool(np.shape(of_one_array(loss).value_and_delta(*example_batch(loss, 1))[0]) == ())


def score_bounds(loss: Loss) -> tuple[float, float]:
    """The bounds of scores: those of the domain that it declares, or (0, 1), (0, inf) or none by its examples."""
    if domain := domain_of(loss):
        return Interval.of(domain)[:2]
    scores = np.concatenate([example_batch(loss, seed)[0].reshape(-1) for seed in range(5)])
    if np.any(scores < 0):
        return -np.inf, np.inf
    return (0.0, 1.0) if np.all(scores <= 1) else (0.0, np.inf)


def extreme_scores(loss: Loss, shape: tuple[int, ...]) -> HostArray:
    """Random extreme scores: +-1e4, or 1e-30 and 1 for probabilities; smaller for the link "exponential"."""
    far = STEEPEST if loss.link == "exponential" else FAR
    low, high = score_bounds(loss)
    high = min(high, far)
    low = TINY if low == 0 else max(low, -far)
    return np.where(np.random.default_rng(2).normal(size=shape) > 0, high, low)


def example_labels(loss: Loss, rows: int) -> Any:
    """Labels for the loss: numbers as in its example if it can encode them, by field if it has any; class numbers."""
    scores, target = example_batch(loss, 1)
    y: HostArray = np.resize(target, (rows, *target.shape[1:]))
    if isinstance(loss, Fields):
        return cut_fields(y, loss.target_fields(scores.shape[1]))
    if hasattr(loss, "encode_target"):
        try:
            loss.encode_target(filled(y)[0], {"outputs": scores.shape[1]})
        except ValueError:
            y = np.arange(rows) % max(2, scores.shape[1])
    elif isinstance(loss, ClassTargets):
        numbers = np.resize(np.asarray(loss.target_labels(target), np.int64), rows)
        y = numbers if (order := order_of(loss)) is None else np.array(order)[numbers]
    elif loss.link == "softmax":
        y = np.arange(rows) % scores.shape[1]
    return y


def has_bounded_scores(loss: Loss) -> bool:
    """Whether scores are restricted to an interval."""
    return score_bounds(loss) != (-np.inf, np.inf)


def _inside(z: HostArray, domain: str | None) -> HostArray:
    """Normal numbers (B, C) brought into a domain, away from its ends."""
    if domain is None:
        return z
    if domain in (SIMPLEX, SIMPLICES):
        return np.asarray(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))
    low, high, *_ = Interval.of(domain)
    if np.isfinite(low) and np.isfinite(high):
        return low + (high - low) / (1 + np.exp(-z))
    return low + np.exp(z) if np.isfinite(low) else high - np.exp(z)


def _encodes(loss: Loss) -> bool:
    return loss.link == "identity" and hasattr(loss, "encode_target")
