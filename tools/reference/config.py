"""The page on the config file: every key of every table, from the dataclasses of its schema."""

from __future__ import annotations

import inspect
import re
from ast import literal_eval
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from typing import Any

from bpframe.registry import KINDS
from bpframe.registry.annotations import PROTOCOLS
from bpframe.registry.constructor import wants
from bpframe.runs.config import schema
from bpframe.runs.config.key_meanings import meanings
from bpframe.runs.config.toml_writer import inline
from bpframe.training.parameter_groups import ParameterGroup
from tools.reference.markdown import escaped, table

TYPES = {
    "bool": "`true` or `false`",
    "float": "number",
    "int": "whole number",
    "str": "text",
    "Sequence[str]": "list of texts",
    "tuple[str, ...]": "list of texts",
    "Mapping[str, float]": "table of numbers",
    "NamedSource": "data set",
    "FileSource": "file",
    "ProgramSource": '"program"',
}
INTRODUCTION = """A config says in TOML what is trained on which data.

`bpframe init` writes one to begin with, `bpframe train CONFIG` trains it, `bpframe explain` shows what its names stand
for. `--set KEY=VALUE` overrides a key, in a table with dots: `--set optimizer.lr=0.01`. A component is a name,
`loss = "mse"`, or a table with `name` and its arguments, `optimizer = { name = "adam", lr = 0.01 }`, which the page of
its kind lists. Every mistake is reported at once, with file, line and key. An empty default stands for what the meaning
says, or for nothing at all."""


def config_page() -> Iterator[str]:
    """A section a table, with a row a key: type, default, meaning."""
    yield "# Config file"
    yield INTRODUCTION
    yield from section("At the top", schema.ConfigFile, "")


def section(title: str, cls: type, path: str) -> Iterator[str]:
    """A table of the config, then those inside it."""
    yield f"## {title}"
    yield " ".join(summary(cls).split())
    told = meanings(cls)
    yield table(
        ("key", "type", "default", "meaning"),
        ((f"`{f.name}`", type_text(cls, f), default_text(f), escaped(told.get(f.name, ""))) for f in fields(cls)),
    )
    shown = set[type]()
    for f in fields(cls):
        if (inner := table_of(cls, f)) is not None and inner not in shown:
            shown.add(inner)
            names = [f"{path}{g.name}" for g in fields(cls) if table_of(cls, g) is inner]
            brackets = "`[[{}]]`" if inner is ParameterGroup else "`[{}]`"
            yield from section(" and ".join(map(brackets.format, names)), inner, f"{path}{f.name}.")


def summary(cls: type) -> str:
    """What a table's docstring says before its keys."""
    text = (inspect.getdoc(cls) or "").partition("\n\n")[0].replace(" (`TrainerSpec`)", "")
    return text.partition("; `")[0].rstrip(".") + "."


def type_text(cls: type, f: Field[Any]) -> str:
    """What a key accepts, in words; limits behind it."""
    words = [word for a in wants(cls)[f.name].alternatives if a != "None" for word in _words(a)]
    limit = f" {f.metadata['wanted']}" if "wanted" in f.metadata else ""
    return " or ".join(dict.fromkeys(words)) + limit


def _words(alternative: str) -> Iterator[str]:
    items = re.fullmatch(r"(?:list|tuple|Sequence)\[(\w+).*\]", alternative)
    if alternative in TYPES:
        yield TYPES[alternative]
    elif alternative.startswith("Literal["):
        yield from (f"`{inline(option)}`" for option in _options(alternative))
    elif alternative in PROTOCOLS:
        yield _link(PROTOCOLS[alternative], many=False)
    elif items and items[1] in PROTOCOLS:
        yield f"list of {_link(PROTOCOLS[items[1]], many=True)}"
    else:
        yield "tables, below" if items else "table, below"


def _options(literal: str) -> tuple[Any, ...]:
    value = literal_eval(f"({literal.removeprefix('Literal[').removesuffix(']')},)")
    return tuple(value)


def _link(kind: str, many: bool) -> str:
    page = KINDS[kind].plural
    return f"[{(page if many else kind).replace('_', ' ')}]({page}.md)"


def table_of(cls: type, f: Field[Any]) -> type | None:
    """The class of the table that a key is, or of the tables in its list; None for any other key."""
    known = {**vars(schema), "ParameterGroup": ParameterGroup}
    for alternative in wants(cls)[f.name].alternatives:
        inner = known.get(re.sub(r"^\w+\[(\w+).*\]$", r"\1", alternative))
        if inner is ParameterGroup or (isinstance(inner, type) and inner.__name__.endswith("Table")):
            return inner
    return None


def default_text(f: Field[Any]) -> str:
    """The value of a key that is left out."""
    default = f.metadata.get("default", f.default)
    if default is MISSING:
        return "required" if f.default_factory is MISSING else ""
    return "" if default is None or default in ((), {}) else f"`{inline(default)}`"
