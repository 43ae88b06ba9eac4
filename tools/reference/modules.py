"""The pages on the Python API, the protocols, and the modules of functions."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import bpframe as bp
from bpframe import checks, ops, plugin, protocols, registry, types
from bpframe.export import front
from bpframe.network.trace import LayerTrace
from bpframe.registry import KINDS, Kind, Provider
from bpframe.training import hooks
from tools.reference.components import own
from tools.reference.markdown import fenced, item, prose, signature, wrapped

MET: tuple[type, ...] = (LayerTrace,)  # classes whose objects one meets, but does not make
DESCRIBED = ("bpframe.errors", "bpframe.protocols", "bpframe.types", "bpframe.training", "builtins", "typing")
LOOK_UP = ("names", "load", "build", "providers", "register", "refresh")


def api_page() -> Iterator[str]:
    """Everything that `bpframe` names."""
    yield "# Python API"
    yield prose(bp)
    public: dict[str, Any] = {name: getattr(bp, name) for name in bp.__all__}
    classes = [value for value in public.values() if inspect.isclass(value)]
    for cls in (*sorted(classes, key=lambda cls: cls is not bp.Trainer), *MET):
        yield from class_entry(cls)
    for name, value in public.items():
        if inspect.isfunction(value) and name not in LOOK_UP:
            yield from function_entry(name, value)
    yield from function_entry("export", front.export)
    yield "## Components by name"
    yield prose(registry)
    yield "\n\n".join(item(signature(f"bp.{name}", getattr(bp, name)), getattr(bp, name)) for name in LOOK_UP)
    yield from class_entry(Provider)
    yield "## Namespaces"
    yield "\n".join(f"- `bp.{kind.plural}`: {where(kind)}" for kind in sorted(KINDS.values(), key=lambda k: k.plural))
    yield "## Hooks"
    yield prose(hooks) + " The mark is `bp.hookimpl`."
    yield "\n\n".join(item(signature(name, getattr(hooks, name)), getattr(hooks, name)) for name in hooks.SPECS)
    yield "## Errors"
    yield "`bp.errors`, all importable from `bpframe.errors`."
    yield prose(bp.errors)
    yield "## Modules"
    yield "- `bp.datasets`: [data sets](datasets.md)\n- `bp.testing`: [checks](testing.md)"
    yield "- `bpframe.sklearn`: [estimators](sklearn.md), imported by that name alone"
    yield "`bp.__version__` is the version installed."


def where(kind: Kind) -> str:
    """Where the reference describes a kind."""
    protocol = kind.protocols[0].__name__
    listed = f"[{kind.plural}]({kind.plural}.md), " if own(kind) else ""
    return f"{listed}protocol [{protocol}](protocols.md#{protocol.lower()})"


def protocols_page() -> Iterator[str]:
    """What a component of each kind must offer, and the types in these signatures."""
    yield "# Protocols"
    yield prose(protocols)
    for module in (protocols.components, protocols.capabilities, protocols.engine):
        for cls in vars(module).values():
            if isinstance(cls, type) and cls.__module__ == module.__name__:
                yield from class_entry(cls)
    yield "## Types"
    yield prose(types)
    yield fenced("\n".join(re.findall(r"^\w+ = .*#.*$", inspect.getsource(types), re.MULTILINE)))


def module_page(name: str) -> Iterator[str]:
    """The functions and classes that a module names in `__all__`, by the file they come from."""
    module = importlib.import_module(f"bpframe.{name}")
    yield f"# `bpframe.{name}`"
    yield prose(module)
    described = {module.__name__}
    for public in sorted(module.__all__, key=lambda public: getattr(module, public).__module__):
        value = getattr(module, public)
        new = value.__module__ not in described
        described.add(value.__module__)
        yield from function_entry(public, value, prose(inspect.getmodule(value)) if new else "")


def estimators_page() -> Iterator[str]:
    """The estimators for scikit-learn: what each takes, and its methods, those of their common base included."""
    module = importlib.import_module("bpframe.sklearn")
    yield "# `bpframe.sklearn`"
    yield prose(module)
    yield "How they are used: [Replace scikit-learn's MLP](../how-to/replace-sklearn-mlp.md)."
    for name in module.__all__:
        cls = getattr(module, name)
        yield f"## {name}"
        yield fenced(wrapped(signature(name, cls)))
        yield prose(cls)
        if inspect.isfunction(cls):
            continue
        own = [base for base in cls.__mro__ if base.__module__.startswith(module.__name__)]
        members = {key: member for base in reversed(own) for key, member in vars(base).items() if key[0] != "_"}
        for key, member in members.items():
            function = getattr(member, "fn", member)  # inside of scikit-learn's available_if
            if isinstance(function, property):
                yield item(key, function)
            elif inspect.isfunction(function) or isinstance(function, classmethod):
                yield item(signature(key, function), function)


def plugin_page() -> Iterator[str]:
    """What authors of plugins import: `bpframe.plugin`, its modules of functions, and its helpers."""
    yield "# `bpframe.plugin`"
    yield prose(plugin)
    for name, module in (("ops", ops), ("checks", checks)):
        yield f"## {name}"
        yield prose(module)
        offered = {key: getattr(module, key) for key in getattr(module, "__all__", vars(module)) if key[0] != "_"}
        functions = {
            key: value for key, value in offered.items() if inspect.isfunction(value) and value.__name__ == key
        }
        yield "\n\n".join(item(signature(f"{name}.{key}", value), value) for key, value in functions.items())
    yield "## Helpers"
    for name in plugin.__all__:
        value = getattr(plugin, name)
        if (inspect.isfunction(value) or inspect.isclass(value)) and not value.__module__.startswith(DESCRIBED):
            yield item(signature(name, value), value)


def function_entry(name: str, function: Any, before: str = "") -> Iterator[str]:
    """A function or a plain class, and what is to be said before."""
    yield from [f"## `{name}`", before, fenced(wrapped(signature(name, function))), prose(function)]


def class_entry(cls: type) -> Iterator[str]:
    """A class with its public methods and properties."""
    yield f"## {cls.__name__}"
    if not getattr(cls, "_is_protocol", False):
        yield fenced(wrapped(signature(cls.__name__, cls)))
    yield prose(cls)
    for name, member in vars(cls).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property | cached_property):
            getter = member.fget if isinstance(member, property) else member.func
            yield item(f"{name}: {getter.__annotations__['return']}", member)
        elif inspect.isfunction(member) or isinstance(member, classmethod | staticmethod):
            yield item(signature(name, inspect.getattr_static(cls, name)), member)
