"""The documents keep their word: every block runs, prints what is shown, and every link leads somewhere.

A fenced block is told by the first word behind its fence:

    python    runs, after those above it in the same file, in one namespace and a folder of its own, warnings as errors;
              with a first line "# from PATH" it is a quotation of that source file and must occur in it
    toml      must parse; a whole config must pass the config check; "toml file=NAME" is also written to NAME
    console   each line "$ bpframe ..." is run as a command in the same folder
    text      directly below a python or console block: what that block prints

Printed words and whole numbers must be the same. Numbers with a fraction may be off by 1% or by one in the last digit
shown, and below 1e-6 are zero: sums of float32 numbers differ that much between builds of BLAS. A number followed by
"s" is a time and may be any.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import itertools
import json
import math
import os
import re
import shlex
import subprocess
import sys
import tomllib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import bpframe as bp
from bpframe.registry import KINDS, Provider
from bpframe.runs import config

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/**/*.md"))]
WITH_BLOCKS = [path for path in DOCUMENTS if path.parent != REFERENCE and "```" in path.read_text(encoding="utf-8")]
FENCE = re.compile(r"^```(\w*)[ ]?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d*)?(?:e[-+]?\d+)?(?!\w)")
SECONDS = re.compile(r"(?<![\w.])\d+(?:\.\d*)?(?= ?s\b)")  # any number will do
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def by_name(documents: list[Path]) -> pytest.MarkDecorator:
    """A test for each document."""
    return pytest.mark.parametrize("document", documents, ids=lambda path: path.relative_to(ROOT).as_posix())


@dataclass(frozen=True)
class Block:
    """One fenced block: language, the rest of the line of the fence, contents, number of its first line."""

    language: str
    note: str
    text: str
    line: int
    printed: str | None = None  # the text block directly below

    @property
    def quoted(self) -> str | None:
        """The source file that the block quotes."""
        match = re.match(r"# from (\S+)\n", self.text)
        return match[1] if match and self.language == "python" else None


def blocks(document: str) -> Iterator[Block]:
    """The blocks of a document in order."""
    found = list(FENCE.finditer(document))
    for match, after in itertools.zip_longest(found, found[1:]):
        below = after and after[1] == "text" and not document[match.end() : after.start()].strip()
        line = document.count("\n", 0, match.start(3)) + 1
        yield Block(match[1], match[2], match[3], line, after[3] if after and below else None)


# ------------------------------------------------------------------------------------------------- blocks that run


def play(path: Path) -> list[str]:
    """Run a document's blocks in the present folder; what each of them printed."""
    scope = {"__name__": "__main__"}
    printed = []
    for block in blocks(path.read_text(encoding="utf-8")):
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            if block.language == "python" and not block.quoted:
                exec(compile("\n" * (block.line - 1) + block.text, path, "exec"), scope)
            elif block.language == "console":
                command(block)
            elif block.note.startswith("file="):
                Path(block.note.removeprefix("file=")).write_text(block.text, encoding="utf-8")
        printed.append(stream.getvalue())
    return printed


def command(block: Block) -> None:
    """Run the block's bpframe commands, and print what they print."""
    for line in block.text.splitlines():
        if line.startswith("$ bpframe "):
            start = [sys.executable, "-W", "error", "-c", "from bpframe.cli import main; main()"]
            done = subprocess.run([*start, *shlex.split(line)[2:]], capture_output=True, text=True, timeout=300)
            if done.returncode:
                raise SystemExit(
                    f"line {block.line}: {line!r} exits with {done.returncode}: {done.stderr}{done.stdout}"
                )
            print(done.stdout, end="")


def played(path: Path, folder: Path) -> list[str]:
    """`play` in a fresh interpreter, so that no document leaves anything behind; AssertionError if it fails."""
    path_of_imports = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "COLUMNS": "120"}
    arguments = [sys.executable, "-W", "error", __file__, str(path)]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=folder, env=path_of_imports, timeout=600)
    assert done.returncode == 0, done.stderr
    answer: list[str] = json.loads(done.stdout)
    return answer


def differences(shown: str, printed: str) -> list[str]:
    """The lines of `shown` that `printed` does not match; see the top of this file for what a match is."""
    pairs = zip(shown.rstrip().splitlines(), printed.rstrip().splitlines(), strict=False)
    found = [f"shown   {a}\nprinted {b}" for a, b in pairs if not same(a, b)]
    lengths = [len(text.rstrip().splitlines()) for text in (shown, printed)]
    return (
        found if lengths[0] == lengths[1] else [*found, f"{lengths[0]} lines shown, {lengths[1]} printed:\n{printed}"]
    )


