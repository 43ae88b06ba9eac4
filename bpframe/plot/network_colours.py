"""The colours of a network picture: signs, strengths, and what is predicted over the plane.

Blue is below 0, orange above, and brighter, so that print without colours tells them apart; strength is the size
against the largest that is finite. Colours are (..., 3) numbers in 0 .. 1.
"""

from __future__ import annotations

from typing import final

import numpy as np

from bpframe.plot.network_maps import NetworkMaps
from bpframe.plot.theme import Theme
from bpframe.types import HostArray

ENDS = {True: ("#084a86", "#d9730d"), False: ("#4a9fe6", "#ffb070")}  # below and above 0, on a bright background or not
SIGNS = ("s", "o")  # markers of what is below 0, and of the rest
PALEST, STRONGEST = 0.15, 0.7  # of a region whose class is a guess, and of one whose class is sure


@final
class NetworkColours:
    """Those of a theme."""

    def __init__(self, theme: Theme) -> None:
        self.background = _rgb(theme.background)
        self.below, self.above = map(_rgb, ENDS[bool(self.background.mean() > 0.5)])
        self._theme = theme

    def signed(self, shares: HostArray) -> HostArray:
        """(..., 3) of numbers in -1 .. 1, from the background to both ends; infinite ones are as strong as can be."""
        share = np.nan_to_num(shares, nan=0.0, posinf=1.0, neginf=-1.0).clip(-1, 1)[..., None]
        ends = np.where(share < 0, self.below, self.above)
        colours: HostArray = self.background + np.abs(share) * (ends - self.background)
        return colours

    def prediction(self, maps: NetworkMaps) -> HostArray:
        """(G, G, 3): regions of classes, paler where less sure; a probability or a quantity around its middle."""
        values = maps.prediction
        if not maps.probable or values.shape[2] == 1:
            middle, half = (0.5, 0.5) if maps.probable else span(values[..., 0])
            return self.signed(0.8 * (values[..., 0] - middle) / half)
        palette = np.array([self.of_class(maps, c) for c in range(values.shape[2])])
        guess = 1 / values.shape[2]
        sure = ((values.max(axis=2) - guess) / (1 - guess)).clip(0, 1)[..., None]
        strength = PALEST + (STRONGEST - PALEST) * sure
        colours: HostArray = self.background + strength * (palette[values.argmax(axis=2)] - self.background)
        return colours

    def of_class(self, maps: NetworkMaps, number: int) -> HostArray:
        """(3,) of a class; of the two of one probability the ends."""
        if maps.prediction.shape[2] > 1:
            return _rgb(self._theme.colour(number))
        return self.above if number else self.below

    def of_quantities(self, maps: NetworkMaps, values: HostArray) -> HostArray:
        """(N, 3) of quantities, as they are over the plane."""
        middle, half = span(maps.prediction[..., 0])
        return self.signed(0.8 * (values - middle) / half)


def largest(values: HostArray) -> float:
    """The largest |value| that is finite; 1 where there is none but 0."""
    size = np.abs(values[np.isfinite(values)])
    return float(size.max(initial=0.0)) or 1.0


def span(values: HostArray) -> tuple[float, float]:
    """(the middle of the finite values, half of what they span, 1 for nothing)."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return (low + high) / 2, (high - low) / 2 or 1.0


def _rgb(colour: str) -> HostArray:
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
