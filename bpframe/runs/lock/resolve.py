"""Resolve the components named in a config's tables to lock entries, without importing a plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from inspect import Parameter
from numbers import Real
from pathlib import Path
from typing import Any, final

from bpframe.errors import DataError, PluginError, UnknownComponent
from bpframe.registry import Policy, Provider, Registry
from bpframe.registry.annotations import Mismatch, wanted
from bpframe.registry.builder import FOLLOWING, Builder
from bpframe.registry.policy import CORE
from bpframe.registry.source_code import find_source
from bpframe.runs.config.data_sources import named_reader
from bpframe.runs.config.local_plugins import declare_local_plugins
from bpframe.runs.config.schema import PluginsTable, build_table, place_of
from bpframe.runs.lock.signature import UNKNOWN, DefaultCall, declared_parameters
from bpframe.runs.lock.synonyms import Synonyms
from bpframe.training.spec import PARTS

Entry = dict[str, Any]  # a component in a lock: path, kind, name, version, target, hash, arguments
STANDARDIZE = {"name": "standardize", "label": "standardize"}  # the layer that data.standardize puts in front


@final
@dataclass(frozen=True)
class Resolution:
    """`entries` as in a lock; components at `partial` paths have arguments that only an import would show.

    `problems` by path: why a name cannot be resolved; its entry has only path, kind and name.
    """

    entries: list[Entry] = field(default_factory=list)
    partial: set[str] = field(default_factory=set)
    problems: dict[str, PluginError] = field(default_factory=dict)


def resolve_components(
    registry: Registry, tables: Mapping[str, Any], origin: str, folder: Path | None = None
) -> Resolution:
    """Every component of a config, in the order of the lock, under its [plugins] table, called `origin` in errors.

    ConfigError if [plugins] is wrong; other mistakes in the config are not checked. `folder`: where its plugin files
    may be, which are read and do not run; None: nowhere.
    """
    with registry.restricted(_policy(registry, tables, origin, folder)):
        reader = _Reader(registry, Resolution())
        for path, kind, spec in _component_specs(tables):
            reader.component(path, kind, spec)
    return reader.found


def _policy(registry: Registry, tables: Mapping[str, Any], origin: str, folder: Path | None) -> Policy:
    builder = Builder(registry)
    table = build_table(builder, PluginsTable, tables.get("plugins", {}), "plugins")
    if table:
        builder.problems += declare_local_plugins(registry, table.local, folder)
    builder.finish()
    policy: Policy = table.policy(origin)
    return policy


def _component_specs(tables: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Path, kind and specification of every component that is not an argument of another."""
    for part in PARTS:
        path = place_of(part)
        table, _, inner = path.rpartition(".")
        value = (_table(tables.get(table)) if table else tables).get(inner, part.default)
        if part.name == "groups":
            rules = ((f"{path}[{i}].optimizer", _table(group).get("optimizer")) for i, group in enumerate(_list(value)))
            yield from ((where, "optimizer", rule) for where, rule in rules if rule)
        elif part.kind and part.many:
            yield from ((f"{path}[{i}]", part.kind, item) for i, item in enumerate(_list(value)))
        elif part.kind and value is not None:
            unnamed = isinstance(value, Mapping) and "name" not in value and part.default
            yield path, part.kind, {"name": part.default, **value} if unnamed else value
    if _table(tables.get("data")).get("standardize"):
        yield "data.standardize", "layer", STANDARDIZE
    data = _table(tables.get("data"))
    for place in ("", "validation.", "test."):
        given = (_table(data.get(place[:-1])) if place else data).get("source")
        with suppress(DataError):  # no source reads such files: building the config will raise an error
            if named := named_reader(given):
                yield f"data.{place}source", "source", named


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


class _Reader:
    """Turns specifications into entries, those inside others after them."""

    def __init__(self, registry: Registry, found: Resolution) -> None:
        self._registry, self.found = registry, found

    def component(self, path: str, kind: str, spec: Any) -> Any:
        """Append the entry of a specification, and return the specification with all arguments that are known."""
        spec = {"name": spec} if isinstance(spec, str) else spec
        if isinstance(spec, DefaultCall):
            return self._default(path, kind, spec)
        given = {key: value for key, value in _table(spec).items() if key != "name"}
        try:
            provider = self._registry.find(kind, str(_table(spec).get("name")))
        except PluginError as error:
            self.found.problems[path] = error
            self.found.entries.append({"path": path, "kind": kind, "name": str(_table(spec).get("name", spec))})
            return spec
        return self._entry(path, provider, given)

    def _default(self, path: str, kind: str, call: DefaultCall) -> Any:
        """The specification of a component that is a default in another's constructor, found by the target it calls."""
        claims = [provider for provider in self._registry.providers(kind) if provider.target == call.target]
        if not claims:
            self.found.problems[path] = UnknownComponent(f"no {kind} is made by {call.target}.")
            self.found.entries.append({"path": path, "kind": kind, "name": call.target})
            return None
        known = declared_parameters(call.target) or {}
        cls = call.target.partition(":")[2].lower()
        provider = min(claims, key=lambda claim: (claim.name.replace("_", "") != cls, claim))
        return self._entry(path, provider, call.arguments(list(known)))

    def _entry(self, path: str, provider: Provider, given: Mapping[str, Any]) -> dict[str, Any]:
        code, arguments = find_source(provider.target), dict[str, Any]()
        self.found.entries.append(
            {
                "path": path,
                "kind": provider.kind,
                "name": provider.ref,
                "version": provider.version,
                "target": provider.target,
                "hash": code and code.hash,
                "arguments": arguments,
            }
        )
        known = declared_parameters(provider.target)
        if known is None:
            self.found.partial.add(path)
        synonyms = Synonyms(provider.target)
        unnamed = {key: Parameter(key, Parameter.KEYWORD_ONLY) for key in given if key not in (known or {})}
        for name, parameter in {**unnamed, **(known or {})}.items():
            value = synonyms.kept(name, given.get(name, parameter.default), given)
            if value is UNKNOWN:
                self.found.partial.add(path)
            elif value is not None and value is not Parameter.empty:
                arguments[name] = self._argument(f"{path}.{name}", provider.kind, parameter, value)
        return {"name": provider.name if provider.dist == CORE else provider.ref, **arguments}

    def _argument(self, path: str, kind: str, parameter: Parameter, value: Any) -> Any:
        """The argument as a lock has it: a component with its own arguments, a number as the constructor gets it."""
        want = wanted(parameter)
        if want.kind == "schedule" and isinstance(value, Real) and not isinstance(value, bool):
            return self.component(path, "schedule", {"name": "constant", "initial": value})
        if want.kind:
            return self.component(path, want.kind, value)
        if want.kind_of_items and isinstance(value, list | tuple):
            return [self.component(f"{path}[{i}]", want.kind_of_items, item) for i, item in enumerate(value)]
        if want.number and isinstance(value, Mapping) and kind in FOLLOWING:
            return self.component(path, "schedule", value)
        try:
            return want.plain(value)
        except Mismatch:  # building the component will raise an error
            return value
