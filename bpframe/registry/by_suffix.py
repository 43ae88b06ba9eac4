"""Selection by suffix: which component of a kind is for files of a name, by the suffixes that its class declares.

The program's own components come first, then bpframe's, then those of other distributions that are called as the
suffix: `foo` for rows.foo.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bpframe.errors import PluginError
from bpframe.registry import Provider, registry
from bpframe.registry.policy import CORE, LOCAL

OWNERS = (LOCAL, CORE)


def usable_providers(kind: str) -> list[Provider]:
    """The components of a kind that policies allow."""
    return [provider for provider in registry.providers(kind) if registry.verdict(provider) is None]


def claims(kind: str, name: str) -> list[Provider]:
    """The components for files of a name, in lower case, of the first owner who has any; each class stands once.

    A plugin of another distribution is imported only if a name names it: it is called as the suffix.
    """
    namesake = Path(name).suffix.removeprefix(".")
    offered = usable_providers(kind)
    for owner in OWNERS:
        own = [provider for provider in offered if provider.dist == owner]
        for known in ([p for p in own if p.name == namesake], own):  # the first without importing the others
            if found := {registry.loaded(p): p for p in reversed(known) if is_for(p, name)}:
                return sorted(found.values())
    return [p for p in offered if p.dist not in OWNERS and p.name == namesake and is_for(p, name)]


def is_for(provider: Provider, name: str) -> bool:
    """Whether a component is for files of a name."""
    return name.endswith(declared_suffixes(provider))


def known_suffixes(kind: str) -> list[str]:
    """The suffixes of all components of a kind, sorted: those of other distributions go by their names."""
    own = {suffix for p in usable_providers(kind) if p.dist in OWNERS for suffix in declared_suffixes(p)}
    return sorted(own | {f".{p.name}" for p in usable_providers(kind) if p.dist not in OWNERS})


def declared_suffixes(provider: Provider) -> tuple[str, ...]:
    """The suffixes that a class declares; none where that fails, which is a matter of that component alone."""
    try:
        declared: Any = registry.loaded(provider)
        return tuple(map(str, declared.suffixes))
    except (PluginError, AttributeError, TypeError):
        return ()
