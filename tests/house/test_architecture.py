"""The page on the architecture is about the code as it is: its files, functions, floors and libraries exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.house.test_floors import FLOORS, ONLY_IN

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
SPAN = re.compile(r"`([^`\n]+)`")
PLACE = re.compile(r"([\w/]+\.py)(?::([\w.]+))?")  # a file, or a function, method or class in it
ROW = re.compile(r"^\| (.+?) \| (.+?) \|", re.MULTILINE)
WORD = re.compile(r"[A-Za-z_][\w.]*")
BASES = ("plugins", "tests", "tools", "docs")  # paths that do not begin in bpframe/
ELSEWHERE = {"Trainer", "state", "bp", "bpframe_cauchy"}  # first words of spans that are examples


def places(page: str) -> list[tuple[str, str]]:
    """(path, name or "") of every file and function that a page names."""
    return [(match[1], match[2] or "") for span in SPAN.findall(page) if (match := PLACE.fullmatch(span))]


def absent(page: str, root: Path = ROOT) -> list[str]:
    """The files and functions that a page names and nobody finds."""
    wrong = []
    for path, name in places(page):
        file = root / path if path.split("/")[0] in BASES else root / "bpframe" / path
        if not file.is_file():
            wrong.append(path)
        elif name and not defined(ast.parse(file.read_text(encoding="utf-8")).body, name.split(".")):
            wrong.append(f"{path}:{name}")
    return wrong


def defined(body: Sequence[ast.stmt], names: list[str]) -> bool:
    """Whether a module's or a class's body defines names[0], and that the rest."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == names[0]:
            return len(names) == 1 or defined(node.body, names[1:])
    return False


def rows(heading: str) -> Iterator[tuple[str, str]]:
    """The first two cells of each row of the table below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    yield from ROW.findall(section)[1:]


def test_every_file_and_function_that_the_page_names_exists() -> None:
    assert len(places(PAGE)) > 50
    assert absent(PAGE) == []


def test_every_other_name_of_the_page_occurs_in_the_sources() -> None:
    files = [file for folder in ("bpframe", "plugins") for file in (ROOT / folder).rglob("*.py")]
    known = set(re.findall(r"\w+", "\n".join(file.read_text(encoding="utf-8") for file in files)))
    spans = [span for span in SPAN.findall(PAGE) if WORD.fullmatch(span) and not PLACE.fullmatch(span)]
    names = {word for span in spans if span.split(".")[0] not in ELSEWHERE for word in span.split(".")}
    packages = {path.name for folder in ("bpframe", "plugins") for path in (ROOT / folder).rglob("*")}
    packages |= {path.stem for path in (ROOT / "bpframe").iterdir()}
    assert names - known - packages - {"jsonl"} == set()


def test_the_page_has_the_floors_of_the_table() -> None:
    shown = {int(floor): " ".join(SPAN.findall(names)) for floor, names in rows("Rooms and floors")}
    assert shown == dict(enumerate(FLOORS, start=1))


def test_the_page_names_the_rooms_that_may_import_each_library() -> None:
    shown = {
        library: set(SPAN.findall(rooms))
        for libraries, rooms in rows("Who may import which library")
        for library in SPAN.findall(libraries)
    }
    assert shown == ONLY_IN


def test_the_map_for_contributors_has_every_name_of_the_floors() -> None:
    spans = SPAN.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    there = {span.removesuffix(".pyi").removesuffix(".py").removesuffix("/") for span in spans}
    assert set(" ".join(FLOORS).split()) - {"__init__", "__main__", "version"} - there == set()


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("`network/backprop.py:forward` and `plugins/bpframe_layers/dense.py:Dense.forward`", []),
        ("`network/backprop.py:forwards`", ["network/backprop.py:forwards"]),
        ("`network/backprop.py:CostLayer.forward`", ["network/backprop.py:CostLayer.forward"]),
        ("`network/forwards.py`", ["network/forwards.py"]),
    ],
)
def test_a_name_that_went_away_is_found(page: str, expected: list[str]) -> None:
    assert absent(page) == expected
