"""Weight distributions: the entries of parameters, and of their updates, by layer over the training."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bpframe.errors import ConfigError
from bpframe.plot.canvas import panels
from bpframe.plot.label_text import label_text
from bpframe.plot.theme import Theme, ThemeName
from bpframe.types import HostArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
BANDS = {(0, 6): 0.12, (1, 5): 0.22, (2, 4): 0.34}  # pairs of LEVELS, and how strong what lies between them is drawn

SIZE = (4.2, 2.9)  # inches of a panel

Snapshot = tuple[float, Mapping[str, HostArray]]  # a step or an epoch, and parameters by "layer/name"


def weight_quantiles(snapshots: Sequence[Snapshot], name: str) -> HostArray:
    """(7, T) the least, 5%, 25%, 50%, 75%, 95% and the greatest of the entries of a parameter in each snapshot."""
    return np.array([np.quantile(np.asarray(params[name], dtype=float), LEVELS) for _, params in snapshots]).T


def updates_between(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """What each snapshot has added to the parameters of the one before it."""
    known = list(snapshots)
    return [
        (time, {name: np.asarray(value) - np.asarray(before[name]) for name, value in params.items() if name in before})
        for (_, before), (time, params) in itertools.pairwise(known)
    ]


def weight_distributions(
    snapshots: Iterable[Snapshot],
    names: Sequence[str] | None = None,
    *,
    time: str = "epoch",
    axes: Sequence[Axes] | None = None,
    theme: ThemeName | None = None,
) -> list[Axes]:
    """A panel for each parameter: the median of its entries over time, and the bands that hold 50%, 90% and all.

    `snapshots`: pairs of a time, in steps or epochs, and parameters by "layer/name", as `trainer.parameters.copy()`
    gives them. `names`: those to show, by default all weights, which are arrays of two axes or more, and else all.
    `time`: what the times are.
    """
    return _draw(list(snapshots), names, "weights", time, axes, theme)


def update_distributions(
    snapshots: Iterable[Snapshot],
    names: Sequence[str] | None = None,
    *,
    time: str = "epoch",
    axes: Sequence[Axes] | None = None,
    theme: ThemeName | None = None,
) -> list[Axes]:
    """The same for what has changed from each snapshot to the next."""
    known = list(snapshots)
    if len(known) < 2:
        raise ConfigError(f"Distributions of updates need two snapshots at least, got {len(known)}.")
    return _draw(updates_between(known), names, "updates", time, axes, theme)


def weight_panels(
    snapshots: Iterable[Snapshot],
    names: Sequence[str] | None = None,
    *,
    time: str = "epoch",
    axes: Sequence[Axes] | None = None,
    theme: ThemeName | None = None,
) -> list[Axes]:
    """Both in one figure: the weights in the first row, and their updates below them."""
    known = list(snapshots)
    shown = _shown(known, names, "weights")
    with panels(2 * len(shown), axes, theme, columns=len(shown), size=SIZE) as (drawn, _):
        weight_distributions(known, shown, time=time, axes=drawn[: len(shown)], theme=theme)
        update_distributions(known, shown, time=time, axes=drawn[len(shown) :], theme=theme)
    return drawn


def _draw(
    snapshots: list[Snapshot],
    names: Sequence[str] | None,
    what: str,
    time: str,
    axes: Sequence[Axes] | None,
    theme: ThemeName | None,
) -> list[Axes]:
    shown = _shown(snapshots, names, what)
    times = np.array([time for time, _ in snapshots], dtype=float)
    with panels(len(shown), axes, theme, size=SIZE) as (drawn, chosen):
        for name, ax in zip(shown, drawn, strict=True):
            _panel(ax, times, weight_quantiles(snapshots, name), chosen)
            ax.set_title(label_text(name))
            ax.set_xlabel(time)
            ax.locator_params(axis="x", integer=True)
            ax.set_ylabel(what)
        drawn[0].legend()
    return drawn


def _shown(snapshots: list[Snapshot], names: Sequence[str] | None, what: str) -> list[str]:
    """The parameters to show, which every snapshot has."""
    if not snapshots:
        raise ConfigError(f"Distributions of {what} need a snapshot at least, got none.")
    shown = list(names) if names is not None else _weights(snapshots[0][1])
    if unknown := [name for name in shown if any(name not in params for _, params in snapshots)]:
        known = ", ".join(snapshots[0][1])
        raise ConfigError(f"Distributions of {what} need parameters of every snapshot, got {unknown[0]!r}: {known}.")
    return shown


def _weights(params: Mapping[str, HostArray]) -> list[str]:
    weights = [name for name, value in params.items() if np.ndim(value) > 1 and "/buffers/" not in name]
    return weights or list(params)


def _panel(ax: Axes, times: HostArray, found: HostArray, theme: Theme) -> None:
    colour = theme.colour(0)
    for (low, high), strength in BANDS.items():
        share = LEVELS[high] - LEVELS[low]
        label = "all" if share == 1 else f"{share:.0%}"
        ax.fill_between(times, found[low], found[high], color=colour, alpha=strength, linewidth=0, label=label)
    ax.plot(times, found[3], color=colour, marker="o" if len(times) == 1 else None, label="median")
