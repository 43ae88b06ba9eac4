"""Curves in SVG, small, for a notebook: readable on light and dark, without a library.

Curves are lists of numbers, one an epoch, by name; what is not finite is a gap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

COLOURS = ("#3b7dd8", "#d9722e", "#2c9c86", "#b05cc6")  # of middling lightness, apart for all eyes
WIDTH, HEIGHT = 420, 150
LEFT, RIGHT, TOP, BOTTOM = 50, 8, 22, 18
MOST_POINTS = 300  # of a curve: more than there is room for
DECADES = 1.5  # of positive values, from which a logarithmic axis helps

Point = tuple[float, float]


def curves_svg(curves: Mapping[str, Sequence[float]], title: str) -> str:
    """A drawing of up to four curves under their names; "" where none has two values."""
    from html import escape  # only here: start-up can do without

    shown = {name: _thinned(curve) for name, curve in [*curves.items()][: len(COLOURS)]}
    shown = {name: points for name, points in shown.items() if len(points) > 1}
    if not shown:
        return ""
    values = [y for points in shown.values() for _, y in points]
    low, high = min(values), max(values)
    log = low > 0 and math.log10(high / low) > DECADES
    last = max(points[-1][0] for points in shown.values())
    place = _placement(last, low, high, log)
    style = 'fill="currentColor" opacity="0.75" font-family="system-ui, sans-serif" font-size="11"'
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" aria-label="{escape(title)}" fill="none">',
        f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" stroke="currentColor" opacity="0.35"/>',
        f'<text x="{LEFT}" y="12" {style}>{escape(title)}{", logarithmic" if log else ""}</text>',
        f'<text x="{LEFT - 4}" y="{TOP + 8}" text-anchor="end" {style}>{high:.3g}</text>',
        f'<text x="{LEFT - 4}" y="{HEIGHT - BOTTOM}" text-anchor="end" {style}>{low:.3g}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 5}" text-anchor="end" {style}>epoch {last + 1:,.0f}</text>',
    ]
    for i, (name, points) in enumerate(shown.items()):
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, points))
        parts.append(f'<polyline points="{line}" stroke="{COLOURS[i]}" stroke-width="1.6"/>')
        label = f'x="{WIDTH - RIGHT - 90 * (len(shown) - 1 - i)}" y="12" text-anchor="end" fill="{COLOURS[i]}"'
        parts.append(f'<text {label} font-family="system-ui, sans-serif" font-size="11">{escape(name)}</text>')
    return "".join([*parts, "</svg>"])


def _placement(last: float, low: float, high: float, log: bool) -> Callable[[Point], Point]:
    """What gives a point's place in the drawing."""
    scale = math.log if log else float
    bottom, span = scale(low), (scale(high) - scale(low)) or 1.0

    def place(point: Point) -> Point:
        across, up = point[0] / (last or 1.0), (scale(point[1]) - bottom) / span
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    return place


def _thinned(curve: Sequence[float]) -> list[Point]:
    """(position, value) of the finite values: all, or the least and the most of each of some intervals."""
    points = [(float(i), float(y)) for i, y in enumerate(curve) if y is not None and math.isfinite(y)]
    if len(points) <= MOST_POINTS:
        return points
    width = -(-len(points) // (MOST_POINTS // 2))
    return [point for start in range(0, len(points), width) for point in _extremes(points[start : start + width])]


def _extremes(points: Sequence[Point]) -> Iterator[Point]:
    least, most = min(points, key=lambda point: point[1]), max(points, key=lambda point: point[1])
    yield from sorted({least, most})
