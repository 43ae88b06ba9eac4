"""Decision regions: what a model predicts over the plane of two inputs.  N rows, n inputs, C classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bpframe.errors import ConfigError, ShapeError
from bpframe.plot.canvas import canvas
from bpframe.plot.input_rows import InputRows, require_function
from bpframe.plot.label_text import label_text
from bpframe.plot.theme import MARKERS, Theme, ThemeName
from bpframe.types import HostArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARGIN = 0.08  # of the range of the rows, around them


class Regions(NamedTuple):
    """A grid over two inputs, and the class of each point with how sure the prediction is, or a number.

    across (G,), up (G,); number (G, G) of the class, or None for quantities; value (G, G): the probability of that
    class, 1 where labels are predicted, or the quantity. labels (C,).
    """

    across: HostArray
    up: HostArray
    number: HostArray | None
    value: HostArray
    labels: HostArray


def decision_regions(
    predict: Callable[[Any], Any],
    x: Any,
    y: ArrayLike | None = None,
    *,
    inputs: Sequence[int | str] = (0, 1),
    labels: Sequence[Any] | None = None,
    resolution: int = 200,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """What `predict` gives over the plane of two inputs, around the rows x (N, n), which are drawn by their y (N,).

    `predict` takes rows and gives labels (N,) (`trainer.predict_labels`), probabilities of C classes (N, C)
    (`trainer.predict`), whose regions are paler where they are less sure, or one number a row: a probability, whose
    line 0.5 is drawn, or a quantity. `inputs`: the two columns, by number or name; all others stay at their medians.
    `labels`: those of the C classes in order, by default those in y, sorted, or 0 .. C - 1. `resolution`: points of the
    grid along a side.
    """
    require_function("decision_regions", predict)
    rows = InputRows(x)
    if len(inputs) != 2 or rows.number(inputs[0]) == rows.number(inputs[1]):
        raise ConfigError(f"decision_regions needs two different inputs, got {tuple(inputs)!r}.")
    truth = None if y is None else np.asarray(y).reshape(-1)
    if truth is not None and len(truth) != len(rows.values):
        raise ShapeError(f"decision_regions needs a y for each of {len(rows.values)} rows, got {len(truth)}.")
    found = _regions(predict, rows, inputs, truth if labels is None else np.asarray(labels), resolution)
    with canvas(ax, theme, (5.0, 4.2)) as (ax, chosen):
        _fill(ax, found, chosen)
        if truth is not None:
            _points(ax, rows.values[:, [rows.number(one) for one in inputs]], truth, found, chosen)
        ax.set_xlabel(rows.name(inputs[0]))
        ax.set_ylabel(rows.name(inputs[1]))
        ax.grid(visible=False)
    return ax


def _regions(
    predict: Callable[[Any], Any], rows: InputRows, inputs: Sequence[int | str], labels: HostArray | None, size: int
) -> Regions:
    across, up = (rows.along(one, size, MARGIN) for one in inputs)
    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    answer = np.asarray(predict(rows.at(dict(zip(inputs, points.T, strict=True)))))
    if answer.ndim == 2 and answer.shape[1] == 1:
        answer = answer[:, 0]
    if len(answer) != size * size or answer.ndim > 2:
        raise ShapeError(f"decision_regions needs a prediction for each of {size * size} rows, got {answer.shape}.")
    if answer.ndim == 2:
        number, value = answer.argmax(axis=1), answer.max(axis=1)
        names = np.unique(labels) if labels is not None and len(np.unique(labels)) == answer.shape[1] else None
        names = np.arange(answer.shape[1]) if names is None else names
    elif answer.dtype.kind == "f":
        return Regions(across, up, None, answer.reshape(size, size), np.array([]))
    else:
        names = np.unique(answer if labels is None else np.concatenate([labels, answer]))
        number, value = np.searchsorted(names, answer), np.ones(len(answer))
    return Regions(across, up, number.reshape(size, size), value.reshape(size, size), names)


def _fill(ax: Axes, found: Regions, theme: Theme) -> None:
    from matplotlib.colors import to_rgb

    box = found.across[0], found.across[-1], found.up[0], found.up[-1]
    if found.number is None:
        low, high = found.value.min(), found.value.max()
        probability = low >= 0 and high <= 1
        spread, (least, most) = (theme.diverging, (0, 1)) if probability else (theme.sequential, (low, high))
        image = ax.imshow(found.value, spread, origin="lower", extent=box, aspect="auto", vmin=least, vmax=most)
        ax.figure.colorbar(image, ax=ax)
        if probability and low < 0.5 < high:
            ax.contour(found.across, found.up, found.value, [0.5], colors=["#000000"])
        return
    colours = np.array([to_rgb(theme.colour(i)) for i in range(len(found.labels))])
    least = 1 / max(len(found.labels), 2)
    strength = 0.12 + 0.38 * np.clip((found.value - least) / (1 - least), 0, 1)[..., None]
    mixed = strength * colours[found.number] + (1 - strength) * np.array(to_rgb(theme.background))
    ax.imshow(mixed, origin="lower", extent=box, aspect="auto", interpolation="nearest")
    for i in range(len(found.labels)):
        inside = (found.number == i).astype(float)
        if 0 < inside.mean() < 1:
            ax.contour(found.across, found.up, inside, [0.5], colors=[theme.ink], linewidths=0.8)


def _points(ax: Axes, plane: HostArray, truth: HostArray, found: Regions, theme: Theme) -> None:
    edge: dict[str, Any] = {"edgecolors": theme.background, "linewidths": 0.5, "s": 22}
    if found.number is None and len(np.unique(truth)) > len(MARKERS):
        low, high = found.value.min(), found.value.max()
        ax.scatter(plane[:, 0], plane[:, 1], c=truth, cmap=theme.sequential, vmin=low, vmax=high, **edge)
        return
    known = list(found.labels) if found.number is not None else []
    for i, label in enumerate(np.unique(truth)):
        number = known.index(label) if label in known else i
        chosen = truth == label
        marker, colour = MARKERS[number % len(MARKERS)], theme.colour(number)
        ax.scatter(plane[chosen, 0], plane[chosen, 1], color=colour, marker=marker, label=label_text(label), **edge)
    ax.legend(frameon=True, framealpha=0.8)
