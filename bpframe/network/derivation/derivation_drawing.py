"""The drawing of a derivation: a circle a unit, its left half the value, its right half delta; a line a weight.

Colour is the sign, orange above 0 and blue below; strength is the size, against the largest of its layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from bpframe.network.derivation.content import Content
from bpframe.network.derivation.number import key_of

RADIUS, ACROSS, DOWN, TOP = 15, 150, 44, 34


def network_drawing(content: Content) -> str:
    """The SVG; its circles and lines carry the keys that they stand for."""
    columns = [(0, content.inputs, "x"), *((each.number, each.units, each.label) for each in content.layers)]
    deepest = max(len(units) for _, units, _ in columns)
    width, height = ACROSS * len(columns), TOP + DOWN * deepest + 12
    parts = [*_edges(content, columns, deepest), *_nodes(content, columns, deepest)]
    title = "The network: values on the left of each unit, delta on the right"
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg class="net" role="img" aria-label="{title}" {size}>{"".join(parts)}</svg>'


Columns = Sequence[tuple[int, tuple[int, ...], str]]


def _place(k: int, position: int, count: int, deepest: int) -> tuple[float, float]:
    return ACROSS * (k + 0.5), TOP + DOWN * (position + 0.5 + (deepest - count) / 2)


def _edges(content: Content, columns: Columns, deepest: int) -> Iterator[str]:
    for (_, below, _), layer in zip(columns, content.layers, strict=False):
        k = layer.number
        keys = {(i, j): key_of("w", k, i, j) for i in layer.inputs for j in layer.units}
        weights = {at: content.numbers[key].value for at, key in keys.items() if key in content.numbers}
        for (i, j), w in weights.items():
            x0, y0 = _place(k - 1, below.index(i), len(below), deepest)
            x1, y1 = _place(k, layer.units.index(j), len(layer.units), deepest)
            share = _share(w, weights.values())
            middle = (x0 + x1) / 2
            line = f'd="M{x0 + RADIUS:g} {y0:g}C{middle:g} {y0:g} {middle:g} {y1:g} {x1 - RADIUS:g} {y1:g}"'
            look = f'class="{_sign(w)}" stroke-width="{0.6 + 4 * share:.2f}" stroke-opacity="{0.25 + 0.65 * share:.2f}"'
            yield f'<path data-n="w-{k}-{i}.{j}" {look} {line}/>'


def _nodes(content: Content, columns: Columns, deepest: int) -> Iterator[str]:
    for k, units, label in columns:
        values = [content.numbers[key_of("v", k, j)].value for j in units]
        deltas = [number.value if (number := content.numbers.get(key_of("delta", k, j))) else 0.0 for j in units]
        x = ACROSS * (k + 0.5)
        yield f'<text class="label" x="{x:g}" y="16">{escape(_short(label))}</text>'
        for position, j in enumerate(units):
            x, y = _place(k, position, len(units), deepest)
            yield f'<g data-n="unit-{k}-{j}" transform="translate({x:g} {y:g})"><circle class="plate" r="{RADIUS}"/>'
            yield _half(values[position], values, left=True)
            yield _half(deltas[position], deltas, left=False) if k else ""
            yield f'<circle class="ring" r="{RADIUS}"/><text y="{RADIUS + 11}">{j}</text></g>'


def _half(value: float, among: Sequence[float], left: bool) -> str:
    share = _share(value, among)
    half = f'd="M0 -{RADIUS}A{RADIUS} {RADIUS} 0 0 {0 if left else 1} 0 {RADIUS}Z"'
    return f'<path class="{_sign(value)}" fill-opacity="{share:.2f}" {half}/>'


def _share(value: float, among: Iterable[float]) -> float:
    """|value| over the largest of them; 1 where that is no number."""
    largest = max(map(abs, among))
    return abs(value) / largest if 0 < largest < math.inf and math.isfinite(value) else float(largest != 0)


def _sign(value: float) -> str:
    return "minus" if value < 0 else "plus"


def _short(label: str) -> str:
    return label if len(label) <= 18 else f"{label[:17]}…"
