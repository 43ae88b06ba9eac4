"""The canvas of a plot: the caller's axes or new ones of matplotlib, which is imported here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpframe.errors import ConfigError
from bpframe.plot.theme import THEMES, Theme, ThemeName, luminance, named_theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes

WIDTH, HEIGHT = 5.6, 3.6  # inches of one panel


class Canvas(NamedTuple):
    """Axes and the theme to draw on them with."""

    ax: Axes
    theme: Theme


class Panels(NamedTuple):
    """Several axes of one figure and their theme."""

    axes: list[Axes]
    theme: Theme


@contextmanager
def canvas(ax: Axes | None, theme: ThemeName | None, size: tuple[float, float] = (WIDTH, HEIGHT)) -> Iterator[Canvas]:
    """A block in which one panel is drawn: on the caller's axes, or on those of a new figure.

    The theme is the one that is named, else, on the caller's axes, that of their background, else light.
    """
    with panels(1, None if ax is None else [ax], theme, size=size) as (axes, chosen):
        yield Canvas(axes[0], chosen)


@contextmanager
def panels(
    count: int,
    axes: Sequence[Axes] | None,
    theme: ThemeName | None,
    *,
    columns: int = 3,
    size: tuple[float, float] = (WIDTH, HEIGHT),
) -> Iterator[Panels]:
    """A block in which several panels are drawn, in at most so many columns of a new figure, each of `size` inches."""
    plt = pyplot()
    plt.draw_if_interactive()  # loads the backend: that of notebooks turns interactive on, which rc_context would undo
    given: list[Axes] = [] if axes is None else np.ravel(np.asarray(axes, dtype=object)).tolist()
    if axes is not None and len(given) != count:
        raise ConfigError(f"A plot of {count} panels needs as many axes, got {len(given)}.")
    chosen = _theme(given, theme)
    with plt.rc_context(chosen.settings()):
        yield Panels(given or _new_axes(plt, count, min(columns, count), size), chosen)


def _new_axes(plt: Any, count: int, columns: int, size: tuple[float, float]) -> list[Axes]:
    rows = -(-count // columns)
    figure = plt.figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    return [figure.add_subplot(rows, columns, i + 1) for i in range(count)]


def _theme(axes: Sequence[Axes], name: ThemeName | None) -> Theme:
    if name is not None:
        return named_theme(name)
    if not axes:
        return THEMES["light"]
    from matplotlib.colors import to_rgb

    return THEMES["light" if luminance(*to_rgb(axes[0].get_facecolor())) > 0.179 else "dark"]


def pyplot() -> Any:
    """matplotlib.pyplot; ModuleNotFoundError that says how to install it."""
    try:
        from matplotlib import pyplot as plt
    except ModuleNotFoundError as missing:
        message = f'{missing}, which plots need. Install it: pip install "bpframe[plot]"'
        raise ModuleNotFoundError(message, name=missing.name) from missing
    return plt
