"""A plot in SVG, whose colours are those of the page's style: `line`, `dot`, `area`, `axis`, `label`.

A plot maps numbers of x and y, each from its range, to a box of 320 x 220 units with room for labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

from bpframe.report.markup import Html, tag
from bpframe.report.number_text import number_text

WIDTH, HEIGHT = 360, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 42
Range = tuple[float, float]
Points = Iterable[tuple[float, float]]
Ticks = Sequence[tuple[float, str]]


@final
@dataclass(frozen=True)
class SvgPlot:
    """A plot over these ranges of x and y, with labels of its axes.

    x_ticks, y_ticks: (place, text) of the marks on each axis; None: at round numbers.
    """

    x: Range
    y: Range
    x_label: str
    y_label: str
    x_ticks: Ticks | None = None
    y_ticks: Ticks | None = None

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point stands."""
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def line(self, points: Points, kind: str = "line") -> Html:
        """A line through points; `kind` is its class."""
        return tag("polyline", points=self._list(points), class_=kind)

    def area(self, lower: Sequence[tuple[float, float]], upper: Sequence[tuple[float, float]]) -> Html:
        """What lies between two lines."""
        return tag("polygon", points=self._list([*lower, *reversed(upper)]), class_="area")

    def dot(self, x: float, y: float, text: str, kind: str = "dot") -> Html:
        """A point that says its text where it is pointed at; `kind` is its class."""
        across, up = self.place(x, y)
        return tag("circle", tag("title", text), cx=f"{across:.1f}", cy=f"{up:.1f}", r=4, class_=kind)

    def drawn(self, title: str, *shapes: Html) -> Html:
        """The plot with its axes; `title` is what it is for those who hear it."""
        view = f"0 0 {WIDTH} {HEIGHT}"
        return tag("svg", *self._axes(), *shapes, viewBox=view, role="img", aria_label=title, class_="plot")

    def _axes(self) -> Iterable[Html]:
        left, bottom = self.place(self.x[0], self.y[0])
        right, top = self.place(self.x[1], self.y[1])
        for value, text in number_ticks(*self.x) if self.x_ticks is None else self.x_ticks:
            across, _ = self.place(value, self.y[0])
            yield tag("line", x1=f"{across:.1f}", x2=f"{across:.1f}", y1=top, y2=bottom, class_="grid")
            yield _text(across, bottom + 16, text, "middle")
        for value, text in number_ticks(*self.y) if self.y_ticks is None else self.y_ticks:
            _, up = self.place(self.x[0], value)
            yield tag("line", x1=left, x2=right, y1=f"{up:.1f}", y2=f"{up:.1f}", class_="grid")
            yield _text(left - 6, up + 4, text, "end")
        yield _text((left + right) / 2, HEIGHT - 6, self.x_label, "middle")
        middle = (top + bottom) / 2
        yield _text(12, middle, self.y_label, "middle", transform=f"rotate(-90 12 {middle:.1f})")

    def _list(self, points: Points) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.place(*point) for point in points))


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def number_ticks(low: float, high: float) -> Ticks:
    """Round numbers with their texts."""
    return [(value, number_text(value)) for value in ticks(low, high)]


def log_ticks(low: float, high: float) -> Ticks:
    """Powers of ten from 10^low to 10^high at their logarithms, and round numbers between where these are few."""
    for factors in ((1,), (1, 3), (1, 2, 5), tuple(range(1, 10))):
        powers = range(math.floor(low), math.floor(high) + 1)
        found = [(power + math.log10(k), number_text(k * 10.0**power)) for power in powers for k in factors]
        if len(kept := [tick for tick in found if low - 1e-9 <= tick[0] <= high + 1e-9]) > 2:
            break
    return kept


def _text(x: float, y: float, text: str, anchor: str, **attributes: str) -> Html:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_="label", **attributes)
