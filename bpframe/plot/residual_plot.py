"""The residual plot: what a regression misses, over what it predicts.  N rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bpframe.errors import DataError, ShapeError
from bpframe.plot.canvas import canvas
from bpframe.plot.theme import ThemeName
from bpframe.types import HostArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = (0.1, 0.5, 0.9)
MOST_BINS = 10
ROWS_OF_A_BIN = 20


def residual_quantiles(prediction: HostArray, residual: HostArray) -> tuple[HostArray, HostArray]:
    """(middle (B,) of the predictions, quantiles (3, B) of the residuals) in up to ten bins of as many rows each."""
    order = np.argsort(prediction, kind="stable")
    parts = np.array_split(order, max(1, min(MOST_BINS, len(order) // ROWS_OF_A_BIN)))
    middle = np.array([np.median(prediction[part]) for part in parts])
    return middle, np.array([np.quantile(residual[part], LEVELS) for part in parts]).T


def residual_plot(
    y: ArrayLike,
    prediction: ArrayLike,
    *,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """The residuals y - prediction (N,) over the predictions (N,): around 0 and alike everywhere, if the model fits.

    The line is their median in bins of as many rows each, the band holds 80% of them. The title has the root of their
    mean square.
    """
    truth, value = (np.asarray(array, dtype=float).reshape(-1) for array in (y, prediction))
    if len(truth) != len(value):
        raise ShapeError(f"A residual plot needs a prediction for each row, got {len(value)} of {len(truth)}.")
    if not len(truth) or not np.isfinite(truth - value).all():
        raise DataError("A residual plot needs finite numbers, got others or none.")
    residual = truth - value
    middle, (low, median, high) = residual_quantiles(value, residual)
    with canvas(ax, theme) as (ax, chosen):
        ax.axhline(0, color=chosen.ink, linewidth=1, linestyle=":")
        ax.plot(value, residual, "o", color=chosen.ink, alpha=0.4, markersize=3, label="rows")
        if len(middle) > 1:
            ax.fill_between(middle, low, high, color=chosen.colour(0), alpha=0.25, linewidth=0, label="80% of the rows")
            ax.plot(middle, median, color=chosen.colour(0), label="median")
        ax.set_xlabel("prediction")
        ax.set_ylabel("y - prediction")
        ax.set_title(f"root mean square {np.sqrt(np.mean(residual**2)):.4g}")
        ax.legend()
    return ax
