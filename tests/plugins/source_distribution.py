"""A distribution of plugins/ as this process sees it for a while: by the entry points of its project, without pip."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import bpframe as bp
from bpframe.registry import registry
from tests.planted import plant


@contextmanager
def installed(source: Path, folder: Path) -> Iterator[str]:
    """A block that sees the distribution of a source folder; its name. `folder` gets the metadata."""
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    points = {f"{group}:{n}": t for group, found in project["entry-points"].items() for n, t in found.items()}
    package = project["name"].replace("-", "_")
    plant(folder, project["name"], points)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(source)
        patch.syspath_prepend(folder)
        patch.setattr(registry, "_loaded", dict(registry._loaded))
        bp.refresh()
        yield project["name"]
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]
    bp.refresh()


def imported_of_bpframe(package: Path) -> set[str]:
    """The modules of bpframe that the files of a package import."""
    return {
        node.module
        for file in package.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "bpframe"
    }
