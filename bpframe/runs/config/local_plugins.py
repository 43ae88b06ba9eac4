"""Local plugins of a config: the files that [plugins] local names, which lie below its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from bpframe.errors import ConfigError, Problem
from bpframe.registry import Registry

KEY = "plugins.local"
NOT_HERE = (
    "the files of a config are taken only where it is trained, got {names}. Give those that you trust: --plugin FILE."
)


def declare_local_plugins(registry: Registry, names: Sequence[str], folder: Path | None) -> list[Problem]:
    """Offer the components of the files; what is wrong with some of them. `folder` None: none may be named."""
    if not names:
        return []
    if folder is None:
        return [Problem(KEY, NOT_HERE.format(names=", ".join(names)))]
    from bpframe.registry.plugin_files import declare  # only here: most configs have none

    problems = []
    for i, name in enumerate(names):
        try:
            declare(registry, file_below(folder, name))
        except ConfigError as error:
            problems.append(Problem(f"{KEY}[{i}]", str(error)))
    return problems


def file_below(folder: Path, name: str) -> Path:
    """The file of that name below the folder; ConfigError for one that is elsewhere, or that a link leads out to."""
    parts = PurePosixPath(name).parts
    windows = PureWindowsPath(name)
    if not parts or ".." in parts or PurePosixPath(name).is_absolute() or windows.drive or windows.root or "\\" in name:
        raise ConfigError(f"wants a file below the config's own folder, written as in 'rules/my.py', got '{name}'.")
    place = folder / name
    if not place.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(f"wants a file below the config's own folder, but a link leads out of it: '{name}'.")
    return place
