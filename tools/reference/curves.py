"""Curves as few points: a function between two ends, with the pen lifted where it jumps or is not finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Function = Callable[[float], float]
Point = tuple[float, float]
Piece = tuple[Point, ...]
Range = tuple[float, float]
SAMPLES = 500
STEEP = 0.02  # of the whole height: between two samples that differ by more, a jump is looked for


@dataclass(frozen=True)
class Curve:
    """A named line of one or more pieces, each from left to right."""

    name: str
    pieces: tuple[Piece, ...]


def curve(name: str, function: Function, ends: Range) -> Curve:
    """The function between two ends, both included; ValueError where it has nothing to draw."""
    low, high = ends
    points = [_point(function, low + (high - low) * i / SAMPLES) for i in range(SAMPLES + 1)]
    heights = [y for _, y in points if math.isfinite(y)]
    if not heights:
        raise ValueError(f"{name} is not finite anywhere from {low} to {high}.")
    steep = STEEP * (max(heights) - min(heights))
    pieces: list[list[Point]] = [[]]
    for point in points:
        if not math.isfinite(point[1]):
            pieces.append([])
            continue
        before = pieces[-1][-1] if pieces[-1] else point
        if abs(point[1] - before[1]) > steep and (edges := _jump(function, before, point)):
            pieces[-1].append(edges[0])
            pieces.append([edges[1]])
        pieces[-1].append(point)
    distinct = (tuple(dict.fromkeys(piece)) for piece in pieces)  # a sample may lie on the edge of a jump
    return Curve(name, tuple(piece for piece in distinct if len(piece) > 1))


def simplified(points: Sequence[Point], off: float) -> list[Point]:
    """A few of the points: no other is farther than `off` from the line through them.

    Source: Douglas and Peucker (1973), Algorithms for the reduction of the number of points required to represent a
    digitized line.
    """
    (x0, y0), (x1, y1) = points[0], points[-1]
    length = math.hypot(x1 - x0, y1 - y0)
    distances = [abs((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / length for x, y in points]
    far = max(range(len(points)), key=distances.__getitem__)
    if distances[far] <= off:
        return [points[0], points[-1]]
    return [*simplified(points[: far + 1], off)[:-1], *simplified(points[far:], off)]


def _jump(function: Function, left: Point, right: Point) -> tuple[Point, Point] | None:
    """The points on both sides of a jump between two samples, found by halving; None where it is a steep line."""
    rise = abs(right[1] - left[1])
    for _ in range(40):
        middle = _point(function, (left[0] + right[0]) / 2)
        left, right = (left, middle) if abs(middle[1] - left[1]) > abs(right[1] - middle[1]) else (middle, right)
    return (left, right) if abs(right[1] - left[1]) > rise / 2 else None


def _point(function: Function, x: float) -> Point:
    """(x, y) with ten digits: what differs between builds of NumPy is gone before anything depends on it."""
    return x, float(f"{function(x):.10g}")
