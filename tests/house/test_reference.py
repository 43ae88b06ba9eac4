"""The reference is what the code says: pages up to date, every component with its formula, every plot its function."""

from __future__ import annotations

import inspect
import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

import bpframe as bp
from bpframe.registry import KINDS, Provider
from tools.reference import curves, engines, figure, pages
from tools.reference.docstring import read

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
BUNDLED = [p for p in bp.providers() if p.dist == "bpframe"]
FORMULAS = ("activation", "layer", "loss", "optimizer", "gradient_step", "schedule", "regularizer", "constraint")
PLOTS = sorted(REFERENCE.glob("plots/*/*.svg"))
SVG = "{http://www.w3.org/2000/svg}"


def by_provider() -> pytest.MarkDecorator:
    """A test for each name of each component."""
    return pytest.mark.parametrize("provider", BUNDLED, ids=lambda p: f"{p.kind}:{p.name}")


def entry(provider: Provider) -> str:
    """What the reference says of a component."""
    page = (REFERENCE / f"{KINDS[provider.kind].plural}.md").read_text(encoding="utf-8")
    found = re.search(rf"^## [^\n]*`{provider.name}`.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"{provider.name} has no entry"
    return found[0]


def test_reference_is_up_to_date() -> None:
    fresh = pages.files(engines.known())
    committed = {
        path.relative_to(REFERENCE).as_posix(): path.read_text(encoding="utf-8")
        for path in REFERENCE.rglob("*")
        if path.is_file()
    }
    stale = sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))
    assert not stale, f"docs/reference is not up to date: {', '.join(stale)}. Run: python -m tools.reference"


@by_provider()
def test_reference_has_formula_arguments_and_source_of_every_component(provider: Provider) -> None:
    text, component = entry(provider), bp.load(provider.kind, provider.name)
    arguments = [name for name in inspect.signature(component).parameters if name not in ("args", "kwargs")]
    assert "```text\n" in text or provider.kind not in FORMULAS
    assert [name for name in arguments if f"\n| `{name}` | `" not in text] == []
    assert arguments or "No arguments." in text
    assert text.count("\nSource: ") == ("Source: " in (inspect.getdoc(component) or ""))


@by_provider()
def test_overview_has_every_component_and_the_engines_it_runs_on(provider: Provider) -> None:
    overview = (REFERENCE / "components.md").read_text(encoding="utf-8")
    kind = KINDS[provider.kind].plural.replace("_", " ").capitalize()
    rows = overview.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    engines = "" if provider.kind in ("engine", "exporter", "source") else ".*numpy.*"  # which have no part in a step
    assert re.search(rf"^\| .*\b{provider.name}\b.* \| bpframe \| {engines} \|$", rows, re.MULTILINE)


@by_provider()
def test_activations_losses_and_schedules_are_drawn(provider: Provider) -> None:
    link = re.search(r"!\[.+\]\((plots/.+\.svg)\)", entry(provider))
    if provider.kind in ("activation", "loss", "schedule") and "\nNot drawn: " not in entry(provider):
        assert link
        assert (REFERENCE / link[1]).is_file()
    else:
        assert link is None


UNDRAWN = {  # what has no two axes: of several numbers a row, of rows beside each other
    *("glu", "swiglu", "maxout", "heads", "cox", "ranknet", "triplet", "corn", "cumulative_link", "mixture_density"),
}


def test_only_what_has_no_two_axes_is_not_drawn() -> None:
    assert {p.name for p in BUNDLED if "\nNot drawn: " in entry(p)} <= UNDRAWN


@dataclass(frozen=True)
class Picture:
    """A plot read back from its file: the curves' pieces and the ticks' places in pixels, and the ticks' numbers."""

    pieces: dict[str, list[list[tuple[float, float]]]]
    x: dict[float, float]  # number beside the axis -> pixel
    y: dict[float, float]

    @classmethod
    def read(cls, path: Path) -> Picture:
        """From the file."""
        root = ElementTree.parse(path).getroot()
        inner = root.find(f"{SVG}svg")
        assert inner is not None
        left, top = float(inner.attrib["x"]), float(inner.attrib["y"])
        pieces = {
            line.attrib["class"]: [
                [(left + float(x), top + float(y)) for x, y in (point.split() for point in piece.split("L"))]
                for piece in line.attrib["d"].split("M")[1:]
            ]
            for line in inner.iter(f"{SVG}path")
        }
        ticks: dict[str, dict[float, float]] = {
            axis: {
                float((text.text or "").replace("\N{MINUS SIGN}", "-")): float(text.attrib[axis])
                for text in root.iter(f"{SVG}text")
                if text.attrib["class"] == place
            }
            for axis, place in (("x", "m"), ("y", "e"))
        }
        return cls(pieces, **ticks)

    def height(self, line: str, at: float) -> float:
        """The y that a curve shows at x."""
        px = rescaled(at, self.x)
        for piece in self.pieces[line]:
            for (x0, y0), (x1, y1) in itertools.pairwise(piece):
                if x0 <= px <= x1:
                    return rescaled(y0 + (y1 - y0) * (px - x0) / (x1 - x0), {p: v for v, p in self.y.items()})
        raise AssertionError(f"the curve {line} is not drawn at {at}")


