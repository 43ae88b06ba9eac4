"""The artists of a network picture: made once, given new numbers for each frame of an animation.

Lines of weights below 0 are dashed and deltas below 0 are squares, so that print without colours tells the sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np

from bpframe.plot.network_colours import SIGNS, NetworkColours, largest
from bpframe.plot.network_layout import NetworkLayout, Tile
from bpframe.plot.network_maps import NetworkMaps, UnitMaps
from bpframe.plot.network_words import short, write_words
from bpframe.plot.theme import MARKERS, Theme
from bpframe.types import HostArray

if TYPE_CHECKING:
    from matplotlib.image import AxesImage

    from bpframe.plot.canvas import Axes

THINNEST, THICKEST = 0.4, 4.2  # points of a line
FAINTEST = 0.2  # of its strength, that of a line of weight 0
SIDES, LEGEND = (1.5, 0.3), 1.0  # around the tiles: left and right, above and below


@final
class NetworkArtists:
    """Everything that a picture of these maps has on `ax`; `show` gives it those of another moment."""

    def __init__(self, ax: Axes, maps: NetworkMaps, theme: Theme) -> None:
        self.ax, self.theme, self.layout = ax, theme, NetworkLayout(maps)
        self._colours = NetworkColours(theme)
        self._markers = [_marker_path(sign) for sign in SIGNS]
        self._lines = [self._weights(curves) for curves in self.layout.lines]
        self._images = [[self._tile(tile) for tile in tiles] for tiles in self.layout.values]
        self._points = [self._deltas(maps, tiles) for tiles in self.layout.deltas]
        self._final = self._tile(self.layout.prediction)
        self._truth(maps)
        write_words(ax, maps, self.layout, theme)
        self._title = ax.set_title("", loc="left", color=theme.ink, parse_math=False)
        half = self.layout.height / 2 + LEGEND
        ax.set(xlim=(-SIDES[0], self.layout.right + SIDES[1]), ylim=(-half, half), aspect="equal")
        ax.axis("off")
        self.show(maps)

    def show(self, maps: NetworkMaps) -> None:
        """Draw these maps in the place of those before; units and rows have to be the same."""
        for layer, images, points in zip(maps.layers, self._images, self._points, strict=True):
            shares = layer.values / largest(layer.values)
            for image, share in zip(images, shares, strict=True):
                image.set_data(self._colours.signed(share))
            if points is not None and layer.delta is not None:
                share = layer.delta / largest(layer.delta)
                root = np.sign(share) * np.sqrt(np.abs(share))  # most deltas are small beside the largest
                points.set_facecolor(self._colours.signed(root).reshape(-1, 3))
                points.set_paths([self._markers[int(not each < 0)] for each in share.reshape(-1)])
        for layer, lines in zip(maps.layers[1:], self._lines, strict=True):
            self._weigh(lines, layer)
        self._final.set_data(self._colours.prediction(maps))
        self._title.set_text(maps.title)

    @property
    def figure(self) -> Any:
        """The figure that it stands on."""
        return self.ax.figure

    def settle(self) -> None:
        """Have the layout of the figure, which takes time, be that of now for all frames."""
        self.figure.canvas.draw()
        self.figure.set_layout_engine("none")

    # ------------------------------------------------------------------------------------------------------- pieces

    def _tile(self, tile: Tile) -> AxesImage:
        self._frame(tile)
        blank = np.ones((2, 2, 3))
        return self.ax.imshow(blank, origin="lower", extent=tile.box, interpolation="bilinear", zorder=2)

    def _frame(self, tile: Tile, **look: Any) -> None:
        from matplotlib.patches import Rectangle

        edge: dict[str, Any] = {"fill": False, "edgecolor": self.theme.ink, "linewidth": 0.7, "zorder": 3, **look}
        self.ax.add_patch(Rectangle((tile.left, tile.low), tile.side, tile.side, **edge))

    def _weights(self, curves: HostArray) -> Any:
        from matplotlib.collections import LineCollection

        lines = LineCollection(list(curves.reshape(-1, *curves.shape[2:])), zorder=1, capstyle="butt")
        lines.set_color(self.theme.faint)
        self.ax.add_collection(lines)
        return lines

    def _weigh(self, lines: Any, layer: UnitMaps) -> None:
        """Width and strength by size, colour and dashes by sign; thin lines where no single weight leads."""
        if layer.weight is None:
            lines.set_linewidth(THINNEST)
            return
        share = (layer.weight / largest(layer.weight)).reshape(-1)
        size = np.nan_to_num(np.abs(share), nan=1.0).clip(0, 1)
        strength = FAINTEST + (1 - FAINTEST) * size
        lines.set_linewidth(THINNEST + (THICKEST - THINNEST) * size)
        lines.set_color(np.concatenate([self._colours.signed(np.sign(share)), strength[:, None]], axis=1))
        lines.set_linestyle(["--" if each < 0 else "-" for each in share])

    def _deltas(self, maps: NetworkMaps, tiles: list[Tile] | None) -> Any:
        """The rows in each tile of a layer's deltas."""
        if tiles is None or maps.rows is None:
            return None
        for tile in tiles:
            self._frame(tile, fill=True, facecolor=self.theme.background)
        across, up = np.concatenate([tile.place(maps.rows, maps.box) for tile in tiles]).T
        return self.ax.scatter(across, up, s=7, zorder=4, edgecolors=self.theme.faint, linewidths=0.25)

    def _truth(self, maps: NetworkMaps) -> None:
        """The rows in the tile of the prediction, by what they are."""
        if maps.rows is None or maps.truth is None:
            return
        across, up = self.layout.prediction.place(maps.rows, maps.box).T
        if not maps.probable:
            colours = self._colours.of_quantities(maps, maps.truth)
            self.ax.scatter(across, up, c=colours, s=16, zorder=4, linewidths=0.6, edgecolors=self.theme.ink)
            return
        for number in np.unique(maps.truth).astype(int):
            one = maps.truth == number
            look: dict[str, Any] = {"zorder": 4, "linewidths": 0.5, "edgecolors": self.theme.background}
            marker, colour = MARKERS[number % len(MARKERS)], tuple(self._colours.of_class(maps, number))
            name = maps.classes[number] if number < len(maps.classes) else str(number)
            self.ax.scatter(across[one], up[one], s=17, color=colour, marker=marker, label=f" {short(name)}", **look)
        last = self.layout.prediction
        below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (last.left + last.side / 2, last.low - 0.45)}
        legend = self.ax.legend(
            **below, bbox_transform=self.ax.transData, ncols=4, columnspacing=0.9, handletextpad=0.1
        )
        for text in legend.get_texts():
            text.set_parse_math(False)


def _marker_path(sign: str) -> Any:
    from matplotlib.markers import MarkerStyle

    style = MarkerStyle(sign)
    return style.get_path().transformed(style.get_transform())