def same(shown: str, printed: str) -> bool:
    """Whether one printed line is what was shown."""
    shown, printed = (SECONDS.sub("", line) for line in (shown, printed))
    words = ["".join(NUMBER.sub("#", line).split()) for line in (shown, printed)]
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=False)
    return words[0] == words[1] and all(close(a, b) for a, b in pairs)


def close(shown: str, printed: str) -> bool:
    """Whether a printed number is the one shown; exactly, unless it has a fraction."""
    a, b = (text.replace(",", "").lower() for text in (shown, printed))
    if not re.search(r"[.e]", a + b):
        return int(a) == int(b)
    digits, _, exponent = a.partition("e")
    last = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    return abs(float(a) - float(b)) <= max(0.01 * abs(float(a)), 1.01 * last, 1e-6)


@by_name(WITH_BLOCKS)
def test_every_block_runs_and_prints_what_is_shown(document: Path, tmp_path: Path) -> None:
    written = list(blocks(document.read_text(encoding="utf-8")))
    wrong = []
    for block, printed in zip(written, played(document, tmp_path), strict=True):
        if block.printed is not None and block.language in ("python", "console"):
            wrong += [f"{document.name}, line {block.line}: {text}" for text in differences(block.printed, printed)]
    assert not wrong, "\n".join(wrong)


# ----------------------------------------------------------------------------------------- blocks that are compared


@by_name(WITH_BLOCKS)
def test_quoted_code_occurs_in_the_source(document: Path) -> None:
    for block in blocks(document.read_text(encoding="utf-8")):
        if block.quoted:
            assert not missing(block.text, (ROOT / block.quoted).read_text(encoding="utf-8")), f"not in {block.quoted}"


def missing(quotation: str, source: str) -> list[str]:
    """The pieces of a quotation (cut where it says ...) that do not occur in the source, indentation aside."""
    lines = [[line.strip() for line in text.splitlines() if line.strip()] for text in (quotation, source)]
    pieces = "\n".join(lines[0][1:]).split("\n...\n")
    return [piece for piece in pieces if f"\n{piece}\n" not in "\n".join(["", *lines[1], ""])]


@by_name(WITH_BLOCKS)
def test_toml_parses_and_whole_configs_pass_the_config_check(document: Path, tmp_path: Path) -> None:
    for block in blocks(document.read_text(encoding="utf-8")):
        if block.language == "toml" and "model" in tomllib.loads(block.text):
            (tmp_path / "config.toml").write_text(block.text, encoding="utf-8")
            config.load(tmp_path / "config.toml")


@by_name(DOCUMENTS)
def test_relative_links_lead_to_files_and_headings(document: Path) -> None:
    for link in LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            target = (document.parent / path).resolve() if path else document
            assert target.exists(), f"{link} leads nowhere"
            assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), f"{link}: no such heading"


def anchors(document: str) -> set[str]:
    """What the headings of a document are called in links."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


# ----------------------------------------------------------------------------------------------------- the reference

BUNDLED = [p for p in bp.providers() if p.dist == "bpframe"]
FORMULAS = ("activation", "layer", "loss", "optimizer", "gradient_step", "schedule", "regularizer", "constraint")
PLOTS = sorted(REFERENCE.glob("plots/*/*.svg"))
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def generator() -> Iterator[Callable[[str], Any]]:
    """Imports one of the generator's modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        yield importlib.import_module


def by_provider() -> pytest.MarkDecorator:
    """A test for each name of each component."""
    return pytest.mark.parametrize("provider", BUNDLED, ids=lambda p: f"{p.kind}:{p.name}")


def entry(provider: Provider) -> str:
    """What the reference says of a component."""
    page = (REFERENCE / f"{KINDS[provider.kind].plural}.md").read_text(encoding="utf-8")
    found = re.search(rf"^## [^\n]*`{provider.name}`.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"{provider.name} has no entry"
    return found[0]


def test_reference_is_up_to_date(generator: Callable[[str], Any]) -> None:
    fresh: dict[str, str] = generator("make_reference").files(generator("reference_pages.engines").known())
    committed = {
        path.relative_to(REFERENCE).as_posix(): path.read_text(encoding="utf-8")
        for path in REFERENCE.rglob("*")
        if path.is_file()
    }
    stale = sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))
    assert not stale, f"docs/reference is not up to date: {', '.join(stale)}. Run: python docs/make_reference.py"


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
    engines = "" if provider.kind == "engine" else ".*numpy.*"
    assert re.search(rf"^\| .*\b{provider.name}\b.* \| bpframe \| {engines} \|$", rows, re.MULTILINE)


