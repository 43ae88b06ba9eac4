"""The confusion matrix: how many rows of each class are predicted as each.  N rows, C classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bpframe.errors import ConfigError, DataError, ShapeError
from bpframe.plot.canvas import canvas
from bpframe.plot.label_text import label_text
from bpframe.plot.theme import ThemeName, readable_on
from bpframe.types import HostArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_WRITTEN = 25  # classes whose entries are written into their cells


def confusion_counts(
    true: ArrayLike,
    predicted: ArrayLike,
    labels: Sequence[Any] | None = None,
    sample_weight: ArrayLike | None = None,
) -> tuple[HostArray, HostArray]:
    """(counts, labels): counts (C, C), rows of class i that are predicted as class j, or the sum of their weights.

    `labels` (C,): those in `true` and `predicted` (N,), sorted, or the given ones in that order, which must be all.
    """
    given = [np.asarray(array).reshape(-1) for array in (true, predicted)]
    if len(given[0]) != len(given[1]):
        raise ShapeError(f"A confusion matrix needs a prediction for each row, got {len(given[1])} of {len(given[0])}.")
    if not len(given[0]):
        raise DataError("A confusion matrix needs rows, got none.")
    names = np.unique(np.concatenate(given)) if labels is None else np.asarray(labels)
    number = {name: i for i, name in enumerate(names.tolist())}
    if unknown := {*np.concatenate(given).tolist()} - {*number}:
        raise ConfigError(f"A confusion matrix needs all labels, got rows of '{min(map(str, unknown))}' besides.")
    weight = np.ones(len(given[0])) if sample_weight is None else np.asarray(sample_weight, dtype=float).reshape(-1)
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, tuple([number[label] for label in array.tolist()] for array in given), weight)
    return counts, names


def confusion_matrix(
    true: ArrayLike,
    predicted: ArrayLike,
    *,
    labels: Sequence[Any] | None = None,
    normalize: bool = False,
    sample_weight: ArrayLike | None = None,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """The labels (N,) that rows have against those (N,) that are predicted: a cell for each pair that occurs.

    The colour of a cell is the share of the rows of its class, so that rare classes can be read; in it stands the
    number of rows, or, with `normalize`, that share. `labels`: all classes in the order to show.
    """
    counts, names = confusion_counts(true, predicted, labels, sample_weight)
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    side = 2.6 + 0.42 * min(len(names), 20)
    with canvas(ax, theme, (side + 0.6, side)) as (ax, chosen):
        image = ax.imshow(share, cmap=chosen.shares, vmin=0, vmax=1)
        if len(names) <= MOST_WRITTEN:
            _write(ax, counts, share, normalize, image)
        ticks = range(len(names))
        texts = [label_text(name) for name in names]
        ax.set_xticks(ticks, texts, rotation=90 if max(map(len, texts)) > 3 else 0)
        ax.set_yticks(ticks, texts)
        ax.set_xlabel("predicted")
        ax.set_ylabel("true")
        ax.grid(visible=False)
        ax.figure.colorbar(image, ax=ax, label="share of the class")
    return ax


def _write(ax: Axes, counts: HostArray, share: HostArray, normalize: bool, image: Any) -> None:
    for (i, j), count in np.ndenumerate(counts):
        if not count:
            continue
        text = f"{share[i, j]:.2f}" if normalize else f"{count:g}"
        colour = readable_on(*image.cmap(share[i, j])[:3])
        ax.text(j, i, text, ha="center", va="center", color=colour, fontsize="small")
