"""Generators of small random data sets for learning, testing and plotting.

Shapes: x float64 (n, 2) and y int64 (n,) for classes; x (n, 1) and y float64 (n,) for regression; n = `points`.
Law: with the same points and seed, noise acts linearly, x(noise) = x(0) + noise * z for standard normal z, and the
order of the rows stays. Class sizes differ by at most one row.
Errors: ConfigError for too few points, for noise that is negative or not finite, and for a negative seed.
"""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from bpframe.data.arguments import require_integer
from bpframe.errors import ConfigError
from bpframe.random import DATA, host_generator, permutation
from bpframe.types import HostArray


def spiral(points: int = 300, noise: float = 0.02, seed: int = 0, arms: int = 3) -> tuple[HostArray, HostArray]:
    """x = r (cos a, sin a) with a = 2 pi (r + y / arms), r evenly from 0.1 to 1, plus noise; y the arm, 0 .. arms - 1.

    Every arm turns once round the origin; r starts above 0, where all arms would meet.
    """
    arms = require_integer("arms of spiral", arms, 2)
    y, t = _classes("spiral", points, arms)
    r = 0.1 + 0.9 * t
    angle = 2 * np.pi * (r + y / arms)
    return _noisy(np.column_stack((r * np.cos(angle), r * np.sin(angle))), y, noise, seed)


def xor(points: int = 200, noise: float = 0.1, seed: int = 0) -> tuple[HostArray, HostArray]:
    """x = a corner of the unit square plus noise, y = x_0 XOR x_1 of that corner; no straight line parts the classes.

    With points=4 and noise=0 it is the truth table.
    """
    require_integer("points of xor", points, 4, "Each corner needs one.")
    corner = np.arange(points, dtype=np.int64) % 4  # round the square, so that the corner's parity is its class
    x = np.column_stack((corner // 2, (corner + 1) // 2 % 2)).astype(np.float64)
    return _noisy(x, corner % 2, noise, seed)


def moons(points: int = 200, noise: float = 0.1, seed: int = 0) -> tuple[HostArray, HostArray]:
    """x = (cos a, sin a) for y = 0 and (1 - cos a, 1/2 - sin a) for y = 1, a evenly from 0 to pi, plus noise.

    Two half circles of radius 1, each with an end inside the other.
    """
    y, t = _classes("moons", points, 2)
    half_circle = np.column_stack((np.cos(np.pi * t), np.sin(np.pi * t)))
    return _noisy(np.where(y[:, None] == 0, half_circle, np.array([1.0, 0.5]) - half_circle), y, noise, seed)


def two_clusters(points: int = 200, noise: float = 0.5, seed: int = 0) -> tuple[HostArray, HostArray]:
    """x = (-1, -1) for y = 0 and (1, 1) for y = 1, plus noise: two round clouds that a straight line parts."""
    y, _ = _classes("two_clusters", points, 2)
    return _noisy(np.column_stack((2.0 * y - 1, 2.0 * y - 1)), y, noise, seed)


def noisy_sine(points: int = 200, noise: float = 0.1, seed: int = 0) -> tuple[HostArray, HostArray]:
    """y = sin(x) plus noise, x evenly from -pi to pi: x float64 (n, 1), y float64 (n,).  Noise acts on y alone."""
    x = np.linspace(-np.pi, np.pi, require_integer("points of noisy_sine", points, 1))
    y, x = _noisy(np.sin(x), x[:, None], noise, seed)
    return x, y


def _classes(who: str, points: int, classes: int) -> tuple[HostArray, HostArray]:
    """Labels (n,) in turn, and (n,) positions that run evenly from 0 to 1 within each class."""
    row = np.arange(require_integer(f"points of {who}", points, classes, "Each class needs one."), dtype=np.int64)
    y = row % classes
    return y, (row // classes) / np.maximum((points - 1 - y) // classes, 1)


def _noisy(clean: HostArray, other: HostArray, noise: float, seed: int) -> tuple[HostArray, HostArray]:
    """`clean` with noise on every number, and `other`, their rows shuffled alike."""
    if not isinstance(noise, Real) or not math.isfinite(noise) or noise < 0:
        raise ConfigError(f"noise needs a number of at least 0, got {noise!r}. It is a standard deviation.")
    source = host_generator(require_integer("seed", seed, 0), DATA)
    order = permutation(source, len(clean))
    return (clean + float(noise) * source.standard_normal(clean.shape))[order], other[order]
