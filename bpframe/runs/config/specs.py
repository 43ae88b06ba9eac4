"""Settings back as specs, plain tables with every default, and the components in them by path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bpframe.registry import registry
from bpframe.registry.constructor import wants
from bpframe.registry.describe import describe
from bpframe.registry.labelled import unlabelled
from bpframe.registry.nested import Nested, walk
from bpframe.runs.config.data_sources import FileSource
from bpframe.runs.config.schema import ConfigFile, DataTable, SplitTable, place_of
from bpframe.training.spec import OMITTED, PARTS, SpecPart


def to_tables(settings: ConfigFile, folder: Path) -> dict[str, Any]:
    """The tables of a config file; relative paths in it started at `folder`."""
    train = {**vars(settings.train), "engine": _short(_spec("engine", settings.train.engine))}
    if not settings.train.weights_by_batch:
        del train["weights_by_batch"]
    if settings.train.checkpoint is not None:
        train["checkpoint"] = vars(settings.train.checkpoint)
    tables: dict[str, Any] = {"data": _data(settings.data, folder)}
    for part in PARTS:
        table, _, inner = place_of(part).partition(".")
        if not inner and (settings.part(part) or part.name not in OMITTED):
            tables[table] = _specs(part, settings.part(part))
        elif table == "train":
            tables[table] = train
        elif inner and table != "data":
            tables[table] = {inner: _specs(part, settings.part(part))}
    if settings.model.tie:
        tables["model"]["tie"] = dict(settings.model.tie)
    policy = {name: value for name, value in vars(settings.plugins).items() if name != "local"}
    return tables | {"plugins": policy}  # a run names no files: they are given anew


def components_by_path(settings: ConfigFile) -> Iterator[Nested]:
    """Every component of the run, those among the arguments of others after them."""
    for part in PARTS:
        for suffix, kind, component in part.components(settings.part(part)):
            yield from walk(kind, component, place_of(part) + suffix)
    for path, file in _files(settings.data):
        if file.named:
            yield from walk("source", file.reader, path)


def _files(data: DataTable) -> Iterator[tuple[str, FileSource]]:
    """The files of a run by the path of their setting."""
    parts = {"validation": data.validation, "test": data.test}
    beside = {f"data.{name}.source": part.source for name, part in parts.items() if part is not None}
    for path, source in {"data.source": data.source, **beside}.items():
        if isinstance(source, FileSource):
            yield path, source


def _data(data: DataTable, folder: Path) -> dict[str, Any]:
    parts = {"validation": data.validation, "test": data.test}
    splits = {name: part and _split(part, folder) for name, part in parts.items()}
    chosen = {name: getattr(data, name) for name in ("target", "columns", "exclude", "id", "weight")}
    switches = {"standardize": data.standardize} | ({"standardize_target": True} if data.standardize_target else {})
    return {"source": data.source.spec(folder), **chosen, **switches, **splits}


def _split(part: SplitTable, folder: Path) -> dict[str, Any]:
    if part.source is not None:
        return {"source": part.source.spec(folder)}
    return {"fraction": part.fraction, "kind": part.kind, **({} if part.seed is None else {"seed": part.seed})}


def _specs(part: SpecPart, value: Any) -> Any:
    """A trainer's part as specifications."""
    if value is None:
        return None
    if part.name == "groups":
        return [group.spec(registry) for group in value]
    assert part.kind is not None
    return [_spec(part.kind, item) for item in value] if part.many else _spec(part.kind, value)


def _spec(kind: str, part: Any) -> dict[str, Any]:
    """The component's specification; an argument that is a component without arguments is its name."""
    spec = describe(registry, kind, part)
    for name, want in wants(type(unlabelled(part))).items():
        value = spec.get(name)
        if want.kind:
            spec[name] = _short(value)
        elif want.kind_of_items and value is not None:
            spec[name] = [_short(item) for item in value]
    return spec


def _short(spec: Any) -> Any:
    return spec["name"] if isinstance(spec, dict) and set(spec) == {"name"} else spec
