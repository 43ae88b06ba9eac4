"""Lookup of component classes by kind and name; only the one that is named is imported.

Rules for names. `dist/name` is always valid. A bare name means the component that the program itself registered, else
bpframe's own, else the only installed one; several claims are an error that lists them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from bpframe.errors import (
    AmbiguousComponent,
    BlockedComponent,
    BrokenComponent,
    ConfigError,
    IncompatibleComponent,
    UnknownComponent,
)
from bpframe.registry import policy
from bpframe.registry.catalog import Catalog, Scan
from bpframe.registry.constructor import Component
from bpframe.registry.import_target import import_target
from bpframe.registry.kinds import KINDS, Kind
from bpframe.registry.labelled import unlabelled
from bpframe.registry.local_names import local, named_in, same_place
from bpframe.registry.metadata_scan import TWICE, Unreadable
from bpframe.registry.other_words import component_suggestion, did_you_mean
from bpframe.registry.provider import Provider
from bpframe.registry.safe_text import object_text

NO_ATTRIBUTE = "bpframe_knows_no_attribute_of_this_name"
REGISTER = (
    " A name that bp.register gives is known in that process alone: register it in this one too (in a module that both "
    "import), hand over the object itself, or make it a plugin. One that a file holds: --plugin FILE."
)


class Registry:
    """Components by kind and name. Listing reads metadata only; `load` imports the one target that is named."""

    def __init__(self, *scans: Scan) -> None:
        """`scans`: what finds components, bpframe's own first; left out, those that are installed."""
        self._catalog = Catalog(*scans)
        self._local: dict[tuple[str, str], Provider] = {}
        self._former: WeakKeyDictionary[type, Provider] = WeakKeyDictionary()  # classes whose names others have now
        self._loaded: dict[Provider, Component] = {}
        self._packages: set[str] = set()  # bpframe's own
        self._policies = policy.PolicyStack()
        self._meanings: dict[tuple[str, str], Provider] = {}  # of (kind, name) under these policies
        self._known_under: object = None
        self._owners: WeakKeyDictionary[type, dict[str, Provider | None]] = WeakKeyDictionary()  # of classes, by kind

    def __reduce__(self) -> Any:
        return _of_the_process, ()  # what is on offer elsewhere is what that process has

    # ---------------------------------------------------------------------------------------------------- listing

    def providers(self, kind: str | None = None) -> list[Provider]:
        """Everything on offer (of one kind), sorted, blocked ones included."""
        kinds = KINDS if kind is None else [self.kind(kind).name]
        return sorted(provider for each in kinds for provider in self._all(each))

    def unreadable(self) -> list[Unreadable]:
        """The distributions that are passed over, each with the reason."""
        self.providers()
        return list(self._catalog.unreadable)

    def hidden_of(self, *dists: str) -> list[Provider]:
        """Those of other distributions (or of these) whose bare names are bpframe's: `dist/name` alone means them."""
        own = {(p.kind, p.name) for p in self.providers() if p.dist == policy.CORE}
        others = (set(dists) or self._dists()) - {policy.CORE, policy.LOCAL}
        return [p for p in self.providers() if p.dist in others and (p.kind, p.name) in own]

    def policy_notes(self) -> list[str]:
        """A sentence for each name in the policies in force that no distribution with components has."""
        dists = self._dists()
        return [sentence for each in self._policies.in_force() for sentence in each.unknown(dists)]

    def names(self, kind: str) -> list[str]:
        """The names that can be used for components of a kind: bare where that is clear, else dist/name."""
        claims: dict[str, list[Provider]] = {}
        for provider in sorted(self._offers(kind)):
            if self.verdict(provider) is None:
                claims.setdefault(provider.name, []).append(provider)
        return sorted(name for found in claims.values() for name in _names(found))

    def verdict(self, provider: Provider) -> str | None:
        """None if the policies in force allow the provider, otherwise why not; the strictest wins."""
        return self._policies.verdict(provider.dist)

    def kind(self, name: str) -> Kind:
        """The kind of that name; ConfigError otherwise."""
        if name not in KINDS:
            hint = did_you_mean(name, KINDS)
            raise ConfigError(f"There is no kind of component named {name!r}.{hint} Kinds: {', '.join(KINDS)}.")
        return KINDS[name]

    # --------------------------------------------------------------------------------------------------- look-up

    def find(self, kind: str, name: str) -> Provider:
        """The provider that a name means, or Unknown-, Ambiguous- or BlockedComponent."""
        policies = self._policies.in_force()
        if policies != self._known_under:
            self._known_under, self._meanings = policies, {}
        found = self._meanings.get((kind, name))
        if found is None:
            found = self._meanings[kind, name] = self._find(kind, name)
        return found

    def _forget(self) -> None:
        """What was found may be another by now."""
        self._known_under, self._meanings, self._owners = None, {}, WeakKeyDictionary()

    def _find(self, kind: str, name: str) -> Provider:
        dist, _, bare = name.rpartition("/")
        dist = policy.normalise(dist)
        own = [] if dist not in ("", policy.CORE, policy.LOCAL) else self._core(self.kind(kind).name)
        claims = _claims(own, dist, bare) or _claims(self.providers(kind), dist, bare)
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
        component = self._loaded.get(provider)
        if component is None:
            component = self._import(provider)
            if isinstance(component, type):
                self.check(provider.kind, component, provider)
            self._loaded[provider] = component
            self._owners.clear()
        return component

    def _import(self, provider: Provider) -> Component:
        """The target; where it fails, with a word of a second version whose files may be those that were found."""
        try:
            return import_target(provider)
        except BrokenComponent as error:
            copies = [str(each) for each in self.unreadable() if each.dist == provider.dist and TWICE in each.reason]
            if not copies:
                raise
            message = f"{error} A second version is in the same folder: {copies[0]}. Remove the one that is too many."
            raise BrokenComponent(message) from error.__cause__

    def check(self, kind: str, component: object, provider: Provider | None) -> None:
        """IncompatibleComponent if the component lacks members of its kind's protocol."""
        missing, mock = self.kind(kind).missing(component), hasattr(component, NO_ATTRIBUTE)
        if missing or mock:
            owner = provider or f"{kind} {object_text(component)}"
            fault = f"lacks {', '.join(missing)}, which every {kind} must have"
            if mock:
                fault = f"has every attribute, as a mock has, so that nobody knows what it does. Give {_a(kind)}"
            phi = kind == "layer" and not mock and not self.kind("activation").missing(component)
            remedy = " As a layer: bp.layers.activation(...), or dense(..., activation=...)." if phi else ""
            raise IncompatibleComponent(f"{owner} {fault}.{remedy}")

    def provider_of(self, kind: str, component: object) -> Provider | None:
        """Who provides a ready object, by its class; None for a class that nobody registered."""
        cls = component if isinstance(component, type) else type(unlabelled(component))
        owners = self._owners.get(cls, {})
        owner = owners.get(kind)
        if kind in owners and (owner is None or self._loaded.get(owner) is cls):
            return owner
        known = [provider for provider, loaded in self._loaded.items() if loaded is cls and provider.kind == kind]
        former = self._former.get(cls)  # of lines that have run again since, it is still the same component
        known += [former] if former is not None and self._local.get((kind, former.name)) == former else []
        own = _snake(cls.__name__)
        if namesake := min((provider for provider in known if provider.name == own), default=None):
            self._owners.setdefault(cls, {})[kind] = namesake
            return namesake
        target = f"{cls.__module__}:{cls.__qualname__}"
        named = [p for p in self._offers(kind) if p.target == target and (p.dist != policy.LOCAL or p in known)]
        dists = {p.dist for p in known or named}  # of one that was loaded, other names count too: names in files are
        offers = {*known, *(p for p in named if p.dist in dists)}  # the same whatever was loaded before
        found = min(offers, key=lambda p: (p.name != own, p), default=None)
        if found is None and not self._policies.core_only:  # which may hide who provides it
            self._owners.setdefault(cls, {})[kind] = None
        return found

    def owns(self, cls: type) -> bool:
        """Whether a class is from a package of bpframe's own."""
        if not self._packages:
            targets = (p.target for kind in KINDS for p in self._core(kind) if p.dist == policy.CORE)
            self._packages = {policy.CORE, *(target.partition(".")[0] for target in targets)}
        return cls.__module__.partition(".")[0] in self._packages

    # ----------------------------------------------------------------------------------------------------- change

    def register(self, kind: str, name: str, component: Component | None = None, *, replace: bool = False) -> Any:
        """Give the program's own class a name; without `component`, a decorator. A taken name needs `replace`."""
        kind = self.kind(kind).name
        if component is None:
            return lambda decorated: self.register(kind, name, decorated, replace=replace)
        if not isinstance(name, str) or "/" in name or not callable(component):
            given = f"{name!r} and {object_text(component)}"
            raise ConfigError(f"register needs a name without '/' and a class, got {given}.")
        provider = local(kind, name, component, self._local.get((kind, name)))
        self._refuse_other_claims(provider, replace)
        if isinstance(component, type):
            self.check(kind, component, provider)
        replaced = self._local.pop((kind, name), provider)
        if isinstance(former := self._loaded.pop(replaced, None), type):
            self._former[former] = replaced
        self._local[kind, name] = provider
        if isinstance(component, type):
            self._loaded[provider] = component
        self._forget()
        return component

    def declare(self, providers: Sequence[Provider], where: str) -> None:
        """Offer the components of a plugin file: local, as by `register`, but not loaded before they are named."""
        if reason := self._policies.verdict_of_files():
            raise BlockedComponent(f"The plugin file {where} is blocked: {reason}. Change that policy to use it.")
        for provider in providers:
            former = self._local.get((provider.kind, provider.name))
            if former is not None and former.target != provider.target:
                taken = f"is given to {former.target} already"
                raise ConfigError(f"{where}: the name of its {provider.kind} '{provider.name}' {taken}. Rename one.")
            if any(claim.dist == policy.CORE for claim in _claims(self._core(provider.kind), "", provider.name)):
                own = f"the {provider.kind} '{provider.name}' is bpframe's own"
                raise ConfigError(f"{where} needs another name for its class {provider.target.split(':')[1]}: {own}.")
        for provider in providers:
            replaced = self._local.get((provider.kind, provider.name))
            if replaced != provider:
                self._loaded.pop(replaced or provider, None)
                self._local[provider.kind, provider.name] = provider

    def local_components(self, settings: object) -> list[tuple[str, str, Component]]:
        """(kind, name, component) of each that the program registered and whose name is in settings, at any depth."""
        return [(p.kind, p.name, p.load()) for p in named_in(settings, self._local.values())]

    def adopt(self, kind: str, name: str, component: Component) -> bool:
        """Give the name to a component from another process, as `register` there; False where another has it."""
        try:
            self.register(kind, name, component)
        except ConfigError:
            return False
        return True

    def _refuse_other_claims(self, provider: Provider, replace: bool) -> None:
        """ConfigError where a name that the program registers is another's, but for `replace` and the same lines."""
        kind, name = provider.kind, provider.name
        claims = _claims(self._core(kind), "", name)
        if any(claim.dist == policy.CORE for claim in claims):
            raise ConfigError(f"register needs a free name, but the {kind} '{name}' is bpframe's own. Choose another.")
        claims = claims or ([] if replace else _claims(self._offers(kind), "", name))
        if claims and not replace and not all(same_place(claim, provider) for claim in claims):
            taken = f"there is {_a(kind)} '{name}' already"
            raise ConfigError(f"register needs a free name, but {taken}. Choose another, or replace=True.")

    def refresh(self) -> None:
        """Look again at what is installed (after a pip install in a running process)."""
        importlib.invalidate_caches()
        self._forget()
        self._catalog.refresh()

    def restricted(self, restriction: policy.Policy) -> AbstractContextManager[None]:
        """Obey one more policy inside the block."""
        return self._policies.restricted(restriction)

    def _offers(self, kind: str) -> list[Provider]:
        """Everything on offer of a kind; where the policy leaves bpframe's own alone, no other is looked at."""
        name = self.kind(kind).name
        if self._policies.core_only:
            return self._core(name)
        self._policies.warn_of_unknown(self._dists)
        return self._all(name)

    def _core(self, kind: str) -> list[Provider]:
        return self._catalog.core(kind, self._local.values())

    def _all(self, kind: str) -> list[Provider]:
        return self._catalog.all(kind, self._local.values())

    def _dists(self) -> set[str]:
        return {provider.dist for provider in self.providers()}

    def _unknown(self, kind: str, dist: str, name: str) -> str:
        message = f"no {kind} named '{dist}/{name}'." if dist else f"no {kind} named '{name}'."
        names = self.names(kind)
        hint = component_suggestion(kind, name, names)
        message += f"{hint} Installed: {', '.join(names) or 'none'}."
        others = sorted({p.kind for p in self.providers() if p.name == name and p.kind != kind})
        if others:
            message += f" ('{name}' is {' and '.join(_a(other) for other in others)}.)"
        if kind == "layer" and (phi := self._activation(name)):
            message += f" As a layer: bp.layers.activation('{phi}'), or dense(..., activation='{phi}')."
        if dist == policy.LOCAL or not (dist or hint):
            message += REGISTER
        elif dist and not any(provider.dist == dist for provider in self.providers()):
            message += f" No installed distribution {dist} offers components: pip install {dist}, then bp.refresh()."
        if skipped := self.unreadable():
            message += f" Passed over: {', '.join(map(str, skipped))}."
        return message

    def _activation(self, name: str) -> str | None:
        """The activation that a name means in any spelling."""
        word = name.lower().replace("_", "")
        return next((each for each in self.names("activation") if each.replace("_", "") == word), None)


def _of_the_process() -> Registry:
    registry: Registry = sys.modules["bpframe.registry"].registry
    return registry


def _claims(providers: Iterable[Provider], dist: str, name: str) -> list[Provider]:
    return sorted(p for p in providers if p.name == name and dist in ("", p.dist))


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


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind.replace('_', ' ')}"


@lru_cache(maxsize=1024)
def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
