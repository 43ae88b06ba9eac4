"""The drawing of backpropagation in a 2-2-1 network, with its numbers, as SVG.

    python -m tools.backprop_drawing   # writes docs/explanation/backprop.svg

Above the way forward, below the way back: the same lines, turned around. Every number is computed here in plain Python.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

FILE = Path(__file__).parents[1] / "docs" / "explanation" / "backprop.svg"
X, Y = (0.5, -1.0), 1.0
W1, B1 = ((0.4, -0.6), (-0.3, 0.2)), (0.1, 0.2)
W2, B2 = (0.7, -0.5), 0.1

WIDTH, HEIGHT = 960, 572
ACROSS = (66, 354, 674, 893)  # of x, the first layer, the second layer, the loss
WIDE, TALL = (96, 158, 158, 110), 62  # their boxes
DOWN = {2: (84, 214), 1: (149,)}  # of the two units of a layer, of a single one
BACK = 296  # from the way forward down to the way back
ALONG = 0.3  # of a line that crosses another, where its weight stands
BLUE, ORANGE, INK = "#2f81f7", "#db6d28", "#737b84"  # 3 to 5 times as bright or dark as white and as black pages
CLASSES = (
    f"text{{font:13px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:{INK};text-anchor:middle}}"
    f".h{{font-size:15px;font-weight:600;text-anchor:start}}.s{{font-size:11.5px}}"
    f"rect{{fill:none;stroke:{INK};stroke-width:1.2}}path{{fill:none;stroke-width:1.8}}"
    f".f{{stroke:{BLUE}}}.b{{stroke:{ORANGE};stroke-dasharray:7 4}}tspan.f{{fill:{BLUE};stroke:none}}"
    f"tspan.b{{fill:{ORANGE};stroke:none}}marker path{{stroke:none}}#f path{{fill:{BLUE}}}#b path{{fill:{ORANGE}}}"
)


@dataclass(frozen=True)
class Example:
    """Every number of one row forward and back: u, v, z, loss, dL/dv, phi', delta, dw, by layer."""

    u: tuple[float, float]
    v: tuple[float, float]
    z: float
    loss: float
    dv: tuple[float, float]
    slope: tuple[float, float]
    delta1: tuple[float, float]
    delta2: float
    dw1: tuple[tuple[float, float], tuple[float, float]]
    dw2: tuple[float, float]


def example() -> Example:
    """tanh in the first layer, the identity and half the squared error behind the second."""
    u = tuple(X[0] * W1[0][j] + X[1] * W1[1][j] + B1[j] for j in (0, 1))
    v = tuple(math.tanh(number) for number in u)
    z = v[0] * W2[0] + v[1] * W2[1] + B2
    delta2 = z - Y
    dv = tuple(delta2 * w for w in W2)
    slope = tuple((1 - number) * (1 + number) for number in v)
    delta1 = tuple(a * b for a, b in zip(dv, slope, strict=True))
    dw1 = tuple(tuple(number * delta for delta in delta1) for number in X)
    dw2 = tuple(number * delta2 for number in v)
    return Example(u, v, z, (z - Y) ** 2 / 2, dv, slope, delta1, delta2, dw1, dw2)  # type: ignore[arg-type]  # of two


def svg() -> str:
    """The whole file."""
    marker = 'orient="auto" markerWidth="7" markerHeight="7" refX="6" refY="3.5"'
    arrows = [f'<marker id="{k}" {marker}><path d="M0 0L7 3.5L0 7Z"/></marker>' for k in "fb"]
    title = "Backpropagation in a network of two inputs, two tanh units and one output: forward above, back below"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            f'role="img"><title>{escape(title)}</title>',
            f"<style>{CLASSES}</style><defs>{''.join(arrows)}</defs>",
            *_forward(example()),
            *_back(example()),
            "</svg>\n",
        ]
    )


