"""The source code behind a component, found without importing it."""

from __future__ import annotations

import ast
import base64
import hashlib
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """The file and line where a target is defined, and its docstring."""

    file: Path
    line: int
    docstring: str

    @property
    def hash(self) -> str:
        """SHA-256 of the file, written as installers record it (RECORD): "sha256=" and URL-safe base64."""
        digest = hashlib.sha256(self.file.read_bytes()).digest()
        return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def source(target: str) -> Source | None:
    """The source of "module:attribute"; None where it cannot be found, as for compiled modules."""
    module, _, attribute = target.partition(":")
    file = _file(module.strip())
    if file is None:
        return None
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return Source(file, 1, "")
    node = _definition(tree, attribute.split("[")[0].strip())
    if node is None:
        return Source(file, 1, ast.get_docstring(tree) or "")
    return Source(file, node.lineno, inspect.cleandoc(ast.get_docstring(node) or ""))


def _file(module: str) -> Path | None:
    """The module's file. Import finders are asked from the outermost package inwards, which runs no code of theirs."""
    path, origin, name = None, None, ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        specs = (finder.find_spec(name, path) for finder in sys.meta_path if hasattr(finder, "find_spec"))
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None:
            return None
        path, origin = spec.submodule_search_locations, spec.origin
    return Path(origin) if origin and origin.endswith(".py") else None


def _definition(tree: ast.Module, name: str) -> ast.ClassDef | ast.FunctionDef | None:
    found = (node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name)
    return next(found, None)
