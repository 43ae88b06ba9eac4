"""PyInstaller's hook takes along what a program with bpframe needs: metadata, components and data of the package."""

from __future__ import annotations

import importlib.metadata
import runpy
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from bpframe.pyinstaller import hook_folders
from bpframe.registry import KINDS

GROUPS = {kind.group for kind in KINDS.values()}


def points(group: str) -> list[importlib.metadata.EntryPoint]:
    return [point for point in importlib.metadata.distribution("bpframe").entry_points if point.group == group]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the hook sets, where PyInstaller's helpers answer from bpframe's own metadata."""
    helpers = types.ModuleType("PyInstaller.utils.hooks")
    vars(helpers).update(
        copy_metadata=lambda name: [(f"metadata of {name}", ".")],
        collect_data_files=lambda name: [(f"data of {name}", ".")],
        collect_entry_point=lambda group: ([(group, ".")], [point.module for point in points(group)]),
        collect_submodules=lambda name, filter, on_error: [n for n in (f"{name}.cli", f"{name}.sklearn") if filter(n)],
    )
    for name in ("PyInstaller", "PyInstaller.utils"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "PyInstaller.utils.hooks", helpers)
    (folder,) = hook_folders()
    return runpy.run_path(str(Path(folder) / "hook-bpframe.py"))


def test_pyinstaller_is_told_the_folder_of_a_hook() -> None:
    (point,) = points("pyinstaller40")
    assert point.name == "hook-dirs"
    assert [sorted(file.name for file in Path(folder).glob("hook-*")) for folder in point.load()()] == [
        ["hook-bpframe.py"]
    ]


def test_the_hook_takes_metadata_data_and_every_component_along(hook: dict[str, Any]) -> None:
    assert {"metadata of bpframe", "data of bpframe"} | GROUPS == {source for source, _ in hook["datas"]}
    every = {point.module for group in GROUPS for point in points(group)}
    assert every | {"bpframe.cli"} == set(hook["hiddenimports"])
    assert len(every) > 100
