"""The worst rows of a model: those of the largest loss, for reports that may show rows.

Shapes: x (N, n) or (N, ...).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, final

import numpy as np

from bpframe.data.columns import NamedRows
from bpframe.report.scored_rows import ScoredRows
from bpframe.types import HostArray, Shape

MOST = 12
MOST_VALUES = 40  # of a row that is no image


@final
@dataclass(frozen=True)
class WorstRow:
    """A row by its `number`, from 0, in its part; `image` (H, W) or (H, W, 3) where it is one, else its `values`."""

    number: int
    loss: float
    actual: str
    predicted: str
    values: tuple[tuple[str, str], ...] = ()
    image: HostArray | None = None


def worst_rows(rows: ScoredRows, x: Any, y: Any) -> tuple[WorstRow, ...]:
    """The rows of the largest losses, the worst first; none where the loss couples rows, or has heads."""
    losses = rows.row_losses()
    if losses is None or rows.trainer.task.heads:
        return ()
    order = np.argsort(-losses, kind="stable")[:MOST]
    trainer, values = rows.trainer, x.values if isinstance(x, NamedRows) else np.asarray(x)
    chosen = x[order]
    predicted: Any = trainer.predict_labels(chosen) if trainer.task.classes else trainer.predict(chosen)
    return tuple(_worst_row(rows, values, i, float(losses[i]), y[i], predicted[k]) for k, i in enumerate(order))


def _worst_row(rows: ScoredRows, values: HostArray, i: int, loss: float, actual: Any, predicted: Any) -> WorstRow:
    image = as_image(values[i], image_shape(rows))
    cells = () if image is not None else tuple(zip(rows.columns, map(_text, values[i].reshape(-1)), strict=False))
    return WorstRow(int(i), loss, _text(actual), _text(predicted), cells[:MOST_VALUES], image)


def image_shape(rows: ScoredRows) -> Shape | None:
    """The shape in which rows are images: their own, or one that the first layers give to their numbers; else None."""
    shape: Shape = rows.data.x.shape[1:]
    for _, layer in rows.trainer.network.layers:
        if len(shape) != 1:
            break
        _, after = layer.init(np.random.default_rng(0), shape)
        if prod(after) != prod(shape):
            break
        shape = after
    return shape if len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3)) else None


def as_image(row: HostArray, shape: Shape | None) -> HostArray | None:
    """(H, W) or (H, W, 3) numbers 0 to 255 of a row, from its least to its most; None for no shape."""
    if shape is None or row.size != np.prod(shape):
        return None
    pixels = np.asarray(row, dtype=float).reshape(shape)
    pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels
    span = float(pixels.max() - pixels.min())
    return np.asarray((pixels - pixels.min()) / (span or 1.0) * 255).astype(np.uint8)


def _text(value: Any) -> str:
    """A number in four digits, a label as it is; of several numbers each."""
    if isinstance(value, np.ndarray):
        return ", ".join(map(_text, value.reshape(-1)[:5]))
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
