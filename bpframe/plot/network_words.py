"""The words of a network picture: names of layers and inputs, what a colour means, and the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpframe.plot.network_colours import SIGNS, NetworkColours
from bpframe.plot.network_layout import NetworkLayout
from bpframe.plot.network_maps import NetworkMaps
from bpframe.plot.theme import Theme

if TYPE_CHECKING:
    from bpframe.plot.canvas import Axes

LONGEST = 14  # signs of the name of an input
ABOVE = 0.2  # of the highest tile, names of layers


def write_words(ax: Axes, maps: NetworkMaps, layout: NetworkLayout, theme: Theme) -> None:
    """Write all of them; names are text, whatever signs they have."""

    def say(x: float, y: float, text: str, **look: Any) -> None:
        known = {"ha": "center", "color": theme.ink, "parse_math": False}
        ax.text(x, y, text, **{**known, **look})

    top = layout.height / 2 + ABOVE
    for layer, tiles, deltas in zip(maps.layers, layout.values, layout.deltas, strict=True):
        count, right = len(layer.units), (deltas or tiles)[0].box[1]
        some = f"\n{count} of {layer.width} units" if count < layer.width else ""
        say((tiles[0].left + right) / 2, top, (layer.label or "inputs") + some, va="bottom", weight="bold")
        for tile, letter in zip((tiles[0], deltas[0]) if deltas else (), "vδ", strict=False):
            say(tile.left + 0.5, tile.box[3] + 0.05, letter, va="bottom", size="x-small")
    for name, tile in zip(maps.inputs, layout.values[0], strict=True):
        say(tile.left - 0.12, tile.low + 0.5, short(name), ha="right", va="center")
    last = layout.prediction
    middle = last.left + last.side / 2
    say(middle, top, "prediction", va="bottom", weight="bold")
    say(middle, last.low - 0.08, short(maps.inputs[0]), va="top", size="small")
    say(last.left - 0.08, 0.0, short(maps.inputs[1]), ha="right", va="center", size="small", rotation=90)
    _write_legend(ax, maps, layout, theme)


def _write_legend(ax: Axes, maps: NetworkMaps, layout: NetworkLayout, theme: Theme) -> None:
    """Below: the lines of both signs, what stands in the tiles, and what is not shown."""
    left, low, colours = layout.values[0][0].left, -layout.height / 2 - 0.55, NetworkColours(theme)
    look: dict[str, Any] = {"va": "center", "size": "small", "color": theme.ink, "parse_math": False}
    ends = (colours.below, colours.above)
    for text, colour, dashes, sign in zip(("below 0", "above 0"), ends, ("--", "-"), SIGNS, strict=True):
        ax.plot([left, left + 0.7], [low, low], color=tuple(colour), linestyle=dashes, linewidth=3)
        ax.plot([left + 0.95], [low], color=tuple(colour), marker=sign, markersize=4)
        ax.text(left + 1.15, low, text, **look)
        left += 2.8
    said = ["v: value over the plane"]
    said += ["δ: dL/du of each row"] if any(each.delta is not None for each in maps.layers) else []
    said += [f"{maps.others} other inputs at their medians"] if maps.others else []
    ax.text(left, low, ",  ".join(said), **look)


def short(name: str) -> str:
    """The name, or as much of it as there is room for."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
