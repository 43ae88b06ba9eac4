"""Stopped runs: those of a config that are not over, and that no process trains."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from bpframe.errors import BpframeError
from bpframe.runs.folder import RunFolder, find_run
from bpframe.runs.process_lock import is_locked


def stopped_runs(runs: Path, stem: str, text: str, free: Collection[str]) -> list[RunFolder]:
    """The folders `stem`, `stem-2`, `stem-3`, ... of runs of this config that were stopped, in order.

    `free`: arguments of the engine that may differ.
    """
    numbered = re.compile(rf"{re.escape(stem)}(?:-([0-9]+))?")
    names = [match for path in runs.glob("*") if (match := numbered.fullmatch(path.name))]
    ordered = [match[0] for match in sorted(names, key=lambda match: int(match[1] or 1))]
    return [folder for name in ordered if (folder := _stopped(runs, name, text, free))]


def _stopped(runs: Path, name: str, text: str, free: Collection[str]) -> RunFolder | None:
    try:
        folder = find_run(runs, name, text, free)
    except BpframeError:  # another config, or a folder that cannot be read
        return None
    return None if folder is None or folder.results or is_locked(folder) else folder
