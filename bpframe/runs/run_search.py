"""The search for runs: run folders in folders, however deep."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from bpframe.errors import CheckpointError
from bpframe.runs.folder import RunFolder
from bpframe.runs.run import Run


def find_runs(folders: Iterable[str | os.PathLike[str]]) -> list[Run]:
    """The runs in these folders, in the order of their paths; a folder that is a run itself is one of them.

    CheckpointError where a folder is not there, or holds no run.
    """
    found: dict[Path, Run] = {}
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise CheckpointError(f"{folder} is no folder. Name a run, or a folder of runs.")
        paths = sorted(_run_folders(folder))
        if not paths:
            raise CheckpointError(f"{folder} holds no run: no folder in it has a {RunFolder(folder).config.name}.")
        found |= {path: Run(path) for path in paths}
    return list(found.values())


def has_run(folder: Path) -> bool:
    """Whether there is a run in this folder, or it is one."""
    return next(_run_folders(folder), None) is not None


def _run_folders(folder: Path) -> Iterator[Path]:
    """The folder itself if it is that of a run, else those in it; hidden folders are left out."""
    for path, inner, files in os.walk(folder):
        if RunFolder(folder).config.name in files:
            inner.clear()  # what a run holds belongs to it
            yield Path(path)
        inner[:] = [name for name in inner if not name.startswith(".")]
