"""The component registry: components found by kind and name in package metadata, imported when named, and built.

`registry` is the process's own; `Registry()` makes another (for tests, or a service with several policies).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bpframe.errors import ConfigError
from bpframe.registry.builder import Builder, Spec
from bpframe.registry.constructor import arguments
from bpframe.registry.kinds import KINDS, Kind
from bpframe.registry.lookup import Registry
from bpframe.registry.namespaces import Namespace
from bpframe.registry.policy import Policy
from bpframe.registry.provider import Provider

registry = Registry()
namespaces = {kind.plural: Namespace(registry, kind.name) for kind in KINDS.values()}

names = registry.names
load = registry.load
providers = registry.providers
register = registry.register
refresh = registry.refresh


def build(kind: str, spec: Spec, /, **overrides: Any) -> Any:
    """A ready component of `kind` from a name, a mapping with `name` and arguments, or a ready object.

    `overrides` replace arguments of the specification: build("optimizer", "adam", lr=3e-4).
    """
    if overrides:
        spec = {"name": spec} if isinstance(spec, str) else spec
        spec = {**(spec if isinstance(spec, Mapping) else _describe(kind, spec)), **overrides}
    builder = Builder(registry)
    component = builder.build(registry.kind(kind).name, spec)
    builder.finish()
    return component


def build_all(owner: str, kind: str, specs: Sequence[Spec]) -> list[Any]:
    """Ready components of `kind` from a list of specifications; `owner` needs them."""
    if type(specs) not in (list, tuple) and (isinstance(specs, str) or not isinstance(specs, Sequence)):
        raise ConfigError(f"{owner} needs a list of {kind}s, got {specs!r}. For one: [{specs!r}].")
    return [build(kind, spec) for spec in specs]


def _describe(kind: str, component: object) -> dict[str, Any]:
    from bpframe.registry.describe import describe

    return describe(registry, kind, component)


__all__ = [
    "KINDS",
    "Kind",
    "Namespace",
    "Policy",
    "Provider",
    "Registry",
    "Spec",
    "arguments",
    "build",
    "build_all",
    "load",
    "names",
    "namespaces",
    "providers",
    "refresh",
    "register",
    "registry",
]
