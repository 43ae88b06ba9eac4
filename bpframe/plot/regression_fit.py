"""The fit of a regression over one input, with bands between quantiles.  N rows, n inputs, Q quantiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bpframe.errors import ConfigError, ShapeError
from bpframe.plot.canvas import canvas
from bpframe.plot.input_rows import InputRows, require_function
from bpframe.plot.theme import Theme, ThemeName
from bpframe.types import HostArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 300  # of the curve


def regression_fit(
    predict: Callable[[Any], Any],
    x: Any,
    y: ArrayLike,
    *,
    input: int | str = 0,
    quantiles: Sequence[float] | None = None,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """Rows x (N, n) with their y (N,) over one input, and what `predict` gives along it.

    `predict` takes rows and gives a number a row, or, with `quantiles`, one for each of them (N, Q): bands between each
    lower and upper quantile that leave out as much, and the line of the median. `input`: the column, by number or name;
    all others stay at their medians.
    """
    require_function("regression_fit", predict)
    rows, truth = InputRows(x), np.asarray(y, dtype=float).reshape(-1)
    if len(truth) != len(rows.values):
        raise ShapeError(f"regression_fit needs a y for each of {len(rows.values)} rows, got {len(truth)}.")
    along = rows.along(input, POINTS)
    answer = np.asarray(predict(rows.at({input: along})), dtype=float).reshape(POINTS, -1)
    levels = _levels(quantiles, answer.shape[1])
    with canvas(ax, theme) as (ax, chosen):
        ax.plot(
            rows.values[:, rows.number(input)], truth, "o", color=chosen.ink, alpha=0.45, markersize=3, label="rows"
        )
        _draw(ax, along, answer, levels, chosen)
        ax.set_xlabel(rows.name(input))
        ax.set_ylabel("y")
        ax.legend()
    return ax


def _levels(quantiles: Sequence[float] | None, columns: int) -> HostArray:
    """The quantile of each column of predictions; ConfigError where there are not as many."""
    if quantiles is None and columns == 1:
        return np.array([np.nan])
    levels = np.asarray(() if quantiles is None else quantiles, dtype=float)
    if len(levels) != columns or not ((levels > 0) & (levels < 1)).all():
        got = "none" if quantiles is None else levels.tolist()
        raise ConfigError(f"regression_fit needs a quantile in (0, 1) for each of {columns} predictions, got {got}.")
    return levels


def _draw(ax: Axes, along: HostArray, answer: HostArray, levels: HostArray, theme: Theme) -> None:
    colour, order = theme.colour(0), np.argsort(levels)
    pairs = [(low, high) for low, high in zip(order, order[::-1], strict=True) if levels[low] < levels[high]]
    for low, high in pairs:
        label = f"quantiles {levels[low]:g} to {levels[high]:g}"
        ax.fill_between(along, answer[:, low], answer[:, high], color=colour, alpha=0.22, linewidth=0, label=label)
    if len(levels) % 2:
        middle = order[len(order) // 2]
        name = "prediction" if np.isnan(levels[middle]) else f"quantile {levels[middle]:g}"
        ax.plot(along, answer[:, middle], color=colour, label=name)
