"""The project file of a distribution, pyproject.toml: what it records for the checks of its components."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from bpframe.errors import CheckFailed
from bpframe.registry.direct_url import direct_url, source_folder
from bpframe.registry.policy import normalise

PROJECT = "pyproject.toml"


def project_table(dist: str, name: str, file: Path | None = None) -> tuple[Path, Any] | None:
    """(file, table) of [tool.bpframe.NAME] that a distribution records.

    In `file`, or the pyproject.toml of an editable install, or that of this folder. None where there is none;
    CheckFailed where it cannot be read.
    """
    for place in [file] if file is not None else _places(dist):
        try:
            tables = tomllib.loads(place.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckFailed(f"{place} cannot be read: {error}") from error
        own = tables.get("project", {}).get("name", "")
        table = tables.get("tool", {}).get("bpframe", {}).get(name)
        if table is not None and (file is not None or normalise(str(own)) == normalise(dist)):
            return place, table
    return None


def _places(dist: str) -> list[Path]:
    """Where its pyproject.toml may be: in the folder that it is installed from to be edited, and here."""
    try:
        source = source_folder(direct_url(distribution(dist)))
    except PackageNotFoundError:
        source = None
    places = [folder / PROJECT for folder in (source, Path.cwd()) if folder is not None]
    return [place for place in places if place.is_file()]
