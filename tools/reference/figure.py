"""A line plot as SVG, made with the standard library alone: small, the same bytes each time, on light and dark pages.

Pixels count from the upper left corner; x and y are data.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from tools.reference.curves import Curve, Point, Range, simplified

WIDTH, HEIGHT = 400, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 382, 32, 196  # the edges of the plot itself
COLOURS = ("#2f81f7", "#db6d28")  # 3 to 5 times as bright or dark as a white page and as a black one
INK = "#737b84"
CLASSES = (
    f"text{{font:11px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:{INK}}}"
    ".n{font-size:12px}.m{text-anchor:middle}.e{text-anchor:end}"
    f"path{{fill:none;stroke-width:2.2;stroke-linecap:round;stroke-linejoin:round}}"
    f".g{{stroke:{INK};stroke-width:1;stroke-opacity:.2}}.z{{stroke:{INK};stroke-width:1;stroke-opacity:.75}}"
    f".c0{{stroke:{COLOURS[0]}}}.c1{{stroke:{COLOURS[1]};stroke-dasharray:7 4.5;stroke-linecap:butt}}"
)


@dataclass(frozen=True)
class Figure:
    """Curves over one axis, in the window x by y."""

    title: str
    axis: str
    x: Range
    y: Range
    curves: tuple[Curve, ...]

    def svg(self) -> str:
        """The whole file."""
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
                f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
                f"<title>{escape(self.title)}</title>",
                f"<style>{CLASSES}</style>",
                *self._grid(),
                f'<svg x="{LEFT}" y="{TOP}" width="{RIGHT - LEFT}" height="{BOTTOM - TOP}">',  # cuts off the rest
                *(f'<path class="c{i}" d="{self._path(curve)}"/>' for i, curve in enumerate(self.curves)),
                "</svg>",
                *self._legend(),
                f'<text class="n m" x="{(LEFT + RIGHT) / 2:g}" y="{HEIGHT - 9}">{_minus(escape(self.axis))}</text>',
                "</svg>\n",
            ]
        )

    def _grid(self) -> Iterator[str]:
        for tick in ticks(self.x, 8):
            px = _px(LEFT + self._place((tick, 0))[0])
            yield f'<path class="{_line(tick)}" d="M{px} {TOP}V{BOTTOM}"/>'
            yield f'<text class="m" x="{px}" y="{BOTTOM + 16}">{label(tick)}</text>'
        for tick in ticks(self.y, 6):
            py = _px(TOP + self._place((0, tick))[1])
            yield f'<path class="{_line(tick)}" d="M{LEFT} {py}H{RIGHT}"/>'
            yield f'<text class="e" x="{LEFT - 8}" y="{py}" dy=".35em">{label(tick)}</text>'

    def _legend(self) -> Iterator[str]:
        px = LEFT
        for i, curve in enumerate(self.curves):
            yield f'<path class="c{i}" d="M{px + 2} 16h18.5"/>'
            yield f'<text class="n" x="{px + 28}" y="16" dy=".35em">{escape(curve.name)}</text>'
            px += 28 + 7 * len(curve.name) + 24

    def _path(self, curve: Curve) -> str:
        pieces = (simplified([self._place(point) for point in piece], 0.08) for piece in curve.pieces)
        return "".join("M" + "L".join(f"{_px(x)} {_px(y)}" for x, y in piece) for piece in pieces)

    def _place(self, point: Point) -> Point:
        """Pixels from the plot's upper left corner; far outside of it, a point is brought near."""
        (x, y), (x0, x1), (y0, y1) = point, self.x, self.y
        wide, high = RIGHT - LEFT, BOTTOM - TOP
        return wide * (x - x0) / (x1 - x0), min(max(high * (y1 - y) / (y1 - y0), -2.0 * high), 3.0 * high)


def ticks(ends: Range, most: int) -> list[float]:
    """Round numbers from end to end, at most so many steps of 1, 2 or 5 times a power of ten."""
    low, high = ends
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * m for m in (1, 2, 5, 10) if (high - low) / (power * m) <= most)
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def label(tick: float) -> str:
    """A number as it stands beside an axis."""
    return _minus(f"{tick:.6g}")


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def _line(tick: float) -> str:
    return "z" if tick == 0 else "g"


def _px(length: float) -> str:
    return f"{round(length, 1) + 0.0:g}"
