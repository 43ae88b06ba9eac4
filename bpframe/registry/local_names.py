"""Local names: those that the program itself gives to components, by register."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from bpframe.registry.code_digest import PREFIX
from bpframe.registry.policy import LOCAL
from bpframe.registry.provider import Provider

UNPACKAGED = "unpackaged"  # the version of what a program registers


def local(kind: str, name: str, component: Callable[..., Any], former: Provider | None = None) -> Provider:
    """A component that the program itself registered; where the plugin file of `former` did, it is still of that."""
    target = f"{component.__module__}:{getattr(component, '__qualname__', repr(component))}"
    version = former.version if former is not None and former.target == target else UNPACKAGED
    return Provider(kind, name, LOCAL, version, target, load=lambda: component)


def same_place(old: Provider, new: Provider) -> bool:
    """Whether two components of one name come from the same lines, as those of a notebook's cell that runs again."""
    return old.target == new.target and _has_place(old.load()) and _has_place(new.load())


def _has_place(component: Any) -> bool:
    return str(getattr(component, "__qualname__", "<lambda>")).rpartition(".")[2] != "<lambda>"


def named_in(settings: object, providers: Iterable[Provider]) -> list[Provider]:
    """The providers whose name, or dist/name, stands in settings, at any depth."""
    words = set(_words(settings))
    return [provider for provider in providers if not words.isdisjoint((provider.name, provider.ref))]


def other_digests(providers: Iterable[Provider], recorded: Sequence[Mapping[str, str]]) -> list[str]:
    """A line for each recorded component that came from a plugin file of another digest: "loss 'local/cauchy' ..."."""
    now = {(p.kind, p.ref): p.version for p in providers if p.version.startswith(PREFIX)}
    return [
        f"{each['kind']} '{each['name']}' {each['version']} then, {version} now"
        for each in recorded
        if (version := now.get((each["kind"], each["name"]), "")) and each["version"].startswith(PREFIX)
        if each["version"] != version
    ]


def _words(settings: object) -> Iterator[str]:
    if isinstance(settings, str):
        yield settings
    elif isinstance(settings, Mapping | list | tuple):
        for value in settings.values() if isinstance(settings, Mapping) else settings:
            yield from _words(value)
