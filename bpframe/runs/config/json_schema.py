"""The JSON schema of configs: tables and keys, and every installed component, for editors that check TOML."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from bpframe.data.sources.by_name import BY_NAME
from bpframe.registry import Registry
from bpframe.registry.argument_ranges import limits_in
from bpframe.registry.constructor import parameters, wants
from bpframe.registry.json_types import (
    Schema,
    argument_schemas,
    component_schemas,
    default_of,
    summary,
    type_schema,
)
from bpframe.runs.config.base_config import KEY
from bpframe.runs.config.data_sources import build_file, build_source
from bpframe.runs.config.key_meanings import meanings
from bpframe.runs.config.schema import ConfigFile

DRAFT = "http://json-schema.org/draft-07/schema#"
FILE, DATA_SET = "file", "data_set"  # names in $defs besides the kinds


def config_schema(registry: Registry) -> Schema:
    """The whole schema. Every installed component is imported."""
    kinds, whole = component_schemas(registry), _table(ConfigFile)
    needed = whole.pop("required")
    return {
        "$schema": DRAFT,
        "title": "bpframe config",
        **whole,
        "anyOf": [{"required": needed}, {"required": [KEY]}],
        "$defs": {**kinds, FILE: _file(kinds["source"]), DATA_SET: _data_set()},
    }


def _table(cls: type) -> Schema:
    """A table of the config, from its dataclass."""
    said = meanings(cls)
    properties = {f.name: {"title": f.name, **_key(cls, f, said.get(f.name, ""))} for f in fields(cls)}
    needed = [f.name for f in fields(cls) if f.default is f.default_factory is MISSING and "default" not in f.metadata]
    return {
        "type": "object",
        "description": summary(cls),
        "properties": properties,
        "required": needed,
        "additionalProperties": False,
    }


def _key(cls: type, f: Field[Any], meaning: str) -> Schema:
    """One key: its type, range, default and meaning."""
    want = wants(cls)[f.name]
    described = {"description": meaning} if meaning else {}
    if (inner := f.metadata.get("table")) is not None:
        many = any(each.startswith(("Sequence[", "tuple[")) for each in want.alternatives)
        return {**(_list(inner) if many else _table(inner)), **described}
    if (make := f.metadata.get("make")) in (build_source, build_file):
        either = [{"$ref": f"#/$defs/{name}"} for name in (DATA_SET, FILE)[make is build_file :]]
        return {"anyOf": either, **described}
    if "str" in want.alternatives and want.kind:  # a component that a name alone may stand for
        return {"$ref": f"#/$defs/{want.kind}", **described}
    return {**type_schema(want, _limits(f.metadata)), **described, **default_of(f.metadata.get("default", f.default))}


def _list(cls: type) -> Schema:
    return {"type": "array", "items": _table(cls)}


def _limits(metadata: Mapping[str, Any]) -> dict[str, float]:
    return limits_in(f"a number {metadata['wanted']}") if "wanted" in metadata else {}


def _data_set() -> Schema:
    """The name of a data set, or a table with its arguments."""
    tables = []
    for name, function in BY_NAME.items():
        own = argument_schemas("source", function)
        needed = [key for key, p in parameters(function).items() if p.default is inspect.Parameter.empty]
        tables.append(
            {
                "type": "object",
                "title": f"data set {name}",
                "description": summary(function),
                "properties": {"name": {"const": name, "description": summary(function)}, **own},
                "required": ["name", *needed],
                "additionalProperties": False,
            }
        )
    return {"title": "data set", "oneOf": [{"type": "string", "enum": list(BY_NAME)}, *tables]}


def _file(source: Schema) -> Schema:
    """The path of a file, whose suffix says what reads it, or a table with the `path`, and what reads it."""
    path = {"type": "string", "description": "The file; a relative path starts at the folder of the config."}
    tables = [each for each in source["oneOf"] if each["type"] == "object"]
    named = [
        {**each, "properties": {"path": path, **each["properties"]}, "required": ["path", *each["required"]]}
        for each in tables
    ]
    known: dict[str, Schema] = {key: {} for each in tables for key in each["properties"] if key != "name"}
    plain = {
        "type": "object",
        "title": "file, read by its suffix",
        "properties": {"path": path, **known},
        "required": ["path"],
        "additionalProperties": False,
    }
    return {"title": "file", "anyOf": [{"type": "string", "pattern": r"\.\w+$"}, *named, plain]}
