"""Local names: those that the program itself gives to components, by register."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from bpframe.registry.policy import LOCAL
from bpframe.registry.provider import Provider


def local(kind: str, name: str, component: Callable[..., Any]) -> Provider:
    """A component that the program itself registered."""
    target = f"{component.__module__}:{getattr(component, '__qualname__', repr(component))}"
    return Provider(kind, name, LOCAL, "unpackaged", target, load=lambda: component)


def same_place(old: Provider, new: Provider) -> bool:
    """Whether two components of one name come from the same lines, as those of a notebook's cell that runs again."""
    return old.target == new.target and _has_place(old.load()) and _has_place(new.load())


def _has_place(component: Any) -> bool:
    return str(getattr(component, "__qualname__", "<lambda>")).rpartition(".")[2] != "<lambda>"


def named_in(settings: object, providers: Iterable[Provider]) -> list[Provider]:
    """The providers whose name, or dist/name, stands in settings, at any depth."""
    words = set(_words(settings))
    return [provider for provider in providers if not words.isdisjoint((provider.name, provider.ref))]


def _words(settings: object) -> Iterator[str]:
    if isinstance(settings, str):
        yield settings
    elif isinstance(settings, Mapping | list | tuple):
        for value in settings.values() if isinstance(settings, Mapping) else settings:
            yield from _words(value)
