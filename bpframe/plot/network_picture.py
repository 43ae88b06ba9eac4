"""The network picture: every unit a small map over the plane of two inputs, lines by weight, delta beside each unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpframe.plot.canvas import canvas
from bpframe.plot.network_artists import NetworkArtists
from bpframe.plot.network_layout import NetworkLayout
from bpframe.plot.network_maps import NetworkMaps
from bpframe.plot.theme import ThemeName

if TYPE_CHECKING:
    from bpframe.plot.canvas import Axes

INCH = 0.62  # of a tile's side


def network(maps: NetworkMaps, *, ax: Axes | None = None, theme: ThemeName | None = None) -> Axes:
    """A network as it computes: what each unit gives over the plane of two inputs, and the weights between.

    Left tile of a unit: its value v over the plane. Right tile: delta = dL/du of each row, at the row's place: where
    the row pushes the unit's sum up (blue: delta below 0, so descent raises u) or down. Lines: thick where a weight is
    large, dashed where it is below 0. Colours are relative to the largest of a layer. `trainer.plot_network(x, y)`
    makes the maps and this picture of them.
    """
    with canvas(ax, theme, picture_size(maps)) as (ax, chosen):
        NetworkArtists(ax, maps, chosen)
    return ax


def picture_size(maps: NetworkMaps) -> tuple[float, float]:
    """Inches of a picture in which tiles are easily seen."""
    layout = NetworkLayout(maps)
    return INCH * (layout.right + 1.8), INCH * (layout.height + 2.2)
