"""The lines of a panel of training curves: one for each run and part, with the band over its seeds.

T epochs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from bpframe.plot.seed_bands import Band, band
from bpframe.plot.theme import Theme
from bpframe.types import HostArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = {"validation": "-", "train": "--"}  # dashes of the curves of each part, of which the first is drawn in front
BEST = "best epoch"
SEEDS = "mean over seeds and its 95% interval"
MOST_INSIDE = 7  # entries of a legend, from which on it stands beside the panel
ROOM = 0.25  # of the range of the lines, that bands may take beyond it


@runtime_checkable
class Curves(Protocol):
    """A History, or a mapping from names to values: {"train.loss": [...], "validation.loss": [...]}."""

    def keys(self) -> Any:
        """The whole names of its columns."""

    def __getitem__(self, name: str, /) -> Any:
        """A column, a value an epoch."""


class Line(NamedTuple):
    """One curve of a run, or of several seeds of one config: its part, x (T,), and the band of y."""

    run: str
    part: str
    x: HostArray
    band: Band
    best: int | None  # index of the best epoch

    @property
    def label(self) -> str:
        """Run and part."""
        return " ".join(filter(None, (self.run, self.part)))


def names_of(history: Curves) -> list[str]:
    """The names of its columns; iteration over a History gives rows."""
    return list(history.keys())


def values_of(history: Curves, name: str) -> HostArray:
    """A column (T,) as numbers, NaN where there is none."""
    return np.array([math.nan if value is None else value for value in history[name]], dtype=float)


def lines_of(runs: Mapping[str, Sequence[Curves]], curve: str, x: str, best: str | None) -> Iterator[Line]:
    """The lines of a curve: those of each part of each run, or of the column of that whole name."""
    for run, histories in runs.items():
        whole = [(part, f"{part}.{curve}") for part in PARTS]
        for part, name in [*whole, ("", curve)]:
            if held := [history for history in histories if name in names_of(history)]:
                yield _line(run, part, held, name, x, best)


def _line(run: str, part: str, histories: Sequence[Curves], name: str, x: str, best: str | None) -> Line:
    longest = max(histories, key=lambda history: len(history[name]))
    known = names_of(longest)
    along = values_of(longest, x) if x in known else np.arange(1.0, len(longest[name]) + 1)
    in_front = part != "train" or not any(other.startswith("validation.") for other in known)
    marked = _best(longest, best) if in_front and len(histories) == 1 else None
    return Line(run, part, along, band([values_of(history, name) for history in histories]), marked)


def _best(history: Curves, best: str | None) -> int | None:
    """The index of the best epoch; None where there is no such curve, or no number in it."""
    known = names_of(history)
    name = best or ("validation.loss" if "validation.loss" in known else "train.loss")
    sign, name = (-1.0, name[1:]) if name.startswith("-") else (1.0, name)
    if name not in known:
        return None
    values = sign * values_of(history, name)
    return int(np.nanargmin(values)) if np.isfinite(values).any() else None


def draw_lines(ax: Axes, lines: Sequence[Line], theme: Theme) -> None:
    """Draw lines, their bands and best epochs, and a legend where there is more than one thing to tell apart."""
    runs = list(dict.fromkeys(line.run for line in lines))
    colours = _colours(len(runs), theme)
    for line in lines:
        colour = colours[runs.index(line.run)]
        marker = "o" if len(line.x) == 1 else None  # a line needs two points
        ax.plot(line.x, line.band.mean, PARTS.get(line.part, "-"), color=colour, marker=marker, label=line.label)
        if line.band.runs > 1:
            ax.fill_between(line.x, line.band.low, line.band.high, color=colour, alpha=0.2, linewidth=0)
        if line.best is not None and line.best < len(line.x):
            at = line.x[line.best], line.band.mean[line.best]
            ax.plot(*at, "D", color=colour, markeredgecolor=theme.background, markersize=7, label=BEST, zorder=3)
    if any(line.band.runs > 1 for line in lines):
        _limit(ax, lines)
    _legend(ax, lines, runs, colours, theme)


def _colours(count: int, theme: Theme) -> list[Any]:
    """A colour for each run: those of the palette, or so many between dark and bright."""
    if count <= len(theme.palette):
        return list(theme.palette[:count])
    from matplotlib import colormaps

    return list(colormaps[theme.sequential](np.linspace(0.05, 0.95, count)))


def _limit(ax: Axes, lines: Sequence[Line]) -> None:
    """Let the lines fill the axes: few runs have wide intervals, whose ends may be far from any value."""
    known = np.concatenate([line.band.mean for line in lines])
    known = known[np.isfinite(known)]
    if not known.size:
        return
    low, high = known.min(), known.max()
    if ax.get_yscale() == "log":
        ax.set_ylim(low * (low / high) ** ROOM, high * (high / low) ** ROOM)
    elif high > low:
        ax.set_ylim(low - ROOM * (high - low), high + ROOM * (high - low))


def _legend(ax: Axes, lines: Sequence[Line], runs: Sequence[str], colours: Sequence[Any], theme: Theme) -> None:
    """Runs by their colours, parts by their dashes, and what is marked."""
    entries = dict(_entries(lines, runs, colours, theme))
    title = SEEDS if any(line.band.runs > 1 for line in lines) else None
    if len(entries) < 2 and not title:
        return
    from matplotlib.lines import Line2D

    beside: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if len(entries) > MOST_INSIDE else {}
    handles = [Line2D([], [], **style) for style in entries.values()]
    ax.legend(handles, list(entries), title=title, title_fontsize="small", **beside)


def _entries(
    lines: Sequence[Line], runs: Sequence[str], colours: Sequence[Any], theme: Theme
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(text, style) of each entry."""
    best = {line.run: line.best + 1 for line in lines if line.best is not None}
    several = len(runs) > 1
    for run, colour in zip(runs, colours, strict=True):
        if several:
            yield f"{run}, {BEST} {best[run]}" if run in best else run, {"color": colour}
    for part in dict.fromkeys(line.part for line in lines if line.part):
        yield part, {"color": theme.ink if several else colours[0], "linestyle": PARTS[part]}
    if best:
        text = BEST if several else f"{BEST}: {best[runs[0]]}"
        yield text, {"color": theme.ink if several else colours[0], "marker": "D", "linestyle": ""}
