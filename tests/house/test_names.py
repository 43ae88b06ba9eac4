"""Names over the syntax trees of bpframe: none stands for two things, none is a participle, and a file says its own.

Run as a script, it prints what has no explanation yet: `python tests/house/test_names.py`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Places = dict[str, list[str]]  # name -> the files that have it, relative to the package

STEMS: dict[str, str] = {  # file stems that stand twice, and why
    "compare": "the command `bpframe compare`; runs/lock/compare.py compares locks",
    "dialect": "the protocol, and each language's own, in a folder of its own",
    "exporter": "each form has its exporter, in a folder of its own",
    "report": "the command `bpframe report`; in the kit the report of its checks",
    "session": "each engine has its session, in a folder of its own",
}
CLASSES: dict[str, str] = {
    "Namespace": "types.Namespace is that of the Array API, registry's are bp.losses, bp.optimizers, ...",
}
FUNCTIONS: dict[str, str] = {
    "check": "the command `bpframe check` runs bpframe.testing.check",
    "export": "the command `bpframe export` runs bpframe.export",
    "evaluate": "the command `bpframe evaluate`; in the recursion it is the forward pass in evaluation mode",
    "sweep": "the command `bpframe sweep`; bpframe.plugin.sweep is public, and removes temporary files",
    "trace": "the command `bpframe trace`, whose numbers come from the function",
    "load": "bpframe.datasets.load is public, and so is bpframe.load",
}
PARTICIPLES = frozenset(
    """
    admitted alone apart asked begun bounded closed compared declared described drawn explained fitted found
    frozen given held kept known locked made measured meant noted opened own passed present prepared rendered
    resolved restored said seen settled shown sliced sought stored surveyed told touched trained tried
    untouched watched whole wanted written
    """.split()  # noqa: SIM905  # a list of words reads better as text
)
PARTICIPLES_THAT_STAY: dict[str, str] = {
    "frozen": "cli/frozen.py is about the option --frozen",
    "Wanted": "what the annotation of an argument wants",
    "wanted": "the function that gives it",
    "whole": "bpframe.checks is public",
}
FIRST_LINES: dict[str, str] = {}  # files whose first line explains the name without saying it, and why
SYNONYMS = {  # word of a file's name -> words by which a first line says it
    "cli": ("command line",),
    "datasets": ("data",),
    "lr": ("learning rate",),
    "sklearn": ("scikit-learn",),
}


def sources(package: Path) -> dict[str, ast.Module]:
    """The syntax tree of every file of a package, by its path in the package."""
    return {
        file.relative_to(package).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
        for file in sorted(package.rglob("*.py"))
    }


def definitions(trees: Mapping[str, ast.Module], kind: type[ast.stmt]) -> Places:
    """The public classes or functions at the top of each file."""
    found: Places = defaultdict(list)
    for path, module in trees.items():
        for node in module.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and type(node) is kind and node.name[0] != "_":
                found[node.name].append(path)
    return found


def stems(trees: Mapping[str, ast.Module]) -> Places:
    """The files by their stems; packages, which are named by their folders, aside."""
    found: Places = defaultdict(list)
    for path in trees:
        if not Path(path).stem.startswith("__"):
            found[Path(path).stem].append(path)
    return found


def doubles(places: Places, reasons: Mapping[str, str], what: str) -> Iterator[str]:
    """A line for each name that stands twice without a reason, and for each reason that is no longer needed."""
    for name, files in places.items():
        if len(files) > 1 and name not in reasons:
            yield f"{what} {name} stands for {len(files)} things: {', '.join(files)}"
    for name in reasons:
        if len(places.get(name, ())) < 2:
            yield f"{what} {name} has a reason to stand twice, but does not"


def participles(names: Iterable[str], reasons: Mapping[str, str]) -> Iterator[str]:
    """A line for each name that is a participle, and for each reason that is no longer needed."""
    bad = {name for name in names if name.lower() in PARTICIPLES}
    yield from (f"{name} is a participle" for name in sorted(bad - reasons.keys()))
    yield from (f"{name} has a reason to be a participle, but is gone" for name in sorted(reasons.keys() - bad))


def words(path: str) -> list[str]:
    """The words of a file's name, that of its folder for a package."""
    file = Path(path)
    return (file.parent.name if file.stem == "__init__" else file.stem.strip("_")).split("_")


