"""The source code of a component: file, line, docstring and syntax tree, without importing it."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path

from bpframe.registry.code_digest import digest

MOST_HOPS = 8  # re-exports followed from one module to the next
Node = ast.ClassDef | ast.FunctionDef


@dataclass(frozen=True)
class SourceCode:
    """The file and line where a target is defined, and its docstring."""

    file: Path
    line: int
    docstring: str

    @property
    def hash(self) -> str:
        """The `digest` of the file."""
        return digest(self.file.read_bytes())


@dataclass(frozen=True)
class Definition:
    """The definition of a target: its module, that module's file and syntax tree, and the class or function in it.

    `node` is None if the module has no such class or function, as for a name assigned from a call.
    """

    module: str
    file: Path
    tree: ast.Module = field(repr=False)
    node: Node | None = field(repr=False)

    @property
    def target(self) -> str:
        """ "module:attribute" of the definition itself, not of a re-export."""
        return f"{self.module}:{self.node.name if self.node else ''}"

    def origin(self, name: str) -> str | None:
        """The target "module:attribute" of a name in this module; None if it is neither defined nor imported there."""
        if any(isinstance(node, Node) and node.name == name for node in self.tree.body):
            return f"{self.module}:{name}"
        package = self.module if self.file.name == "__init__.py" else self.module.rpartition(".")[0]
        return next((found for found in _import_targets(self.tree.body, package, name)), None)


def find_source(target: str) -> SourceCode | None:
    """The source of "module:attribute"; None if it cannot be found, as for compiled modules."""
    found = find_definition(target)
    if found is not None and found.node is not None:
        return SourceCode(found.file, found.node.lineno, inspect.cleandoc(ast.get_docstring(found.node) or ""))
    if found is not None:
        return SourceCode(found.file, 1, ast.get_docstring(found.tree) or "")
    file = module_file(target.partition(":")[0].strip())
    return None if file is None else SourceCode(file, 1, "")


def find_definition(target: str, hops: int = MOST_HOPS) -> Definition | None:
    """The definition of "module:attribute", followed through imports; None if its module has no readable source."""
    module, _, attribute = (part.strip() for part in target.partition(":"))
    name, file = attribute.split("[")[0].strip(), module_file(module)
    try:
        tree = ast.parse(file.read_bytes()) if file else None
    except (OSError, SyntaxError, ValueError, RecursionError):
        tree = None
    if file is None or tree is None:
        return None
    node = next((node for node in tree.body if isinstance(node, Node) and node.name == name), None)
    found = Definition(module, file, tree, node)
    further = found.origin(name) if node is None and hops else None
    return (further and find_definition(further, hops - 1)) or found


def module_file(module: str) -> Path | None:
    """The module's file, from import finders, outermost package first, so that no package is imported."""
    spec = module_spec(module)
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


def module_spec(module: str) -> ModuleSpec | None:
    """What the import finders say of a module, compiled ones too; None where there is none."""
    path, spec, name = None, None, ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        specs = (finder.find_spec(name, path) for finder in sys.meta_path if hasattr(finder, "find_spec"))
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return spec


def _import_targets(body: Iterable[ast.stmt], package: str, name: str) -> Iterator[str]:
    """The targets of a name in statements `from module import attribute as name`."""
    for node in (node for node in body if isinstance(node, ast.ImportFrom)):
        for alias in node.names:
            if (alias.asname or alias.name) == name:
                relative = "." * node.level + (node.module or "")
                yield f"{importlib.util.resolve_name(relative, package)}:{alias.name}"
