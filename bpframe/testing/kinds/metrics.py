"""The laws of metrics.  prediction and target (B, C) or, of labels, (B,), weight (B,).

Predictions are probabilities of three classes and targets one-hot rows, which suit regression too, unless the metric
has `example(rng) -> (prediction, target)`. One that ranks rows says `counts_rows = False`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np

from bpframe.protocols import Metric, RowSums
from bpframe.protocols.traits import better, compares, counts_rows
from bpframe.registry.of_fields import cut_fields
from bpframe.testing.laws.comparison import require, require_close
from bpframe.testing.laws.purity import call_read_only, determinism_check
from bpframe.testing.report import Check
from bpframe.types import HostArray

ROWS, CLASSES = 24, 3
Rows = tuple[HostArray, HostArray, HostArray]


def metric_checks(metric: Metric) -> dict[str, Check]:
    """The checks by name."""
    metric, rows = _example(metric)
    return {
        "values": partial(_values, metric, rows),
        "weights": partial(_weights, metric, rows),
        "order": partial(_order, metric, rows),
        "zero weight": partial(_zero_weight, metric, rows),
        "best": partial(_best, metric, rows),
        "float32": partial(_float32, metric, rows),
        **({"sums": partial(_sums, metric, rows)} if isinstance(metric, RowSums) else {}),
        "purity": partial(call_read_only, "value", metric.value, *rows),
        "determinism": partial(determinism_check(metric), lambda: np.array(metric.value(*rows))),
    }


@final
@dataclass(frozen=True)
class _OfOneArray:
    """A metric of fields as one of targets (B, M) in which they stand side by side."""

    metric: Any
    widths: dict[str, int]

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """As the metric."""
        made: float = self.metric.value(prediction, cut_fields(target, self.widths), weight)
        return made

    def __getattr__(self, name: str) -> Any:
        return getattr(self.metric, name)


def _example(metric: Metric) -> tuple[Any, Rows]:
    """(the metric, rows); of one of fields, a metric of one array."""
    example = metric.example(np.random.default_rng(0)) if hasattr(metric, "example") else None
    if example is None or not isinstance(example[1], Mapping):
        return metric, metric_rows(metric)
    prediction, fields = example
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(prediction))
    widths = {name: part.shape[1] for name, part in fields.items()}
    return _OfOneArray(metric, widths), (np.asarray(prediction), np.hstack(list(fields.values())), weight)


def metric_rows(metric: Metric) -> Rows:
    """(prediction, target, weight)."""
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 2.0, ROWS)
    if hasattr(metric, "example"):
        prediction, target = metric.example(rng)
        return np.asarray(prediction), np.asarray(target), np.resize(weight, len(target))
    labels = rng.integers(0, CLASSES, ROWS)
    if compares(metric) == "labels":
        return np.where(rng.uniform(size=ROWS) < 0.6, labels, rng.integers(0, CLASSES, ROWS)), labels, weight
    e = np.exp(rng.normal(size=(ROWS, CLASSES)) + np.eye(CLASSES)[labels])
    return e / e.sum(axis=1, keepdims=True), np.eye(CLASSES)[labels], weight


def _value(metric: Metric, rows: Rows) -> HostArray:
    return np.array(metric.value(*rows))


def _values(metric: Metric, rows: Rows) -> None:
    """A finite float; `of` and `best` have one of their allowed values."""
    value = metric.value(*rows)
    require(isinstance(value, float) and np.isfinite(value), f"the value must be a finite float, got {value!r}")
    best, of = better(metric) or "max", compares(metric)
    require(best in ("min", "max"), f'best must be "min" or "max", got {best!r}')
    require(
        of in ("predictions", "log_odds", "labels"), f'of must be "predictions", "log_odds" or "labels", got {of!r}'
    )


def _weights(metric: Metric, rows: Rows) -> None:
    """Only ratios of weights count, and a row of weight 2 counts as two rows, unless the metric says otherwise."""
    prediction, target, weight = rows
    require_close(
        "the value with every weight tripled",
        _value(metric, (prediction, target, 3 * weight)),
        _value(metric, rows),
        1e-12,
    )
    if not counts_rows(metric):
        return
    counts = np.arange(len(weight)) % 3 + 1
    repeated = prediction.repeat(counts, axis=0), target.repeat(counts, axis=0), np.ones(counts.sum())
    counted = prediction, target, counts.astype(np.float64)
    require_close("the value of repeated rows", _value(metric, repeated), _value(metric, counted), 1e-12, 1e-14)


def _order(metric: Metric, rows: Rows) -> None:
    """The order of rows does not matter."""
    order = np.random.default_rng(1).permutation(len(rows[2]))
    mixed = rows[0][order], rows[1][order], rows[2][order]
    require_close("the value of rows in another order", _value(metric, mixed), _value(metric, rows), 1e-12, 1e-14)


def _zero_weight(metric: Metric, rows: Rows) -> None:
    """A row of weight 0 changes nothing, whatever its values are."""
    prediction, target, weight = rows
    weight = weight.copy()
    weight[1] = 0.0
    without = np.delete(prediction, 1, 0), np.delete(target, 1, 0), np.delete(weight, 1, 0)
    require_close(
        "the value with a row of weight 0",
        _value(metric, (prediction, target, weight)),
        _value(metric, without),
        1e-12,
        1e-14,
    )


def _best(metric: Metric, rows: Rows) -> None:
    """Predictions equal to the targets are not worse than others."""
    prediction, target, weight = rows
    if prediction.shape != target.shape:
        return
    perfect, value = metric.value(target, target, weight), metric.value(*rows)
    right = perfect <= value if better(metric) == "min" else perfect >= value
    require(right, f"best says that the {metric.best} is better, but {perfect} of perfect predictions against {value}")


def _sums(metric: RowSums, rows: Rows) -> None:
    """From sums of weighted row values follows the value: of all rows, of one, of all others."""
    for some in (slice(None), slice(1), slice(1, None)):
        prediction, target, weight = (part[some] for part in rows)
        values = np.asarray(call_read_only("row_values", metric.row_values, prediction, target), np.float64)
        require(
            values.ndim in (1, 2) and len(values) == len(weight),
            f"row_values must give numbers for each of {len(weight)} rows, got shape {values.shape}",
        )
        made = metric.value_of_sums(weight @ values.reshape(len(values), -1), target, weight)
        require(isinstance(made, float), f"value_of_sums must give a float, got {made!r}")
        whole: Any = metric
        require_close("the value of sums", np.array(made), _value(whole, (prediction, target, weight)), 1e-9, 1e-12)


def _float32(metric: Metric, rows: Rows) -> None:
    """Predictions and targets in float32 give what float64 gives."""
    if compares(metric) == "labels":
        return
    single = rows[0].astype(np.float32), rows[1].astype(np.float32), rows[2]
    value = metric.value(*single)
    require(isinstance(value, float), f"the value of float32 arrays must be a float, got {value!r}")
    require_close("the value in float32", np.array(value), _value(metric, rows), 1e-5, 1e-6)
