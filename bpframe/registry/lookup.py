"""Lookup of component classes by kind and name; only the one that is named is imported.

Rules for names. `dist/name` is always valid. A bare name means the component that the program itself registered, else
bpframe's own, else the only installed one; several claims are an error that lists them.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bpframe.errors import (
    AmbiguousComponent,
    BlockedComponent,
    BrokenComponent,
    ConfigError,
    IncompatibleComponent,
    UnknownComponent,
)
from bpframe.registry import policy
from bpframe.registry.constructor import Component
from bpframe.registry.kinds import KINDS, Kind
from bpframe.registry.labelled import unlabelled
from bpframe.registry.other_words import component_suggestion, did_you_mean
from bpframe.registry.provider import Provider, installed, local

TARGET = re.compile(r"[\w.]+\s*:\s*[\w.]+\s*(\[.*\])?")  # an entry point's module:attribute, and extras


class Registry:
    """Components by kind and name. Listing reads metadata only; `load` imports the one target that is named."""

    def __init__(self, discover: Callable[[], list[Provider]] = installed) -> None:
        self._discover = discover
        self._found: list[Provider] | None = None
        self._by_kind: tuple[Any, dict[str, list[Provider]]] = None, {}  # what it is made from, and that
        self._local: dict[tuple[str, str], Provider] = {}
        self._loaded: dict[Provider, Component] = {}
        self._packages: set[str] = set()  # bpframe's own
        self._policies: list[policy.Policy] = []

    # ---------------------------------------------------------------------------------------------------- listing

    def providers(self, kind: str | None = None) -> list[Provider]:
        """Everything on offer (of one kind), sorted, blocked ones included."""
        return sorted(self._offers(kind))

    def names(self, kind: str) -> list[str]:
        """The names that can be used for components of a kind: bare where that is clear, else dist/name."""
        claims: dict[str, list[Provider]] = {}
        for provider in self.providers(kind):
            if self.verdict(provider) is None:
                claims.setdefault(provider.name, []).append(provider)
        return sorted(name for found in claims.values() for name in _names(found))

    def verdict(self, provider: Provider) -> str | None:
        """None if the policies in force allow the provider, otherwise why not; the strictest wins."""
        verdicts = (p.verdict(provider.dist) for p in (policy.from_environment(), *self._policies))
        return next((verdict for verdict in verdicts if verdict), None)

    def kind(self, name: str) -> Kind:
        """The kind of that name; ConfigError otherwise."""
        if name not in KINDS:
            hint = did_you_mean(name, KINDS)
            raise ConfigError(f"There is no kind of component named {name!r}.{hint} Kinds: {', '.join(KINDS)}.")
        return KINDS[name]

    # --------------------------------------------------------------------------------------------------- look-up

    def find(self, kind: str, name: str) -> Provider:
        """The provider that a name means, or Unknown-, Ambiguous- or BlockedComponent."""
        dist, _, bare = name.rpartition("/")
        dist = policy.normalise(dist)
        claims = sorted(p for p in self._offers(kind) if p.name == bare and dist in ("", p.dist))
        if not claims:
            raise UnknownComponent(self._unknown(kind, dist, bare))
        allowed = [provider for provider in claims if self.verdict(provider) is None]
        if not allowed:
            raise BlockedComponent(f"{claims[0]} is blocked: {self.verdict(claims[0])}. Change that policy to use it.")
        preferred = _preferred(allowed)
        if len(preferred) > 1:
            listing = " and ".join(f"'{provider.ref}' ({provider.dist} {provider.version})" for provider in preferred)
            raise AmbiguousComponent(f"{kind} '{bare}' is provided by {listing}. Name the one you want by dist/name.")
        return preferred[0]

    def load(self, kind: str, name: str) -> Component:
        """The class (or factory) that a name means: imports its one target and checks its protocol."""
        return self.loaded(self.find(kind, name))

    def loaded(self, provider: Provider) -> Component:
        """The class (or factory) of a provider, as `load` gives it."""
        if provider not in self._loaded:
            component = _import(provider)
            if isinstance(component, type):
                self.check(provider.kind, component, provider)
            self._loaded[provider] = component
        return self._loaded[provider]

    def check(self, kind: str, component: object, provider: Provider | None) -> None:
        """IncompatibleComponent if the component lacks members of its kind's protocol."""
        missing = self.kind(kind).missing(component)
        if missing:
            owner = provider or f"{kind} {component!r}"
            phi = kind == "layer" and not self.kind("activation").missing(component)
            remedy = " As a layer: bp.layers.activation(...), or dense(..., activation=...)." if phi else ""
            raise IncompatibleComponent(f"{owner} lacks {', '.join(missing)}, which every {kind} must have.{remedy}")

    def provider_of(self, kind: str, component: object) -> Provider | None:
        """Who provides a ready object, by its class; None for a class that nobody registered."""
        cls = component if isinstance(component, type) else type(unlabelled(component))
        known = [provider for provider, loaded in self._loaded.items() if loaded is cls and provider.kind == kind]
        own = _snake(cls.__name__)
        if namesake := min((provider for provider in known if provider.name == own), default=None):
            return namesake
        target = f"{cls.__module__}:{cls.__qualname__}"
        named = [p for p in self._offers(kind) if p.target == target and (p.dist != policy.LOCAL or p in known)]
        dists = {p.dist for p in known or named}  # of one that was loaded, other names count too: names in files are
        offers = {*known, *(p for p in named if p.dist in dists)}  # the same whatever was loaded before
        return min(offers, key=lambda p: (p.name != own, p), default=None)

    def owns(self, cls: type) -> bool:
        """Whether a class is from a package of bpframe's own."""
        if not self._packages:
            targets = (provider.target for provider in self._installed() if provider.dist == policy.CORE)
            self._packages = {policy.CORE, *(target.partition(".")[0] for target in targets)}
        return cls.__module__.partition(".")[0] in self._packages

    # ----------------------------------------------------------------------------------------------------- change

    def register(self, kind: str, name: str, component: Component | None = None, *, replace: bool = False) -> Any:
        """Give the program's own class a name; without `component`, a decorator. A taken name needs `replace`."""
        kind = self.kind(kind).name
        if component is None:
            return lambda decorated: self.register(kind, name, decorated, replace=replace)
        if not replace and any(p.name == name for p in self._offers(kind)):
            taken = f"there is {_a(kind)} '{name}' already"
            raise ConfigError(f"register needs a free name, but {taken}. Choose another, or replace=True.")
        if "/" in name or not callable(component):
            raise ConfigError(f"register needs a name without '/' and a class, got {name!r} and {component!r}.")
        provider = local(kind, name, component)
        if isinstance(component, type):
            self.check(kind, component, provider)
        self._loaded.pop(self._local.pop((kind, name), provider), None)
        self._local[kind, name] = provider
        return component

    def refresh(self) -> None:
        """Look again at what is installed (after a pip install in a running process)."""
        importlib.invalidate_caches()
        self._found = None

    @contextmanager
    def restricted(self, restriction: policy.Policy) -> Iterator[None]:
        """Obey one more policy inside the block."""
        self._policies.append(restriction)
        try:
            yield
        finally:
            self._policies.remove(restriction)

    def _offers(self, kind: str | None) -> list[Provider]:
        if kind is None:
            return [*self._installed(), *self._local.values()]
        name, found = self.kind(kind).name, self._installed()
        if self._by_kind[0] is not found:
            self._by_kind = found, {}
            for provider in found:
                self._by_kind[1].setdefault(provider.kind, []).append(provider)
        own = (provider for provider in self._local.values() if provider.kind == name)
        return [*self._by_kind[1].get(name, ()), *own]

    def _installed(self) -> list[Provider]:
        if self._found is None:
            self._found = self._discover()
        return self._found

    def _unknown(self, kind: str, dist: str, name: str) -> str:
        message = f"no {kind} named '{dist}/{name}'." if dist else f"no {kind} named '{name}'."
        names = self.names(kind)
        message += component_suggestion(kind, name, names) + f" Installed: {', '.join(names) or 'none'}."
        others = sorted({p.kind for p in self.providers() if p.name == name and p.kind != kind})
        if others:
            message += f" ('{name}' is {' and '.join(_a(other) for other in others)}.)"
        if kind == "layer" and (phi := self._activation(name)):
            message += f" As a layer: bp.layers.activation('{phi}'), or dense(..., activation='{phi}')."
        if dist and not any(provider.dist == dist for provider in self._offers(None)):
            message += f" No installed distribution {dist} offers components: pip install {dist}, then bp.refresh()."
        return message

    def _activation(self, name: str) -> str | None:
        """The activation that a name means in any spelling."""
        word = name.lower().replace("_", "")
        return next((each for each in self.names("activation") if each.replace("_", "") == word), None)


def _preferred(claims: list[Provider]) -> list[Provider]:
    """What a bare name means: the program's own component, else bpframe's; beyond that all claims are equal."""
    for owner in (policy.LOCAL, policy.CORE):
        if owned := [provider for provider in claims if provider.dist == owner]:
            return owned
    return claims


def _names(claims: list[Provider]) -> list[str]:
    preferred = _preferred(claims)
    bare = preferred if len(preferred) == 1 else []
    return [provider.name if provider in bare else provider.ref for provider in claims]


def _import(provider: Provider) -> Component:
    if provider.dist != policy.LOCAL and not TARGET.fullmatch(provider.target):
        raise BrokenComponent(f"{provider} has a malformed entry point: it needs module:Class. Tell its author.")
    try:
        component: Component = provider.load()
    except KeyboardInterrupt:
        raise
    except BaseException as cause:  # SystemExit too: a plugin must not end the program
        raise BrokenComponent(f"{provider} fails on import: {type(cause).__name__}: {cause}") from cause
    if not callable(component):
        raise IncompatibleComponent(f"{provider} is not a class or a function, but {type(component).__name__}.")
    return component


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind.replace('_', ' ')}"


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
