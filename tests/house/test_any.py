"""How many parameters of the core say nothing of their type: a bare `Any`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

CORE = Path(__file__).parents[2] / "bpframe"
LIMIT = 0.08  # of all parameters


def parameters(source: str) -> Iterator[tuple[str, bool]]:
    """(function.parameter, whether its annotation is a bare Any), self, cls, *args and **kwargs left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                if argument.arg not in ("self", "cls"):
                    bare = argument.annotation is not None and ast.unparse(argument.annotation) == "Any"
                    yield f"{node.name}.{argument.arg}", bare


def counted(files: list[Path]) -> tuple[list[str], int]:
    """(the parameters that are a bare Any, each with its file; how many parameters there are)."""
    found = [(f"{file.name}:{name}", bare) for file in files for name, bare in parameters(file.read_text())]
    return [name for name, bare in found if bare], len(found)


def test_few_parameters_of_the_core_are_a_bare_any():
    bare, total = counted(sorted(CORE.rglob("*.py")))
    assert total > 1500
    assert len(bare) <= LIMIT * total, f"{len(bare)} of {total}: {', '.join(bare)}"


def test_a_bare_any_is_counted_and_one_inside_another_type_is_not():
    source = "def f(self, a: Any, b: list[Any], *args: Any, c: Any = 1, **rest: Any) -> Any: ..."
    assert list(parameters(source)) == [("f.a", True), ("f.b", False), ("f.c", True)]


if __name__ == "__main__":
    for room in sorted(path for path in CORE.iterdir() if path.is_dir() or path.suffix == ".py"):
        bare, total = counted(sorted(room.rglob("*.py")) if room.is_dir() else [room])
        print(f"{room.name:<16}{len(bare):>5} of {total:>5}  {', '.join(bare)}")
    bare, total = counted(sorted(CORE.rglob("*.py")))
    print(f"{'total':<16}{len(bare):>5} of {total:>5}  {len(bare) / max(total, 1):.1%}")