def _forward(e: Example) -> Iterator[str]:
    yield _heading(24, "Forward: every line carries a value v times its weight w; a unit adds them up")
    for i in (0, 1):
        yield _box(0, i, 2, 0, [f"x<sub>{i}</sub> = {_n(X[i])}"])
        yield _box(1, i, 2, 0, [f"u = {_n(e.u[i])}", f"v = tanh u = {_n(e.v[i])}"], f"b = {_n(B1[i])}")
        yield from (_arrow((0, i, 2), (1, j, 2), 0, "f", f"w = {_n(W1[i][j])}") for j in (0, 1))
        yield _arrow((1, i, 2), (2, 0, 1), 0, "f", f"w = {_n(W2[i])}")
    yield _box(2, 0, 1, 0, [f"u = z = {_n(e.z)}"], f"b = {_n(B2)}")
    yield _box(3, 0, 1, 0, [f"L = {_n(e.loss)}", f"y = {_n(Y)}"])
    yield _arrow((2, 0, 1), (3, 0, 1), 0, "f", "½(z − y)²")  # noqa: RUF001  # a minus


def _back(e: Example) -> Iterator[str]:
    yield _heading(BACK + 24, "Back: every line carries a delta times the same w; delta times v is the gradient dw")
    for i in (0, 1):
        yield _box(0, i, 2, BACK, [f"x<sub>{i}</sub> = {_n(X[i])}"])
        lines = [f"dL/dv = {_n(e.dv[i])}", f"φ′ = 1 − v² = {_n(e.slope[i])}", f"δ = {_n(e.delta1[i])}"]  # noqa: RUF001
        yield _box(1, i, 2, BACK, lines)
        yield from (_arrow((1, j, 2), (0, i, 2), BACK, "b", f"dw = {_n(e.dw1[i][j])}") for j in (0, 1))
        yield _arrow((2, 0, 1), (1, i, 2), BACK, "b", f"dw = {_n(e.dw2[i])}")
    yield _box(2, 0, 1, BACK, [f"δ = z − y = {_n(e.delta2)}"])  # noqa: RUF001
    yield _box(3, 0, 1, BACK, [f"L = {_n(e.loss)}"])
    yield _arrow((3, 0, 1), (2, 0, 1), BACK, "b", "dL/dz")


Place = tuple[int, int, int]  # column, number in it, how many are in it


def _box(column: int, number: int, count: int, down: int, lines: list[str], below: str = "") -> str:
    x, y, wide = ACROSS[column], DOWN[count][number] + down, WIDE[column]
    rect = f'<rect x="{x - wide / 2:g}" y="{y - TALL / 2:g}" width="{wide}" height="{TALL}" rx="9"/>'
    texts = [_text(x, y + 4.5 + 17 * (k - (len(lines) - 1) / 2), line) for k, line in enumerate(lines)]
    note = [_text(x, y + TALL / 2 + 14, below, "s")] if below else []
    return "".join([rect, *texts, *note])


def _arrow(start: Place, end: Place, down: int, kind: str, label: str) -> str:
    x0, x1 = (_side(place, towards) for place, towards in ((start, end), (end, start)))
    y0, y1 = (DOWN[count][number] + down for _, number, count in (start, end))
    crosses = y0 != y1 and 1 not in (start[2], end[2])
    share = 0.5 if not crosses else ALONG if x0 < x1 else 1 - ALONG
    x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
    turn = math.degrees(math.atan2(y1 - y0, x1 - x0)) + (180 if x1 < x0 else 0)
    path = f'<path class="{kind}" marker-end="url(#{kind})" d="M{x0:g} {y0:g}L{x1:g} {y1:g}"/>'
    words = _text(0, -6, f'<tspan class="{kind}">{label}</tspan>', "s")
    return f'{path}<g transform="translate({x:.1f} {y:.1f}) rotate({turn:.2f})">{words}</g>'


def _side(place: Place, towards: Place) -> float:
    return ACROSS[place[0]] + (WIDE[place[0]] / 2 + 3) * (1 if towards[0] > place[0] else -1)


def _heading(y: int, text: str) -> str:
    return f'<text class="h" x="14" y="{y}">{escape(text)}</text>'


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    shown = text.replace("<sub>", '<tspan dy="3" font-size="10">').replace(
        "</sub>", '</tspan><tspan dy="-3">\u200b</tspan>'
    )
    return f'<text{f" class={chr(34)}{kind}{chr(34)}" if kind else ""} x="{x:g}" y="{y:g}">{shown}</text>'


def _n(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")  # noqa: RUF001  # a minus


if __name__ == "__main__":
    FILE.write_text(svg(), encoding="utf-8", newline="\n")
    print(FILE)