def rescaled(value: float, table: dict[float, float]) -> float:
    """A number on another scale, known at two numbers or more."""
    (a, pa), (b, pb) = min(table.items()), max(table.items())
    return pa + (pb - pa) * (value - a) / (b - a)


@pytest.mark.parametrize("path", PLOTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_plot_is_small_and_shows_finite_curves(path: Path) -> None:
    picture = Picture.read(path)
    assert path.stat().st_size < 6000
    assert len(picture.x) >= 3
    assert len(picture.y) >= 3
    assert sorted(picture.x) == sorted(picture.x, key=lambda tick: picture.x[tick])
    assert sorted(picture.y) == sorted(picture.y, key=lambda tick: -picture.y[tick]), "pixels count downwards"
    for pieces in picture.pieces.values():
        points = [point for piece in pieces for point in piece]
        assert len(points) >= 2
        assert all(math.isfinite(number) for point in points for number in point)
        assert any(32 <= y <= 196 for _, y in points), "the curve lies outside of the picture"


@pytest.mark.parametrize(
    ("name", "value", "slope"),
    [
        ("activations/tanh", math.tanh, lambda u: 1 / math.cosh(u) ** 2),
        ("activations/relu6", lambda u: min(max(u, 0), 6), lambda u: float(0 < u < 6)),
        (
            "activations/silu",
            lambda u: u / (1 + math.exp(-u)),
            lambda u: (1 + (1 + u) / math.e**u) / (1 + math.e**-u) ** 2,
        ),
        ("losses/mse", lambda r: r * r / 2, lambda r: r),
        ("losses/mae", abs, lambda r: math.copysign(1, r)),
        ("losses/softmax_cross_entropy", lambda z: math.log(1 + 2 / math.e**z), lambda z: -2 / (math.e**z + 2)),
    ],
)
def test_plot_shows_the_function(name: str, value: Callable[[float], float], slope: Callable[[float], float]) -> None:
    picture = Picture.read(REFERENCE / f"plots/{name}.svg")
    pixel = abs(rescaled(1, {p: v for v, p in picture.y.items()}) - rescaled(0, {p: v for v, p in picture.y.items()}))
    for at in (-2.3, -0.9, 0.4, 1.7, 2.6):
        assert picture.height("c0", at) == pytest.approx(value(at), abs=pixel)
        assert picture.height("c1", at) == pytest.approx(slope(at), abs=pixel)


def test_plot_of_a_schedule_shows_its_run() -> None:
    picture = Picture.read(REFERENCE / "plots/schedules/cosine.svg")
    for t in (100, 500, 900):
        assert picture.height("c0", t) == pytest.approx(0.05 * (1 + math.cos(math.pi * t / 1000)), abs=1e-3)


def test_reference_has_every_public_name() -> None:
    text = (REFERENCE / "api.md").read_text(encoding="utf-8")
    assert [name for name in bp.__all__ if not re.search(rf"\b{name}\b", text)] == []


# ------------------------------------------------------------------------------------- the generator's tools at work


def test_curve_lifts_the_pen_at_jumps_and_holes_only() -> None:
    jump = curves.curve("sign", lambda x: math.copysign(1, x - 0.3), (-1, 1)).pieces
    assert [piece[0][1] for piece in jump] == [-1, 1]
    assert jump[0][-1][0] == pytest.approx(0.3)
    assert jump[1][0][0] == pytest.approx(0.3)
    assert len(curves.curve("steep", lambda x: math.atan(1000 * x), (-1, 1)).pieces) == 1
    assert len(curves.curve("hole", lambda x: math.nan if abs(x) < 0.1 else x, (-1, 1)).pieces) == 2


def test_curve_that_is_nowhere_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="loss is not finite anywhere"):
        curves.curve("loss", lambda x: math.inf, (0, 1))


def test_simplified_curve_passes_every_point_left_out() -> None:
    points = [(x / 10, math.sin(x / 10)) for x in range(100)]
    kept = curves.simplified(points, 0.01)
    assert 10 < len(kept) < 50
    for x, y in points:
        (x0, y0), (x1, y1) = next(pair for pair in itertools.pairwise(kept) if pair[0][0] <= x <= pair[1][0])
        assert abs(y0 + (y1 - y0) * (x - x0) / (x1 - x0) - y) < 0.015  # a distance of 0.01, straight up


@pytest.mark.parametrize(
    ("ends", "most", "expected"),
    [
        ((-4.3, 4.3), 8, [-4, -2, 0, 2, 4]),
        ((0, 1000), 8, [0, 200, 400, 600, 800, 1000]),
        ((-0.006, 0.1), 6, [0, 0.02, 0.04, 0.06, 0.08, 0.1]),
    ],
)
def test_ticks_are_round_numbers(
    ends: tuple[float, float],
    most: int,
    expected: list[float],
) -> None:
    assert figure.ticks(ends, most) == pytest.approx(expected)


def test_docstring_is_taken_apart() -> None:
    huber = read(bp.load("loss", "huber"))
    assert huber.what == "Huber loss"
    assert huber.shapes.startswith("Shapes: z (B, C) scores")
    assert "loss = sum_c r_c^2 / 2" in huber.formula
    assert "units of y" in huber.notes
    assert huber.source.startswith("Huber (1964)")
