"""Describe a ready component: its specification, as configs and model files hold it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from bpframe.errors import ConfigError
from bpframe.registry.constructor import arguments, parameters, wants
from bpframe.registry.labelled import Labelled, unlabelled
from bpframe.registry.lookup import Registry
from bpframe.registry.nested import kind_inside, walk
from bpframe.registry.policy import CORE
from bpframe.registry.provider import Provider

Plain = Any  # what TOML and JSON can say: str, int, float, bool, lists and dicts of them


def describe(registry: Registry, kind: str, component: object) -> dict[str, Plain]:
    """{"name": ..., every argument}; bpframe's own components by bare name, others as dist/name."""
    spec: dict[str, Plain] = {"name": name_of(registry, kind, component)}
    if isinstance(component, Labelled):
        spec["label"] = component.label
    component = unlabelled(component)
    for name, value in arguments(component).items():
        if value is not None:
            kind = kind_inside(wants(type(component))[name], value) or "schedule"
            spec[name] = _plain(registry, kind, value, name)
    return spec


def brief(registry: Registry, kind: str, component: object) -> str:
    """A component in few words: its short name, and its arguments where they are not the defaults."""
    component = unlabelled(component)
    known, shown = parameters(type(component)), []
    for name, value in arguments(component).items():
        default = known[name].default
        if value is default or (type(value) is type(default) and value == default):
            continue
        inner = kind_inside(wants(type(component))[name], value) or "schedule"
        shown.append(f"{name}={_brief(registry, inner, value)}")
    return f"{short_name(registry, kind, component)}({', '.join(shown)})"


def _brief(registry: Registry, kind: str, value: object) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(_brief(registry, kind, item) for item in value)}]"
    plain = value is None or isinstance(value, bool | str | int | float | np.generic | dict)
    return repr(value) if plain else brief(registry, kind, value).removesuffix("()")


def title(registry: Registry, kind: str, component: object) -> str:
    """What errors call a component: kind, dist/name, distribution with version and target; or kind and class."""
    return str(registry.provider_of(kind, component) or f"{kind} {type(unlabelled(component)).__name__}")


def name_of(registry: Registry, kind: str, component: object) -> str:
    """The name that a specification of this component needs; ConfigError if nobody registered its class."""
    provider = registry.provider_of(kind, component)
    if provider is None:
        name = type(unlabelled(component)).__name__
        remedy = f"Register it: bp.register('{kind}', '{name.lower()}', {name})."
        raise ConfigError(f"{kind} {name} has no name that a file could hold. {remedy}")
    return provider.name if provider.dist == CORE else provider.ref


def short_name(registry: Registry, kind: str, component: object) -> str:
    """What to call a component in labels and curves: its bare name, or that of its class if nobody registered it."""
    provider = registry.provider_of(kind, component)
    return provider.name if provider else type(unlabelled(component)).__name__.lower()


def providers_in(registry: Registry, kind: str, component: object) -> list[Provider]:
    """The providers of a component and of every component among its arguments."""
    found = (registry.provider_of(inner, part) for _, inner, part in walk(kind, component))
    return [provider for provider in found if provider]


def _plain(registry: Registry, kind: str, value: object, name: str) -> Plain:
    if isinstance(value, bool | str | int | float):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Sequence):
        return [_plain(registry, kind, item, name) for item in value]
    if isinstance(value, dict):
        return {key: _plain(registry, kind, item, name) for key, item in value.items()}
    return describe(registry, kind, value)
