"""Draws of mean 0 and variance scale / fan, which keep the scale of what passes through a layer.

fan: how many inputs (fan_in) or outputs (fan_out) a unit has, or their mean; 0 counts as 1.
"""

from __future__ import annotations

import math

import numpy as np

from bpframe.plugin import HostArray, Shape

CUT = 2.0  # where a truncated normal ends, in standard deviations before the cut
Ends = tuple[float, float]  # least and greatest draw
SHRINK = 0.879625661034239782  # its standard deviation: sqrt(1 - 4 phi(2) / (2 Phi(2) - 1))


def uniform(rng: np.random.Generator, shape: Shape, scale: float, fan: float) -> HostArray:
    """Uniform on +-sqrt(3 scale / fan)."""
    bound = math.sqrt(3 * scale / max(fan, 1))
    return rng.uniform(-bound, bound, shape)


def normal(rng: np.random.Generator, shape: Shape, scale: float, fan: float) -> HostArray:
    """Normal with standard deviation sqrt(scale / fan)."""
    return rng.normal(0.0, math.sqrt(scale / max(fan, 1)), shape)


def truncated(rng: np.random.Generator, shape: Shape, scale: float, fan: float) -> HostArray:
    """Normal without its tails beyond two standard deviations, then as wide as asked for: ends at 2.27 of its own."""
    return cut_normal(rng, shape, 0.0, math.sqrt(scale / max(fan, 1)) / SHRINK)


def cut_normal(rng: np.random.Generator, shape: Shape, mean: float, stddev: float) -> HostArray:
    """Normal without what lies beyond mean +- 2 stddev: such draws are made again."""
    draws = rng.standard_normal(shape)
    while (outside := np.abs(draws) > CUT).any():
        draws[outside] = rng.standard_normal(int(outside.sum()))
    draws *= stddev
    draws += mean
    return draws


def normal_between(rng: np.random.Generator, shape: Shape, mean: float, stddev: float, ends: Ends) -> HostArray:
    """Normal without what lies outside of the ends: such draws are made again."""
    draws = rng.normal(mean, stddev, shape)
    while (outside := (draws < ends[0]) | (draws > ends[1])).any():
        draws[outside] = rng.normal(mean, stddev, int(outside.sum()))
    return draws


def share(mean: float, stddev: float, a: float, b: float) -> float:
    """The part of a normal that lies between a and b."""
    if not stddev:
        return float(a <= mean <= b)
    return (math.erf((b - mean) / stddev / math.sqrt(2)) - math.erf((a - mean) / stddev / math.sqrt(2))) / 2
