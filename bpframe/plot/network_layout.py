"""The layout of a network picture: where the tiles of each unit stand, and the lines between them.

A tile has side 1. Units of a layer stand below each other around height 0, layers from left to right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, final

import numpy as np

from bpframe.plot.network_maps import NetworkMaps
from bpframe.types import HostArray

SPACE = 0.06  # between the two tiles of a unit
DOWN = 1.34  # from one unit to the next below
BETWEEN = 1.7  # from the tiles of a layer to those of the next
FINAL = 3.4  # side of the tile of the prediction
POINTS = 24  # of a line


class Tile(NamedTuple):
    """A square: its left and lower side, and how long they are."""

    left: float
    low: float
    side: float = 1.0

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, right, low, high."""
        return self.left, self.left + self.side, self.low, self.low + self.side

    def place(self, rows: HostArray, box: Sequence[float]) -> HostArray:
        """Where rows (N, 2) of the plane `box` lie in the tile."""
        across = self.left + self.side * (rows[:, 0] - box[0]) / (box[1] - box[0])
        up = self.low + self.side * (rows[:, 1] - box[2]) / (box[3] - box[2])
        return np.stack([across, up], axis=1)


@final
class NetworkLayout:
    """`values` and `deltas`: the tiles of each layer's units; `prediction`: the last one; `lines`: curves by layer."""

    def __init__(self, maps: NetworkMaps) -> None:
        self.values: list[list[Tile]] = []
        self.deltas: list[list[Tile] | None] = []
        left = 0.0
        for layer in maps.layers:
            count = len(layer.units)
            lows = [DOWN * ((count - 1) / 2 - k) - 0.5 for k in range(count)]
            self.values.append([Tile(left, low) for low in lows])
            paired = layer.delta is not None
            self.deltas.append([Tile(left + 1 + SPACE, low) for low in lows] if paired else None)
            left += (2 + SPACE if paired else 1) + BETWEEN
        self.prediction = Tile(left - BETWEEN + 0.9, -FINAL / 2, FINAL)
        deepest = max(len(layer.units) for layer in maps.layers)
        self.height = max(DOWN * deepest, FINAL + 0.4)
        self.right = self.prediction.left + FINAL
        self.lines = [self._curves(k) for k in range(1, len(maps.layers))]

    def _curves(self, k: int) -> HostArray:
        """(units below, units, POINTS, 2) the lines that lead to layer k."""
        ends = self.deltas[k - 1] or self.values[k - 1]
        curves = [[_curve(start, end) for end in self.values[k]] for start in ends]
        return np.array(curves)


def _curve(start: Tile, end: Tile) -> HostArray:
    """From the right side of a tile to the left side of another, level at both ends."""
    t = np.linspace(0, 1, POINTS)
    x0, x1 = start.left + start.side + 0.04, end.left - 0.04
    y0, y1 = start.low + start.side / 2, end.low + end.side / 2
    return np.stack([x0 + (x1 - x0) * t, y0 + (y1 - y0) * t * t * (3 - 2 * t)], axis=1)