@by_provider()
def test_activations_losses_and_schedules_are_drawn(provider: Provider) -> None:
    link = re.search(r"!\[.+\]\((plots/.+\.svg)\)", entry(provider))
    if provider.kind in ("activation", "loss", "schedule") and "\nNot drawn: " not in entry(provider):
        assert link
        assert (REFERENCE / link[1]).is_file()
    else:
        assert link is None


def test_only_what_has_no_two_axes_is_not_drawn() -> None:
    assert {p.name for p in BUNDLED if "\nNot drawn: " in entry(p)} <= {"glu", "swiglu", "heads"}


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


def test_curve_lifts_the_pen_at_jumps_and_holes_only(generator: Callable[[str], Any]) -> None:
    curves = generator("reference_pages.curves")
    jump = curves.curve("sign", lambda x: math.copysign(1, x - 0.3), (-1, 1)).pieces
    assert [piece[0][1] for piece in jump] == [-1, 1]
    assert jump[0][-1][0] == pytest.approx(0.3)
    assert jump[1][0][0] == pytest.approx(0.3)
    assert len(curves.curve("steep", lambda x: math.atan(1000 * x), (-1, 1)).pieces) == 1
    assert len(curves.curve("hole", lambda x: math.nan if abs(x) < 0.1 else x, (-1, 1)).pieces) == 2


def test_curve_that_is_nowhere_finite_is_refused(generator: Callable[[str], Any]) -> None:
    curves = generator("reference_pages.curves")
    with pytest.raises(ValueError, match="loss is not finite anywhere"):
        curves.curve("loss", lambda x: math.inf, (0, 1))


def test_simplified_curve_passes_every_point_left_out(generator: Callable[[str], Any]) -> None:
    simplified = generator("reference_pages.curves").simplified
    points = [(x / 10, math.sin(x / 10)) for x in range(100)]
    kept = simplified(points, 0.01)
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
    ends: tuple[float, float], most: int, expected: list[float], generator: Callable[[str], Any]
) -> None:
    assert generator("reference_pages.figure").ticks(ends, most) == pytest.approx(expected)


def test_docstring_is_taken_apart(generator: Callable[[str], Any]) -> None:
    read = generator("reference_pages.docstring").read
    huber = read(bp.load("loss", "huber"))
    assert huber.what == "Huber loss"
    assert huber.shapes.startswith("Shapes: z (B, C) scores")
    assert "loss = sum_c r_c^2 / 2" in huber.formula
    assert "units of y" in huber.notes
    assert huber.source.startswith("Huber (1964)")


# -------------------------------------------------------------------------------------- this file's own tools at work

SAMPLE = "# Title\n\n```python\nprint(1.5)\n```\n\n```text\n1.5\n```\n\nWords.\n\n```toml file=a.toml\nx = 1\n```\n"


def test_extractor_finds_blocks_and_what_they_print() -> None:
    assert list(blocks(SAMPLE)) == [
        Block("python", "", "print(1.5)\n", 4, "1.5\n"),
        Block("text", "", "1.5\n", 8),
        Block("toml", "file=a.toml", "x = 1\n", 14),
    ]


def test_documents_have_blocks() -> None:
    languages = [block.language for path in DOCUMENTS for block in blocks(path.read_text(encoding="utf-8"))]
    assert {"python", "text", "toml", "console"} <= set(languages)


@pytest.mark.parametrize("bad", ["1 / 0", "import warnings; warnings.warn('old')", "open('missing')"])
def test_block_that_fails_or_warns_fails(bad: str, tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_text(f"```python\n{bad}\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="line 2"):
        played(tmp_path / "bad.md", tmp_path)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("loss 0.10", "loss 0.13"),
        ("loss 0.1", "cost 0.1"),
        ("(32, 2)", "(31, 2)"),
        ("a\nb", "a"),
        ("a", "a\nb"),
        ("1.0e-3", "2.0e-3"),
    ],
)
def test_comparison_rejects(shown: str, printed: str) -> None:
    assert differences(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("loss 0.10", "loss 0.11"),
        ("[ 1.0  -2.0]", "[1.001 -2.0]"),
        ("0.5 s, loss 2.5", "17 s, loss 2.5"),
        ("2e-9 dense_1", "-3.1e-10 dense_1"),
    ],
)
def test_comparison_accepts(shown: str, printed: str) -> None:
    assert not differences(shown, printed)


def test_quotation_that_differs_is_found() -> None:
    source = "def f():\n    a = 1\n    b = 2\n    c = 3\n"
    assert not missing("# from x.py\na = 1\n...\nc = 3\n", source)
    assert missing("# from x.py\na = 1\nc = 3\n", source)


if __name__ == "__main__":
    try:
        print(json.dumps(play(Path(sys.argv[1]))))
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None