def says(line: str, word: str) -> bool:
    """Whether a first line has a word or one of its forms: normalise a plural, "-ing" and "-e"; synonyms count."""
    stem = re.sub(r"(?<=\w{3})(ies|ing|es|e|s|y)$", "", word)
    return any(re.search(rf"\b{re.escape(text)}", line, re.IGNORECASE) for text in (stem, *SYNONYMS.get(word, ())))


def first_lines(trees: Mapping[str, ast.Module], reasons: Mapping[str, str]) -> Iterator[str]:
    """A line for each file whose docstring does not say its name at once, and for each reason no longer needed."""
    for path, module in trees.items():
        line = (ast.get_docstring(module) or "").partition("\n")[0]
        missing = [word for word in words(path) if word and not says(line, word)]
        if missing and path not in reasons:
            yield f"{path}: {', '.join(missing)} not in '{line}'"
        if not missing and path in reasons:
            yield f"{path} has a reason for another first line, but does not need it"
    yield from (f"{path} has a reason for another first line, but is gone" for path in reasons if path not in trees)


def problems(package: Path) -> dict[str, list[str]]:
    """What is wrong with the names of a package, by the name of the check."""
    trees = sources(package)
    trees.pop("__init__.py", None)
    classes, functions = definitions(trees, ast.ClassDef), definitions(trees, ast.FunctionDef)
    return {
        "stems": list(doubles(stems(trees), STEMS, "file")),
        "classes": list(doubles(classes, CLASSES, "class")),
        "functions": list(doubles(functions, FUNCTIONS, "function")),
        "participles": list(participles([*classes, *functions, *stems(trees)], PARTICIPLES_THAT_STAY)),
        "first lines": list(first_lines(trees, FIRST_LINES)),
    }


@pytest.mark.parametrize("check", ["stems", "classes", "functions", "participles", "first lines"])
def test_every_name_of_bpframe_stands_for_one_thing_and_says_it(check: str) -> None:
    found = problems(ROOT / "bpframe")[check]
    assert not found, "\n".join(found)


def module(text: str) -> ast.Module:
    return ast.parse(text)


def test_a_name_that_stands_twice_is_found_and_so_is_a_reason_that_is_not_needed() -> None:
    trees = {"a/one.py": module("class Thing: ..."), "b/one.py": module("class Thing: ...\ndef _own(): ...")}
    assert list(doubles(definitions(trees, ast.ClassDef), {}, "class")) == [
        "class Thing stands for 2 things: a/one.py, b/one.py"
    ]
    assert list(doubles(definitions(trees, ast.ClassDef), {"Thing": "it is one"}, "class")) == []
    assert list(doubles(definitions(trees, ast.FunctionDef), {"fit": "no"}, "function")) == [
        "function fit has a reason to stand twice, but does not"
    ]
    assert list(doubles(stems(trees), {}, "file")) == ["file one stands for 2 things: a/one.py, b/one.py"]


def test_a_participle_is_found_and_so_is_a_reason_that_is_not_needed() -> None:
    assert list(participles(["told", "Found", "read"], {})) == ["Found is a participle", "told is a participle"]
    assert list(participles(["told"], {"told": "it stays", "made": "it stays"})) == [
        "made has a reason to be a participle, but is gone"
    ]


@pytest.mark.parametrize(
    ("path", "line", "wrong"),
    [
        ("a/tensor_file.py", "Files of tensors.", False),
        ("a/tensor_file.py", "What is kept.", True),
        ("a/entries.py", "An entry of a lock.", False),
        ("saving/__init__.py", "Saved to files.", False),
        ("sklearn/__init__.py", "Estimators for scikit-learn.", False),
        ("a/memory.py", "What is remembered.", True),
    ],
)
def test_a_first_line_says_the_name_of_its_file(path: str, line: str, wrong: bool) -> None:
    assert bool(list(first_lines({path: module(f'"""{line}"""')}, {}))) == wrong
    assert bool(list(first_lines({path: module(f'"""{line}"""')}, {path: "a reason"}))) != wrong


if __name__ == "__main__":
    for title, lines in problems(ROOT / "bpframe").items():
        print(f"{title}: {len(lines)}", *lines, sep="\n  ")
