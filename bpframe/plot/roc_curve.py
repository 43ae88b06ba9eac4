"""The ROC curve: the share of positive rows found over that of negative rows taken for them.  N rows, C classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bpframe.errors import DataError, ShapeError
from bpframe.plot.canvas import canvas
from bpframe.plot.label_text import label_text
from bpframe.plot.theme import DASHES, ThemeName
from bpframe.types import HostArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def roc_points(
    positive: ArrayLike, score: ArrayLike, sample_weight: ArrayLike | None = None
) -> tuple[HostArray, HostArray]:
    """(false, true) positive rates, from (0, 0) to (1, 1), as the threshold on the scores (N,) falls.

    `positive` (N,): whether a row is one. Rows of equal score pass the threshold together. DataError where all or none
    are positive.
    """
    truth, value = np.asarray(positive, dtype=bool).reshape(-1), np.asarray(score, dtype=float).reshape(-1)
    if len(truth) != len(value):
        raise ShapeError(f"A ROC curve needs a score for each row, got {len(value)} of {len(truth)}.")
    weight = np.ones(len(value)) if sample_weight is None else np.asarray(sample_weight, dtype=float).reshape(-1)
    order = np.argsort(-value, kind="stable")
    last = np.append(value[order][1:] != value[order][:-1], True)  # of rows of equal score
    sums = [np.cumsum((weight * chosen)[order])[last] for chosen in (~truth, truth)]
    if not all(total[-1] > 0 for total in sums):
        raise DataError("A ROC curve needs positive and negative rows, got those of one class alone.")
    false, true = (np.concatenate([[0.0], total / total[-1]]) for total in sums)
    return false, true


def roc_curve(
    y: ArrayLike,
    score: ArrayLike,
    *,
    labels: Sequence[Any] | None = None,
    sample_weight: ArrayLike | None = None,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """The ROC curve of labels y (N,) and scores: (N,) or (N, 1) of the second of two classes, or (N, C) of all.

    Of C classes, more than two, a curve for each against all others. The legend has the area under each curve: the
    probability that a positive row has a greater score than a negative one. `labels`: those of the columns in order, by
    default those in y, sorted.
    """
    truth, value = np.asarray(y).reshape(-1), np.asarray(score, dtype=float)
    value = value.reshape(len(value), -1)
    names = np.unique(truth) if labels is None else np.asarray(labels)
    if value.shape[1] == 1:
        value = np.concatenate([-value, value], axis=1)
    if value.shape[1] != len(names):
        raise ShapeError(f"A ROC curve needs a column of scores for each of {len(names)} labels, got {value.shape}.")
    shown = [1] if len(names) == 2 else range(len(names))
    with canvas(ax, theme, (4.4, 4.0)) as (ax, chosen):
        ax.plot([0, 1], [0, 1], ":", color=chosen.ink, linewidth=1, label="chance: 0.500")
        for number, i in enumerate(shown):
            false, true = roc_points(truth == names[i], value[:, i], sample_weight)
            dashes = DASHES[(number + number // len(chosen.palette)) % len(DASHES)]
            label = f"{label_text(names[i])}: {np.trapezoid(true, false):.3f}"
            ax.plot(false, true, dashes, color=chosen.colour(number), label=label)
        ax.set_xlabel("share of negative rows taken for positive")
        ax.set_ylabel("share of positive rows found")
        ax.set_aspect("equal")
        ax.legend(title="area under the curve", title_fontsize="small")
    return ax
