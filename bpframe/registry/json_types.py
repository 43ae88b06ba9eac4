"""JSON types: the JSON schema of a component's argument, read off its annotation, and of all components of a kind."""

from __future__ import annotations

import inspect
import math
import re
from ast import literal_eval
from collections.abc import Mapping
from typing import Any

from bpframe.errors import PluginError
from bpframe.registry.annotations import PROTOCOLS, Wanted
from bpframe.registry.argument_ranges import argument_ranges
from bpframe.registry.builder import SCHEDULED
from bpframe.registry.constructor import Component, parameters, wants
from bpframe.registry.kinds import KINDS
from bpframe.registry.lookup import Registry
from bpframe.registry.policy import CORE

Schema = dict[str, Any]
PLAIN = {"float": "number", "int": "integer", "bool": "boolean", "str": "string"}
ITEMS = re.compile(r"(?:list|tuple|Sequence)\[(.+?)(?:, \.\.\.)?\]")
QUALIFIED = {"type": "string", "title": f"{CORE}/name", "pattern": f"^{CORE}/"}  # bpframe's own by its full name
QUALIFIED_TABLE = {
    "type": "object",
    "title": f"{CORE}/name",
    "properties": {"name": QUALIFIED},
    "required": ["name"],
    "additionalProperties": True,
}
LABEL = {"type": "string", "description": "What the layer is called; by default its name and number."}


def kind_schema(registry: Registry, kind: str) -> Schema:
    """What stands for a component of a kind: a name, or a table with `name` and arguments, all refused that is else."""
    names = registry.names(kind)
    found = {name: registry.find(kind, name) for name in names}
    texts = [*names, *(p.ref for name, p in found.items() if p.dist != CORE and p.ref != name)]
    tables = [_table(registry, kind, name) for name in names]
    short = {"type": "string", "title": f"name of {_a(kind)}", "enum": texts}
    return {"title": kind.replace("_", " "), "oneOf": [short, QUALIFIED, *tables, QUALIFIED_TABLE]}


def _table(registry: Registry, kind: str, name: str) -> Schema:
    """The table of one component: its name, and its arguments with types, ranges, defaults."""
    provider = registry.find(kind, name)
    given = {"const": name} if provider.dist == CORE or provider.ref == name else {"enum": [name, provider.ref]}
    head = {"type": "object", "title": f"{kind.replace('_', ' ')} {name}", "required": ["name"]}
    try:
        component = registry.load(kind, name)
    except PluginError as error:
        return {**head, "description": str(error), "properties": {"name": given}, "additionalProperties": True}
    properties = argument_schemas(kind, component)
    if kind == "layer":
        properties.setdefault("label", LABEL)
    needed = [key for key, p in parameters(component).items() if p.default is inspect.Parameter.empty]
    return {
        **head,
        "description": summary(component),
        "properties": {"name": {**given, "description": summary(component)}, **properties},
        "required": ["name", *needed],
        "additionalProperties": False,
    }


def argument_schemas(kind: str, component: Component) -> dict[str, Schema]:
    """The JSON schema of each argument of a component; of a function, which would run, without ranges."""
    ranges = argument_ranges(component) if isinstance(component, type) else {}
    found = {}
    for name, parameter in parameters(component).items():
        schema = type_schema(wants(component)[name], ranges.get(name, {}), scheduled=kind in SCHEDULED)
        found[name] = {"title": name, **schema, **default_of(parameter.default)}
    return found


def type_schema(want: Wanted, limits: Mapping[str, float], scheduled: bool = False) -> Schema:
    """The JSON schema of what an annotation accepts; {} where that is more than TOML and JSON can say."""
    if want.kind == "schedule":
        return {"anyOf": [{"type": "number"}, _reference("schedule")]}
    options = [_alternative(each, limits) for each in want.alternatives if each != "None"]
    if not options or {} in options:
        return {}
    unique = [each for i, each in enumerate(options) if each not in options[:i]]
    if scheduled and want.number:
        unique.append(_reference("schedule"))
    return unique[0] if len(unique) == 1 else {"anyOf": unique}


def _alternative(alternative: str, limits: Mapping[str, float]) -> Schema:
    if alternative in PLAIN:
        return {"type": PLAIN[alternative], **(limits if alternative in ("float", "int") else {})}
    if alternative in PROTOCOLS:
        return _reference(PROTOCOLS[alternative])
    if alternative.startswith("Literal["):
        return {"enum": list(literal_eval(f"({alternative[8:-1]},)"))}
    if items := ITEMS.fullmatch(alternative):
        inner = type_schema(Wanted(tuple(part.strip() for part in items[1].split("|"))), {})
        return {"type": "array", "items": inner} if "," not in items[1] else {"type": "array"}
    if re.match(r"(?:dict|Mapping)\b", alternative):
        values = re.fullmatch(r"\w+\[str, (\w+)\]", alternative)
        plain = PLAIN.get(values[1]) if values else None
        return {"type": "object", "additionalProperties": {"type": plain} if plain else True}
    return {"type": "string"} if alternative in ("Path", "PathLike") else {}


def default_of(value: Any) -> Schema:
    """{"default": ...} where JSON can say it."""
    if isinstance(value, float) and not math.isfinite(value):
        return {}
    return {"default": value} if isinstance(value, bool | int | float | str) else {}


def summary(component: Component) -> str:
    """The first paragraph of its docstring, on one line."""
    return " ".join((inspect.getdoc(component) or "").partition("\n\n")[0].split())


def _reference(kind: str) -> Schema:
    return {"$ref": f"#/$defs/{kind}"}


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind.replace('_', ' ')}"


def component_schemas(registry: Registry) -> dict[str, Schema]:
    """The JSON schemas of all kinds by name, for `$defs`; every component is imported."""
    return {kind: kind_schema(registry, kind) for kind in KINDS}
