"""Class kinds: which classes of a source file are components, and of which kind, read off their methods."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from typing_extensions import get_protocol_members

from bpframe import protocols
from bpframe.registry.kinds import KINDS, OPTIONAL
from bpframe.registry.source_code import Definition, find_definition

HOOKS = "bpframe_"  # begins the names of a callback's methods
Counts = Mapping[str, tuple[int, int] | None]  # of each method the least and most arguments; None: not known


class Offer(NamedTuple):
    """A class that is a component: its kind, the name that it gets, and its own."""

    kind: str
    name: str
    cls: str


def class_offers(file: Path, tree: ast.Module) -> Iterator[Offer]:
    """The classes at the top of a file that have the methods of a kind; those that begin with _ are left out.

    A class is called what its own name says in small letters: PseudoHuber is "pseudo_huber". Methods of base classes
    count, those of other modules too, as far as their source is there.
    """
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            kind = kind_by_members(_members(Definition(file.stem, file, tree, node)))
            if kind is not None:
                yield Offer(kind, component_name(node.name), node.name)


def component_name(cls: str) -> str:
    """ "PseudoHuber" -> "pseudo_huber", "GELU" -> "gelu", "MSELoss" -> "mse_loss"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls).lower()


def kind_by_members(members: Counts) -> str | None:
    """The kind whose protocol has most methods among all that a class with these members keeps; None where it is none.

    `value(step)` is a schedule's and `value(prediction, target, weight)` a metric's, so arguments count.
    """
    for kind, wanted in _protocols():
        if all(name in members and _takes(members[name], count) for name, count in wanted.items()):
            return kind
    return "callback" if any(name.startswith(HOOKS) for name in members) else None


def _takes(method: tuple[int, int] | None, count: int) -> bool:
    return method is None or method[0] <= count <= method[1]


@lru_cache
def _protocols() -> list[tuple[str, dict[str, int]]]:
    """(kind, arguments of each method of its protocol), those of most methods first."""
    found: list[tuple[str, dict[str, int]]] = []
    for kind in KINDS.values():
        for protocol in kind.protocols:
            if not (kind.name == "activation" and protocol is protocols.Layer):  # a layer, which may be an activation
                found.append((kind.name, _methods(protocol)))
    return sorted((each for each in found if each[1]), key=lambda each: -len(each[1]))


def _methods(protocol: type) -> dict[str, int]:
    members = {name: getattr(protocol, name) for name in sorted(get_protocol_members(protocol) - OPTIONAL)}
    methods = {name: member for name, member in members.items() if not isinstance(member, property)}
    return {name: len(inspect.signature(method).parameters) - 1 for name, method in methods.items()}


def _members(found: Definition, depth: int = 8) -> dict[str, Any]:
    """The members of a class by name, those of its bases included."""
    members: dict[str, Any] = {}
    assert isinstance(found.node, ast.ClassDef)
    for base in reversed(found.node.bases) if depth else ():
        parent = _base(found, ast.unparse(base).partition("[")[0])
        if parent is not None and parent.node is not found.node:
            members |= _members(parent, depth - 1)
    for line in found.node.body:
        if isinstance(line, ast.FunctionDef):
            members[line.name] = _arguments(line)
        elif isinstance(line, ast.Assign):
            members |= {target.id: None for target in line.targets if isinstance(target, ast.Name)}
    return members


def _base(found: Definition, name: str) -> Definition | None:
    """The definition of a base class, in the same file or where that imports it from."""
    own = (node for node in found.tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    if (node := next(own, None)) is not None:
        return Definition(found.module, found.file, found.tree, node)
    origin = found.origin(name)
    base = find_definition(origin) if origin is not None else None
    return base if base is not None and isinstance(base.node, ast.ClassDef) else None


def _arguments(method: ast.FunctionDef) -> tuple[int, int] | None:
    """The least and most arguments that a method takes by position besides self; None for one that is decorated."""
    if method.decorator_list and not all(isinstance(each, ast.Name) for each in method.decorator_list):
        return None
    given = method.args
    own = 0 if any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in method.decorator_list) else 1
    most = len(given.posonlyargs) + len(given.args) - own
    return most - len(given.defaults), 99 if given.vararg else most
