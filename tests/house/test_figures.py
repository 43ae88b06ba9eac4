"""Facts that several documents state are the same in each, and those of the sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bpframe.cli.exit_codes import EXPLANATIONS
from bpframe.registry import build

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PERFORMANCE = page("docs/explanation/performance.md")


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every table."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def ratios(text: str) -> dict[tuple[str, str, str], str]:
    """The median of each cell "numpy / peer" or "jax / peer" by (net, engine, peer)."""
    found, heads, net = {}, [], ""
    for cells in rows(text):
        if cells[0] == "net, batch":
            heads = cells
        elif re.match(r"\d+-", cells[0]):
            net = cells[0]
        elif re.fullmatch(r"(numpy|jax) / peer", cells[0]) and len(cells) == len(heads):
            engine = cells[0].partition(" ")[0]
            pairs = [(peer, cell.split()[0]) for peer, cell in zip(heads, cells, strict=True) if "(" in cell]
            found |= {(net, engine, peer): median for peer, median in pairs}
    return found


def test_the_table_of_the_readme_is_that_of_the_page_on_performance() -> None:
    known, compared = ratios(PERFORMANCE), 0
    peers = {"PyTorch eager": "torch eager", "scikit-learn": "scikit-learn", "hand-written JAX": "jit + optax by hand"}
    heads: list[str] = []
    for cells in rows(page("README.md")):
        heads = cells if cells[0] == "net, batch" else heads
        for head, cell in zip(heads, cells, strict=False):
            if re.match(r"\d+-", cells[0]) and head in peers:
                of = [known[cells[0], engine, peers[head]] for engine in ("numpy", "jax")]
                assert cell == f"{of[0]}, with jax {of[1]}"
                compared += 1
    assert compared == 9


def test_a_table_that_differs_is_found() -> None:
    text = "| net, batch | a |\n|---|---|\n| 2-3, 4 | 5 |\n| numpy / peer | 0.10 (0.09 to 0.12) |\n"
    assert ratios(text) == {("2-3, 4", "numpy", "a"): "0.10"}


def test_there_is_one_figure_for_the_time_to_compile() -> None:
    table = PERFORMANCE.partition("The first epoch of 20 steps")[2].partition("Measured on")[0]
    seconds = [float(row[2].split()[0]) for row in rows(table) if re.match(r"\d+-", row[0])]
    figure = f"{min(seconds):.1f} to {max(seconds):.1f} s"
    for name in ("explanation/performance", "how-to/shape-training", "how-to/replace-sklearn-mlp"):
        assert figure in page(f"docs/{name}.md").replace("\n", " ")
        assert not re.search(r"second or two|some 3 seconds|2 to 4 s ", page(f"docs/{name}.md"))


def test_every_environment_variable_that_is_read_is_named_and_none_is_set() -> None:
    files = [path for folder in ("bpframe", "plugins") for path in (ROOT / folder).rglob("*.py")]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in files)
    read = re.findall(r"environ(?:\.get\(|\[)f?\"([^\"]+)\"", sources)
    read += re.findall(r"^VARIABLE = \"([^\"]+)\"", sources, re.MULTILINE)
    assert "BPFRAME_PLUGINS" in read
    named = page("docs/how-to/run-from-scripts.md").partition("## Environment variables")[2]
    assert [name for name in read if f"`{name.replace('{prefix}', 'OPENBLAS')}`" not in named] == []
    assert not re.search(r"environ\[[^\]]+\] = |environ\.(?:update|setdefault)|putenv", sources)


def test_the_page_for_scripts_has_the_exit_codes() -> None:
    table = [row for row in rows(page("docs/how-to/run-from-scripts.md")) if row[0].isdecimal()]
    assert [(int(code), what, again) for code, what, again in table] == [
        (code, what, again) for code, (what, again) in EXPLANATIONS.items()
    ]


@pytest.mark.parametrize("name", ["docs/how-to/resume-a-run.md", "docs/explanation/reliability.md"])
def test_what_may_be_another_in_a_run_that_goes_on_is_the_whole_list(name: str) -> None:
    changeable = [setting for engine in ("numpy", "jax") for setting, _ in build("engine", engine).changeable]
    assert [setting for setting in changeable if f"`{setting}`" not in page(name)] == []


def test_the_readme_has_the_pythons_that_are_tested() -> None:
    tested = re.findall(r'"(3\.\d+)"', page(".github/workflows/check.yml").partition("python: [")[2].partition("]")[0])
    least = re.search(r'requires-python = ">=([\d.]+)"', page("pyproject.toml"))
    assert least
    assert least[1] == tested[0]
    assert f"Python {tested[0]} or newer" in page("README.md")
    assert f"with {tested[0]} to {tested[-1]}" in page("README.md")
