"""The reliability diagram: how often what is predicted with a probability comes true.  N rows, C classes, B bins."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bpframe.errors import ConfigError, DataError, ShapeError
from bpframe.plot.canvas import canvas
from bpframe.plot.label_text import label_text
from bpframe.plot.theme import ThemeName
from bpframe.types import HostArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Z = 1.959963984540054  # of the normal distribution, for intervals of 95%


class Calibration(NamedTuple):
    """Bins that hold rows, in order: mean probability, share that came true, its 95% interval, and number of rows.

    `error`: the expected calibration error, sum_b rows_b / N |probability_b - share_b|.
    Source: of the error, Naeini, Cooper and Hauskrecht (2015); of the interval, Wilson (1927).
    """

    probability: HostArray
    share: HostArray
    low: HostArray
    high: HostArray
    rows: HostArray
    error: float


def calibration(true: ArrayLike, probability: ArrayLike, bins: int = 10) -> Calibration:
    """The calibration of probabilities (N,) of what came true (N,) or not, in `bins` of equal width over 0 .. 1."""
    came, p = np.asarray(true, dtype=float).reshape(-1), np.asarray(probability, dtype=float).reshape(-1)
    if len(came) != len(p):
        raise ShapeError(f"A reliability diagram needs a probability for each row, got {len(p)} of {len(came)}.")
    if not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise DataError("A reliability diagram needs probabilities between 0 and 1, got others or none.")
    if bins < 1:
        raise ConfigError(f"A reliability diagram needs a bin at least, got {bins}.")
    number = np.minimum((p * bins).astype(int), bins - 1)
    rows = np.bincount(number, minlength=bins)
    kept = rows > 0
    n = rows[kept]
    mean, share = (np.bincount(number, weights=value, minlength=bins)[kept] / n for value in (p, came))
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * np.sqrt(share * (1 - share) / n + (Z / (2 * n)) ** 2)
    error = math.fsum(n / len(p) * np.abs(mean - share))
    return Calibration(mean, share, middle - half, middle + half, n, error)


def reliability_diagram(
    y: ArrayLike,
    probability: ArrayLike,
    *,
    bins: int = 10,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """How often rows come true over the probability that was predicted: on the diagonal, a model is calibrated.

    y (N,) labels. `probability`: (N,) or (N, 1), that of the second of two labels, or (N, C), of each label in sorted
    order: then that of the class which is predicted is compared with how often it is right. Bars are 95% intervals; the
    grey columns below show where the rows are. The title has the expected calibration error.
    """
    truth, p = np.asarray(y).reshape(-1), np.asarray(probability, dtype=float)
    p = p.reshape(len(p), -1)
    names = np.unique(truth)
    if p.shape[1] > 1 and p.shape[1] != len(names):
        raise ShapeError(f"A reliability diagram needs a probability for each of {len(names)} labels, got {p.shape}.")
    if p.shape[1] <= 2:
        came, value, what = truth == names[-1], p[:, -1], f"probability of {label_text(names[-1])}"
    else:
        came, value, what = truth == names[p.argmax(axis=1)], p.max(axis=1), "probability of the predicted class"
    found = calibration(came, value, bins)
    with canvas(ax, theme, (4.4, 4.0)) as (ax, chosen):
        edges = np.linspace(0, 1, bins + 1)
        held, _ = np.histogram(value, edges)
        ax.bar(edges[:-1], 0.25 * held / held.max(), 1 / bins, align="edge", color=chosen.faint, label="rows")
        ax.plot([0, 1], [0, 1], ":", color=chosen.ink, linewidth=1, label="calibrated")
        errors = np.maximum([found.share - found.low, found.high - found.share], 0)
        ax.errorbar(found.probability, found.share, errors, fmt="o-", color=chosen.colour(0), capsize=2, label="model")
        ax.set_xlabel(what)
        ax.set_ylabel("share that came true")
        ax.set_title(f"expected calibration error {found.error:.3f}")
        ax.legend()
    return ax
