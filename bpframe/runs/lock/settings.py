"""The settings in a lock: by dotted path, all of a config that is no component, but for what cannot change bits.

They are read off the dataclasses of the config, so that a new setting is in the lock unless it is left out by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from bpframe.data.sources.by_name import BY_NAME
from bpframe.registry import registry
from bpframe.registry.builder import Builder
from bpframe.registry.code_digest import digest
from bpframe.registry.constructor import wants
from bpframe.runs.config.data_sources import NamedSource, build_source
from bpframe.runs.config.schema import ConfigFile, place_of
from bpframe.runs.folder import model_file
from bpframe.training.spec import PARTS

SOURCE, START = "data.source", "train.start"
BY_DIGEST = "of a file the path: what it holds has a digest of its own, below [data]"
LEFT_OUT = {
    SOURCE: BY_DIGEST,
    "data.validation.source": BY_DIGEST,
    "data.test.source": BY_DIGEST,
    "plugins": "who may supply components: the lock holds those that did",
    "train.checkpoint": "when the state of a run is written",
}
COMPONENTS = {place_of(part) for part in PARTS if part.kind} | {"groups.optimizer"}  # these are in [[components]]


def lock_settings(tables: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The settings of a config's tables by path; what is left out there has its default, None is left out here.

    `folder`: where relative paths start. Nothing is imported, and wrong settings are taken as they are.
    """
    found = {path: value for field in fields(ConfigFile) for path, value in _walk(field, field.name, tables)}
    found[SOURCE] = _source(_get(tables, SOURCE))
    found[START] = _digest(_get(tables, START), folder)
    return {path: value for path, value in found.items() if value is not None}


def _walk(field: Field[Any], path: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(path, value) of a field of a table, or of each field in the tables that it holds."""
    default = field.metadata.get("default", None if field.default is MISSING else field.default)
    value, cls = table.get(field.name, default), field.metadata.get("table")
    if path in LEFT_OUT or path in COMPONENTS:
        return
    if cls is None or value is None:
        yield path, value
        return
    own = [one for one in fields(cls) if not _is_component(cls, one.name)]
    if isinstance(value, Mapping):
        yield from (found for one in own for found in _walk(one, f"{path}.{one.name}", value))
        return
    items = [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
    for i, item in enumerate(items):
        yield from (found for one in own for found in _walk(one, f"{path}[{i}].{one.name}", item))


def _is_component(cls: type, name: str) -> bool:
    want = wants(cls)[name]
    return bool(want.kind or want.kind_of_items)


def _source(given: object) -> Any:
    """A data set by name, with all its arguments; None for a file."""
    if (given.get("name") if isinstance(given, Mapping) else given) not in BY_NAME:
        return None  # a file, whose reader would be imported
    source = build_source(Builder(registry), given, SOURCE)
    return source.spec(Path()) if isinstance(source, NamedSource) else None


def _digest(start: object, folder: Path) -> str | None:
    """The digest of the model file that a run starts from; None if it starts afresh, or from a file that is gone."""
    try:
        return digest(model_file(folder / start).read_bytes()) if isinstance(start, str) else None
    except OSError:
        return None


def _get(tables: Mapping[str, Any], path: str) -> Any:
    table, _, key = path.partition(".")
    inner = tables.get(table)
    return inner.get(key) if isinstance(inner, Mapping) else None
