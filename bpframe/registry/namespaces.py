"""Namespaces `bp.losses`, `bp.optimizers`, ...: installed components of a kind as attributes, imported on access."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

from bpframe.errors import ConfigError
from bpframe.registry.builder import Builder
from bpframe.registry.constructor import Component, parameters
from bpframe.registry.lookup import Registry


class Namespace:
    """Attributes are factories of the installed components of one kind; `dir()` lists them, third-party ones too."""

    def __init__(self, registry: Registry, kind: str) -> None:
        self._registry = registry
        self._kind = kind

    def __getattr__(self, name: str) -> Component:
        if name.startswith("__"):
            raise AttributeError(name)
        return factory(self._registry, self._kind, name)

    def __getitem__(self, name: str) -> Component:
        """The factory of the component of this name, dist/name too: `bp.losses["bpframe-focal/focal"]`."""
        return factory(self._registry, self._kind, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._registry.names(self._kind))

    def __dir__(self) -> list[str]:
        return [name for name in self._registry.names(self._kind) if name.isidentifier()]

    def __repr__(self) -> str:
        return f"<{self._registry.kind(self._kind).plural}: {', '.join(self._registry.names(self._kind))}>"


def factory(registry: Registry, kind: str, name: str) -> Component:
    """A function with the component's signature and docstring that builds it, names among its arguments included."""
    return _factory(registry, kind, name, registry.load(kind, name))


@functools.lru_cache(maxsize=1024)
def _factory(registry: Registry, kind: str, name: str, component: Component) -> Component:
    """The same for a component that is loaded; a policy is asked each time, a signature is written once."""

    def make(*args: Any, **settings: Any) -> Any:
        given = dict(zip(parameters(component), args, strict=False))
        if len(args) > len(given) or (twice := given.keys() & settings.keys()):
            extra = f"'{min(twice)}' twice" if len(args) <= len(given) else f"{len(args)} without a name"
            raise ConfigError(f"{name} takes the arguments {', '.join(parameters(component))}; got {extra}.")
        if "name" in settings:
            label = " For a name of its own, set label." if kind == "layer" else ""
            known = ", ".join(parameters(component)) or "none"
            raise ConfigError(f"{name} has no argument 'name'.{label} Arguments: {known}.")
        builder = Builder(registry)
        made = builder.build(kind, {**given, **settings, "name": name})
        builder.finish()
        return made

    make = functools.update_wrapper(make, component, updated=())
    make.__name__ = name
    make.__signature__ = inspect.signature(component)  # type: ignore[attr-defined]  # what help() and editors show
    return make
