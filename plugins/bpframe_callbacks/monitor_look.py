"""A look at some training rows: units that never fire or are saturated, inputs, classes that are missed.

Shapes: r rows, v (r, ..., n) the values of n units, x (r, ..., n) inputs, scores (r, C), target (r, M).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import HostArray, RunState, number_sets

NOTHING = 1e-6  # of a value: below it a unit does not fire
FLAT, MOST_ROWS = 0.05, 0.75  # of the greatest slope; the share of rows in which a saturated unit lies below that
CLASS_ROWS, MOST_CLASSES = 16, 64  # rows of each rare class, of so many classes at most
CHANCE_ROWS = 2048  # of which the loss by chance is made
RECALL, RARE = 0.05, 0.5  # of a class that is missed, and its share of rows over that of equal classes

RareClass = tuple[str, int, float, list[int]]  # label, number, share of the training rows, numbers of some of its rows


@final
@dataclass(frozen=True)
class Look:
    """What one look shows.

    shares: "dead/LAYER" and "saturated/LAYER". deltas: the root mean square of dLoss/du by layer. activations: their
    names by layer. columns: the root mean square of each
    column by name, as it enters `first_layer`, the first with a matrix. missed: (label, share of the training rows)
    of rare classes that are hardly ever predicted.
    """

    shares: dict[str, float]
    deltas: dict[str, float]
    activations: dict[str, str]
    columns: dict[str, float]
    first_layer: str
    missed: list[tuple[str, float]]

    @staticmethod
    def at(state: RunState, rows: HostArray, rare: Sequence[RareClass]) -> Look:
        """The look at training rows of these numbers, those of rare classes among them."""
        record, layers = state.trace(rows), dict(state.trainer.network.layers)
        shares, activations = dict[str, float](), dict[str, str]()
        for layer in record.layers[:-1]:
            phi = getattr(layers.get(layer.name), "activation", None)
            if phi is not None and layer.u is not None:
                activations[layer.name] = _name(phi)
                shares[f"dead/{layer.name}"] = dead_share(layer.v)
                if (share := saturated_share(layer.v, phi)) is not None:
                    shares[f"saturated/{layer.name}"] = share
        first = next((layer for layer in record.layers if _takes_columns(layer)), None)
        columns = {} if first is None else _columns(first.x, state, first is record.layers[0])
        missed = missed_classes(rare, rows, record.prediction)
        name = "" if first is None else first.name
        return Look(shares, _sizes(record.layers), activations, columns, name, missed)


def dead_share(v: HostArray) -> float:
    """The share of units whose value is 0 in every row."""
    return float(np.mean((np.abs(_by_unit(v)) < NOTHING).all(axis=0)))


def saturated_share(v: HostArray, phi: Any) -> float | None:
    """The share of units on an end of their activation in most rows; None where phi(u) does not have two ends."""
    if not hasattr(phi, "derivative") or not _has_two_ends(getattr(phi, "range", None)):
        return None
    values = _by_unit(v)
    greatest = phi.derivative(phi.value(np.linspace(-8.0, 8.0, 257).astype(v.dtype))).max()
    flat = (phi.derivative(values) < FLAT * greatest) & (np.abs(values) > NOTHING)
    return float(np.mean(flat.mean(axis=0) > MOST_ROWS))


def rare_classes(state: RunState) -> list[RareClass]:
    """Classes that are much rarer than others, with some of their rows."""
    classes, data = class_numbers(state), state.data
    if classes is None or data is None:
        return []
    counts = np.bincount(classes, minlength=max(state.trainer.task.outputs, 2))
    shares = counts / len(classes)
    rare = np.flatnonzero((counts >= CLASS_ROWS // 2) & (shares < RARE / len(counts)))[:MOST_CLASSES]
    labels = state.trainer.task.labels(_scores_of_classes(len(counts), state.trainer.task.outputs, data.x.dtype))
    rows = training_rows(state)
    found = [spaced(rows[classes[rows] == c], CLASS_ROWS).tolist() for c in rare]
    return [(str(labels[c]), int(c), float(shares[c]), own) for c, own in zip(rare, found, strict=True)]


def training_rows(state: RunState) -> HostArray:
    """The numbers of rows that count."""
    assert state.data is not None
    return np.arange(len(state.data.x)) if state.data.mask is None else np.flatnonzero(state.data.mask)


def missed_classes(rare: Sequence[RareClass], rows: HostArray, prediction: HostArray) -> list[tuple[str, float]]:
    """(label, share of the training rows) of rare classes that are hardly ever predicted for their own rows."""
    if not rare:
        return []
    found = prediction.argmax(axis=1) if prediction.shape[1] > 1 else (prediction[:, 0] > 0.5).astype(int)
    right = {c: np.mean(found[np.isin(rows, own)] == c) for _, c, _, own in rare}
    return [(label, share) for label, c, share, _ in rare if right[c] <= RECALL]


def chance_loss(state: RunState) -> float | None:
    """The loss of the best prediction that is the same for every row; None where it is not known."""
    task, data = state.trainer.task, state.data
    if data is None or data.target.ndim != 2 or task.heads:
        return None
    target = data.target[spaced(np.arange(len(data.target)), CHANCE_ROWS)]
    classes = class_numbers(state)
    if task.loss.link == "identity" and target.shape[1] == task.outputs and not task.classes:
        scores = target.mean(axis=0)
    elif classes is not None:
        shares = np.maximum(np.bincount(classes, minlength=max(task.outputs, 2)) / len(classes), NOTHING)
        scores = np.log(shares) if task.outputs > 1 else np.log(shares[1:2] / shares[0])
    else:
        return None
    constant = np.repeat(scores[None], len(target), axis=0).astype(data.x.dtype)
    loss = float(task.cost.mean_and_delta(constant, target, 1 / len(target))[0])
    return loss if np.isfinite(loss) and loss > 0 else None


def _scores_of_classes(number: int, outputs: int, dtype: Any) -> HostArray:
    """Scores whose labels are those of the classes in order."""
    return np.eye(number, dtype=dtype) if outputs > 1 else np.array([[-1.0], [1.0]], dtype)


def class_numbers(state: RunState) -> HostArray | None:
    """(N,) the class of each training row, where there is one a row."""
    task, data = state.trainer.task, state.data
    one = task.loss.link == "softmax" or (task.loss.link == "sigmoid" and task.outputs == 1)
    if data is None or not one or task.heads or not task.classes or data.target.ndim != 2:
        return None
    numbers = data.target[:, 0] if data.target.shape[1] == 1 else data.target.argmax(axis=1)
    return None if np.isnan(data.target).any() else np.round(numbers).astype(int)


def _by_unit(v: HostArray) -> HostArray:
    """(rows, n): positions count as rows."""
    return v.reshape(-1, v.shape[-1])


def _has_two_ends(text: str | None) -> bool:
    if text is None or text in (number_sets.SIMPLEX, number_sets.SIMPLICES):
        return False
    interval = number_sets.Interval.of(text)
    return bool(np.isfinite(interval.low) and np.isfinite(interval.high))


def _sizes(layers: Sequence[Any]) -> dict[str, float]:
    deltas = {layer.name: layer.delta for layer in layers if layer.delta is not None and layer.w is not None}
    sizes = {name: float(np.sqrt(np.mean(np.square(delta, dtype=np.float64)))) for name, delta in deltas.items()}
    return {name: size for name, size in sizes.items() if np.isfinite(size)}


def _takes_columns(layer: Any) -> bool:
    """Whether a layer multiplies the last axis of its inputs with a matrix."""
    return layer.w is not None and layer.w.ndim > 1 and layer.x.ndim > 1 and layer.x.shape[-1] == layer.w.shape[-2]


def _columns(x: HostArray, state: RunState, raw: bool) -> dict[str, float]:
    sizes = np.sqrt(np.mean(np.square(_by_unit(x), dtype=np.float64), axis=0))
    names: Mapping[int, str] | Any = state.trainer.task.columns if raw and x.ndim == 2 else None
    names = names or [str(i) for i in range(len(sizes))]
    return dict(zip(names, sizes.tolist(), strict=True))


def _name(activation: Any) -> str:
    return type(activation).__name__.lower()


def spaced(rows: HostArray, count: int) -> HostArray:
    """At most so many of the rows, evenly spaced."""
    chosen: HostArray = rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)]
    return chosen
