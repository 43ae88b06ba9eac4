"""Training curves: loss, metrics and learning rate over epochs, of one run or of several, the best epoch marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bpframe.errors import ConfigError
from bpframe.plot.canvas import canvas, panels
from bpframe.plot.curve_lines import PARTS, Curves, Line, draw_lines, lines_of, names_of, values_of
from bpframe.plot.label_text import label_text
from bpframe.plot.theme import ThemeName

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COUNTS = ("epoch", "step", "seconds")  # columns of a history that count what was done
LOG_RATIO = 50.0  # from the least to the greatest value of a curve, from which a logarithmic axis helps


def training_curves(
    runs: Curves | Mapping[str, Curves | Sequence[Curves]],
    curve: str = "loss",
    *,
    x: Literal["epoch", "step", "seconds"] = "epoch",
    best: str | None = None,
    log: bool | None = None,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """One curve over epochs: that of validation solid, that of training dashed; the axes that it is drawn on.

    `runs`: a History, or any mapping from names of curves to values, or several by their labels; in the place of one a
    list of them, runs of one config with different seeds, which are drawn as their mean and its 95% interval.
    `curve`: "loss", "accuracy", ..., of every part that has it, or the whole name of a column, "validation.loss", "lr".
    What callbacks measure by layer, "gradient_norm", has a line for each, where one run is drawn.
    `best`: the curve whose least value marks the best epoch, or greatest if "-" stands before it; left out,
    validation.loss, or train.loss where nothing is validated. `log`: a logarithmic y axis; left out, where the values
    are above 0 and the greatest is 50 times the least.
    """
    labelled = _labelled(runs)
    lines = list(lines_of(labelled, curve, x, best))
    if not lines:
        names = dict.fromkeys(name for several in labelled.values() for one in several for name in names_of(one))
        raise ConfigError(f"A plot needs a curve that was recorded, got {curve!r}. There are: {', '.join(names)}.")
    with canvas(ax, theme) as (ax, chosen):
        if log if log is not None else _spans(lines):
            ax.set_yscale("log")
        draw_lines(ax, lines, chosen)
        ax.set_xlabel(x if x != "seconds" else "seconds of training")
        ax.set_ylabel(label_text({"lr": "learning rate"}.get(curve, curve)))
        if x != "seconds":
            ax.locator_params(axis="x", integer=True)
    return ax


def training_panels(
    runs: Curves | Mapping[str, Curves | Sequence[Curves]],
    curves: Sequence[str] | None = None,
    *,
    x: Literal["epoch", "step", "seconds"] = "epoch",
    best: str | None = None,
    log: bool | None = None,
    axes: Sequence[Axes] | None = None,
    theme: ThemeName | None = None,
) -> list[Axes]:
    """A panel for each curve, as `training_curves` draws it; by default for all that were recorded, and the rate.

    Left out, unless they are named: a column that is the same in all epochs, as a constant rate is, the objective where
    there are no penalties, and of several runs what is measured by layer.
    """
    labelled = _labelled(runs)
    shown = list(curves) if curves is not None else _recorded(labelled)
    if not shown:
        raise ConfigError("A plot needs a curve that was recorded, got none.")
    with panels(len(shown), axes, theme) as (drawn, _):
        for curve, ax in zip(shown, drawn, strict=True):
            training_curves(labelled, curve, x=x, best=best, log=log, ax=ax, theme=theme)
    return drawn


def _labelled(runs: Any) -> dict[str, list[Curves]]:
    """Lists of runs by label; the label of one run alone is ""."""
    if not isinstance(runs, Curves):
        raise ConfigError(f"A plot needs a History, or a mapping of some by their labels, got {type(runs).__name__}.")
    names = list(runs.keys())
    first = runs[names[0]] if names else ()
    first = first[0] if isinstance(first, list | tuple) and len(first) else first
    found = {str(name): runs[name] for name in names} if isinstance(first, Curves) else {"": runs}
    return {name: list(one) if isinstance(one, list | tuple) else [one] for name, one in found.items()}


def _recorded(labelled: Mapping[str, Sequence[Curves]]) -> list[str]:
    """The short names of all curves, loss first and the rate last, but for those that say nothing."""
    histories = [history for several in labelled.values() for history in several]
    names = dict.fromkeys(name for history in histories for name in names_of(history))
    short = dict.fromkeys(name.partition(".")[2] for name in names if name.partition(".")[0] in PARTS)
    if len(histories) == 1:
        short = dict.fromkeys(name.partition("/")[0] for name in short)  # a panel has a line for each layer
    else:
        short = dict.fromkeys(name for name in short if "/" not in name)
    if all(_same(history, "train.objective", "train.loss") for history in histories):
        short.pop("objective", None)
    others = [name for name in names if name not in COUNTS and name.partition(".")[0] not in PARTS]
    return [*short, *(name for name in others if any(_varies(history, name) for history in histories))]


def _same(history: Curves, one: str, other: str) -> bool:
    names = names_of(history)
    return one not in names or (other in names and np.array_equal(values_of(history, one), values_of(history, other)))


def _varies(history: Curves, name: str) -> bool:
    return name in names_of(history) and len(set(values_of(history, name).tolist())) > 1


def _spans(lines: Sequence[Line]) -> bool:
    """Whether the values ask for a logarithmic axis."""
    values = np.concatenate([line.band.mean for line in lines])
    values = values[np.isfinite(values)]
    return bool(len(values) and values.min() > 0 and values.max() >= LOG_RATIO * values.min())
