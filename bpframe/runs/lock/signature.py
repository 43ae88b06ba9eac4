"""The signature of a component's constructor, read from its source without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter
from typing import Any, final

from bpframe.registry.source_code import Definition, find_definition

BARE = {"object", "Protocol", "Generic", "ABC"}  # base classes without a constructor
FACTORIES: dict[str, Any] = {"list": [], "dict": {}, "tuple": ()}


@final
@dataclass(frozen=True)
class DefaultCall:
    """A default that is itself a component: the target of the call, "module:attribute", and its arguments."""

    target: str
    positional: tuple[Any, ...]
    named: Mapping[str, Any]

    def arguments(self, known: Sequence[str]) -> dict[str, Any]:
        """The arguments by name; `known`: the constructor's parameters in order."""
        return {**dict(zip(known, self.positional, strict=False)), **self.named}


class UnknownDefault:
    """Stands for a default that is known only after running the module."""


UNKNOWN = UnknownDefault()


def declared_parameters(target: str) -> dict[str, Parameter] | None:
    """The constructor's parameters by name, annotations as text, defaults as values, Call or UNKNOWN.

    None if the source does not show them, as for compiled modules, and for classes whose bases cannot be followed.
    """
    found = find_definition(target)
    if found is None or found.node is None:
        return None
    return _of_class(found, found.node) if isinstance(found.node, ast.ClassDef) else _of_function(found, found.node)


def _of_class(found: Definition, node: ast.ClassDef) -> dict[str, Parameter] | None:
    own = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    if "__init__" in own:
        return _of_function(found, own["__init__"], bound=1)
    if "__new__" in own or node.keywords:  # a metaclass may do anything
        return None
    inherited: dict[str, Parameter] = {}
    for base in reversed([base for base in node.bases if _name(base) not in BARE]):
        origin = found.origin(_name(base))
        known = declared_parameters(origin) if origin and origin != found.target else None
        if known is None:
            return None
        inherited |= known
    decorators = {_name(decorator) for decorator in node.decorator_list}
    return inherited | dict(_fields(found, node)) if "dataclass" in decorators else inherited


def _fields(found: Definition, node: ast.ClassDef) -> Iterator[tuple[str, Parameter]]:
    """The fields of a dataclass that its constructor takes."""
    for item in node.body:
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        if _name(item.annotation) in ("ClassVar", "KW_ONLY"):
            continue
        default = Parameter.empty if item.value is None else _value(found, item.value)
        if isinstance(item.value, ast.Call) and _name(item.value) == "field":
            options = {keyword.arg: keyword.value for keyword in item.value.keywords if keyword.arg}
            if "init" in options and _value(found, options["init"]) is False:
                continue
            default = _default(found, options)
        yield item.target.id, _parameter(item.target.id, default, item.annotation)


def _default(found: Definition, options: Mapping[str, ast.expr]) -> Any:
    """The default that field(...) gives."""
    if "default" in options:
        return _value(found, options["default"])
    if "default_factory" in options:
        return FACTORIES.get(_name(options["default_factory"]), UNKNOWN)
    return Parameter.empty


def _of_function(found: Definition, node: ast.FunctionDef, bound: int = 0) -> dict[str, Parameter]:
    """The parameters that can be passed by name, without the first `bound` of them (self)."""
    known = node.args
    plain = [*known.posonlyargs, *known.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(known.defaults)) + list(known.defaults)
    pairs = [*zip(plain, defaults, strict=True), *zip(known.kwonlyargs, known.kw_defaults, strict=True)]
    by_name = [(argument, default) for argument, default in pairs[bound:] if argument not in known.posonlyargs]
    return {
        argument.arg: _parameter(
            argument.arg, Parameter.empty if default is None else _value(found, default), argument.annotation
        )
        for argument, default in by_name
    }


def _parameter(name: str, default: Any, annotation: ast.expr | None) -> Parameter:
    text = Parameter.empty if annotation is None else ast.unparse(annotation)
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=text)


def _value(found: Definition, node: ast.expr) -> Any:
    """The value of a default, as far as the source of its module shows it."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if isinstance(node, ast.Name):
        return _constant(found, node.id)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return UNKNOWN
    given = tuple(_value(found, argument) for argument in node.args)
    named = {keyword.arg: _value(found, keyword.value) for keyword in node.keywords if keyword.arg}
    if node.func.id == "float" and given in (("inf",), ("-inf",), ("nan",)):
        return float(given[0])
    origin = found.origin(node.func.id)
    return UNKNOWN if origin is None else DefaultCall(origin, given, named)


def _constant(found: Definition, name: str) -> Any:
    """The value of a name that the module assigns once, at its top."""
    assigned = [
        node.value
        for node in found.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        for to in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(to, ast.Name) and to.id == name
    ]
    try:
        return ast.literal_eval(assigned[0]) if len(assigned) == 1 else UNKNOWN
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return UNKNOWN


def _name(node: ast.expr) -> str:
    """The last part of a dotted name, without call and subscript: dataclasses.field(...) -> field."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
