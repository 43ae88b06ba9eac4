"""The base config that another one extends: its tables, below those of the config that names it.

    extends = "base.toml"

A table joins that of the base key by key. A table that names another component, file or data set takes the place of
the base's, since arguments belong to what they were written for; so does every other value, a list included.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bpframe.data.sources.by_name import BY_NAME
from bpframe.errors import ConfigError
from bpframe.runs.config.locations import Locations
from bpframe.runs.config.toml_reader import Tables, read_toml

KEY = "extends"
MOST_BASES = 8
SPLITS = ("validation", "test")  # tables of [data] that hold either a fraction or a source


def read_tables(path: Path, inner: tuple[Path, ...] = ()) -> tuple[Tables, Locations]:
    """The tables of a config and, below them, of those that it extends; where each setting was written.

    `inner`: the configs that extend this one. ConfigError for a file that is no config, or a circle of them.
    """
    tables, locations = read_toml(path)
    if KEY not in tables:
        return tables, locations
    base = _base_path(tables.pop(KEY), path, locations, inner)
    below, places = read_tables(base, (*inner, path))
    if path.parent.resolve() != base.parent.resolve():
        _move(below, base, path.parent)
    locations.files = dict.fromkeys(places.lines, places.file) | places.files
    locations.files = {key: file for key, file in locations.files.items() if key not in locations.lines}
    locations.lines = places.lines | locations.lines
    return extended(below, tables), locations


def extended(base: Any, own: Any, path: str = "") -> Any:
    """What holds where a config has `own` and its base has `base`, at this dotted path."""
    if isinstance(base, str) and isinstance(own, Mapping) and "name" not in own and "path" not in own:
        base = {"name": base}
    if not isinstance(base, Mapping) or not isinstance(own, Mapping) or _is_other(base, own, path):
        return own
    inner = f"{path}." if path else ""
    both = {key: extended(base[key], value, inner + key) if key in base else value for key, value in own.items()}
    return {**base, **both}


def _is_other(base: Mapping[str, Any], own: Mapping[str, Any], path: str) -> bool:
    """Whether a table is of something else than that of the base, so that their arguments do not mix."""
    if path in {f"data.{name}" for name in SPLITS}:
        return bool({"fraction", "source"} & own.keys())
    return any(key in own and own[key] != base.get(key) for key in ("name", "path"))


def _base_path(name: object, path: Path, locations: Locations, inner: tuple[Path, ...]) -> Path:
    """The file of the base; ConfigError where it is none, or extends what extends it."""
    where = f"{path}:{locations.line(KEY)}: {KEY}"
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{where}: wants the file of another config, as in {KEY} = 'base.toml', got {name!r}.")
    base = path.parent / name
    around = [*inner, path]
    if base.resolve() in [each.resolve() for each in around]:
        raise ConfigError(f"{where}: wants a config that does not extend this one, got '{name}'.")
    if len(around) > MOST_BASES:
        raise ConfigError(f"{where}: wants at most {MOST_BASES} configs that extend each other, got more.")
    if not base.is_file():
        raise ConfigError(f"{where}: wants a readable file, got '{name}', which is none. Its path starts at {path}.")
    return base


def _move(tables: Tables, base: Path, folder: Path) -> None:
    """Have relative paths in the tables of a base start at another folder."""
    if isinstance(plugins := tables.get("plugins"), dict) and plugins.get("local"):
        raise ConfigError(
            f"{base}: plugins.local names files below the config's own folder, which is not that of the config that "
            f"extends this one, {folder}. Put both into one folder, or give the files by --plugin."
        )
    data, train = tables.get("data"), tables.get("train")
    parts = [data, *(data.get(name) for name in SPLITS)] if isinstance(data, dict) else []
    for part in parts:
        if isinstance(part, dict) and "source" in part:
            part["source"] = _moved_source(part["source"], base.parent, folder)
    if isinstance(train, dict) and isinstance(train.get("start"), str):
        train["start"] = _moved(train["start"], base.parent, folder)


def _moved_source(source: Any, origin: Path, folder: Path) -> Any:
    if isinstance(source, dict) and isinstance(source.get("path"), str):
        return source | {"path": _moved(source["path"], origin, folder)}
    if isinstance(source, str) and Path(source).suffix and source not in BY_NAME:
        return _moved(source, origin, folder)
    return source


def _moved(path: str, origin: Path, folder: Path) -> str:
    """The path from another folder; one that is absolute stays."""
    return path if Path(path).is_absolute() else os.path.relpath((origin / path).absolute(), folder.absolute())
