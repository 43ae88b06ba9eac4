"""The lines of a panel of training curves: one for each run and part, with the band over its seeds.

T epochs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from bpframe.plot.label_text import label_text
from bpframe.plot.seed_bands import Band, band
from bpframe.plot.theme import MARKERS, Theme
from bpframe.types import HostArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = {"validation": "-", "train": "--"}  # dashes of the curves of each part, of which the first is drawn in front
BEST = "best epoch"
WHOLE = "model"  # the name of what is beside curves of its layers
SEEDS = "mean over seeds and its 95% interval"
MOST_INSIDE = 7  # entries of a legend, from which on it stands beside the panel
BEST_MARKER = "D"
RUN_MARKERS = MARKERS.replace(BEST_MARKER, "")
MARKER_SIZE = 4.5
MARKS = 8  # of a line, by which runs differ in print, too
ROOM = 0.25  # of the range of the lines, that bands may take beyond it
MARGIN = 0.05  # of it, that stays free


@runtime_checkable
class Curves(Protocol):
    """A History, or a mapping from names to values: {"train.loss": [...], "validation.loss": [...]}."""

    def keys(self) -> Any:
        """The whole names of its columns."""

    def __getitem__(self, name: str, /) -> Any:
        """A column, a value an epoch."""


class Line(NamedTuple):
    """One curve of a run, or of several seeds of one config: what its colour stands for, its part, x (T,), band of y.

    `name` is that of the run, or of a layer of one run.
    """

    name: str
    part: str
    x: HostArray
    band: Band
    best: int | None  # index of the best epoch

    @property
    def label(self) -> str:
        """Name and part."""
        return " ".join(filter(None, (self.name, self.part)))


def names_of(history: Curves) -> list[str]:
    """The names of its columns; iteration over a History gives rows."""
    return list(history.keys())


def values_of(history: Curves, name: str) -> HostArray:
    """A column (T,) as numbers, NaN where there is none."""
    return np.array([math.nan if value is None else value for value in history[name]], dtype=float)


def lines_of(runs: Mapping[str, Sequence[Curves]], curve: str, x: str, best: str | None) -> Iterator[Line]:
    """The lines of a curve: those of each part of each run, or of the column of that whole name.

    What one run has of it by layer ("train.gradient_norm/dense_1") has lines, too, beside that of the whole model.
    """
    alone = len(runs) == 1
    for run, histories in runs.items():
        for part, column in [*((part, f"{part}.{curve}") for part in PARTS), ("", curve)]:
            layers = _layers(histories, column) if alone else []
            whole = WHOLE if layers else run
            for name, one in [(whole, column), *((layer, f"{column}/{layer}") for layer in layers)]:
                if held := [history for history in histories if one in names_of(history)]:
                    yield _line(name, part, held, one, x, best if not layers else "")


def _layers(histories: Sequence[Curves], column: str) -> list[str]:
    """The layers, or other parts of a model, for which the column is there."""
    names = dict.fromkeys(name for history in histories for name in names_of(history))
    return [name.removeprefix(f"{column}/") for name in names if name.startswith(f"{column}/")]


def _line(title: str, part: str, histories: Sequence[Curves], name: str, x: str, best: str | None) -> Line:
    longest = max(histories, key=lambda history: len(history[name]))
    known = names_of(longest)
    along = values_of(longest, x) if x in known else np.arange(1.0, len(longest[name]) + 1)
    in_front = part != "train" or not any(other.startswith("validation.") for other in known)
    marked = _best(longest, best) if in_front and len(histories) == 1 else None
    return Line(title, part, along, band([values_of(history, name) for history in histories]), marked)


def _best(history: Curves, best: str | None) -> int | None:
    """The index of the best epoch; None where there is no such curve, or no number in it."""
    known = names_of(history)
    name = ("validation.loss" if "validation.loss" in known else "train.loss") if best is None else best
    sign, name = (-1.0, name[1:]) if name.startswith("-") else (1.0, name)
    if name not in known:
        return None
    values = sign * values_of(history, name)
    return int(np.nanargmin(values)) if np.isfinite(values).any() else None


def draw_lines(ax: Axes, lines: Sequence[Line], theme: Theme) -> None:
    """Draw lines, their bands and best epochs, and a legend where there is more than one thing to tell apart."""
    names = list(dict.fromkeys(line.name for line in lines))
    colours = _colours(len(names), theme)
    dashed = len({line.part for line in lines}) > 1
    for line in lines:
        number = names.index(line.name)
        colour = colours[number]
        x, mean, low, high = _measured(line)
        dashes = PARTS[line.part] if dashed and line.part else "-"
        style = _marks(number, len(names), len(x))
        ax.plot(x, mean, dashes, color=colour, label=label_text(line.label), **style)
        if line.band.runs > 1:
            ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        if line.best is not None and line.best < len(line.x):
            at = line.x[line.best], line.band.mean[line.best]
            style = {"color": colour, "markeredgecolor": theme.background, "markersize": 7}
            ax.plot(*at, BEST_MARKER, label=BEST, zorder=3, **style)
    if any(line.band.runs > 1 for line in lines):
        _limit(ax, lines)
    _legend(ax, lines, names, colours, theme)


def _measured(line: Line) -> tuple[HostArray, ...]:
    """(x, mean, low, high) of the epochs that have a number: what is measured now and then is one line, too."""
    known = ~np.isnan(line.band.mean)
    return line.x[known], line.band.mean[known], line.band.low[known], line.band.high[known]


def _marks(number: int, runs: int, points: int) -> dict[str, Any]:
    """The style of a line's markers: of one of several lines a few, each line's at places of its own."""
    if runs == 1 or points == 1:
        return {"marker": "o" if points == 1 else None}  # a line needs two points
    every = max(1, points // MARKS)
    return {"marker": _marker(number), "markersize": MARKER_SIZE, "markevery": (number * every // runs, every)}


def _marker(number: int) -> str:
    return RUN_MARKERS[number % len(RUN_MARKERS)]


def _colours(count: int, theme: Theme) -> list[Any]:
    """A colour for each run: those of the palette, or so many between dark and bright."""
    if count <= len(theme.palette):
        return list(theme.palette[:count])
    from matplotlib import colormaps

    return list(colormaps[theme.sequential](np.linspace(0.05, 0.95, count)))


def _limit(ax: Axes, lines: Sequence[Line]) -> None:
    """Let the lines fill the axes: few runs have wide intervals, whose ends may be far from any value."""
    logarithmic = ax.get_yscale() == "log"
    ends = [np.concatenate([line.band[i] for line in lines]) for i in range(3)]  # mean, low, high
    mean, low, high = (values[np.isfinite(values) & ((values > 0) | (not logarithmic))] for values in ends)
    if not mean.size or mean.min() == mean.max():
        return
    scale, back = (math.log, math.exp) if logarithmic else (float, float)
    least, most = scale(mean.min()), scale(mean.max())
    room, margin = ROOM * (most - least), MARGIN * (most - least)
    bottom, top = max(least - room, scale(low.min())), min(most + room, scale(high.max()))
    ax.set_ylim(back(bottom - margin), back(top + margin))


def _legend(ax: Axes, lines: Sequence[Line], names: Sequence[str], colours: Sequence[Any], theme: Theme) -> None:
    """Names by their colours, parts by their dashes, and what is marked."""
    entries = dict(_entries(lines, names, colours, theme))
    title = SEEDS if any(line.band.runs > 1 for line in lines) else None
    if len(entries) < 2 and not title:
        return
    from matplotlib.lines import Line2D

    beside: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if len(entries) > MOST_INSIDE else {}
    handles = [Line2D([], [], **style) for style in entries.values()]
    ax.legend(handles, list(entries), title=title, title_fontsize="small", **beside)


def _entries(
    lines: Sequence[Line], names: Sequence[str], colours: Sequence[Any], theme: Theme
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(text, style) of each entry."""
    best = {line.name: line.best + 1 for line in lines if line.best is not None}
    several = len(names) > 1
    for number, (name, colour) in enumerate(zip(names, colours, strict=True)):
        if several:
            text = label_text(name)
            style = {"color": colour, "marker": _marker(number), "markersize": MARKER_SIZE}
            yield f"{text}, {BEST} {best[name]}" if name in best else text, style
    parts = list(dict.fromkeys(line.part for line in lines))
    for part in filter(None, parts if len(parts) > 1 or not several else []):
        dashes = PARTS[part] if len(parts) > 1 else "-"
        yield part, {"color": theme.ink if several else colours[0], "linestyle": dashes}
    if best:
        text = BEST if several else f"{BEST}: {best[names[0]]}"
        yield text, {"color": theme.ink if several else colours[0], "marker": BEST_MARKER, "linestyle": ""}
