"""Which components a `bpframe check` means, and what the checks say about them."""

from __future__ import annotations

from collections.abc import Sequence

from bpframe import testing
from bpframe.cli.plugins import split
from bpframe.errors import ConfigError, PluginError, UnknownComponent
from bpframe.registry import Provider, registry
from bpframe.registry.policy import normalise
from bpframe.testing.report import Report
from bpframe.testing.suite import CORE

LOADING = "loading"  # what takes the place of the checks of a component that cannot be made


def reports(targets: Sequence[str], everything: bool, engines: Sequence[str] = ()) -> list[Report]:
    """A report for each component named, or of each distribution named, or of all; none twice."""
    tried = _tried(engines)
    if everything:
        return [surveyed(provider, tried) for provider in registry.providers()]
    found: dict[str, Report] = {}
    for target in targets:
        if ":" in target:
            kind, name = split(target)
            component = f"{kind}:{registry.find(kind, name).ref}"
            found[component] = found.get(component) or _checked(kind, name, tried)
        else:
            found |= {f"{p.kind}:{p.ref}": surveyed(p, tried) for p in _of(target)}
    return list(found.values())


def _tried(engines: Sequence[str]) -> list[str]:
    """numpy, and the engines named, or all that are installed."""
    named = registry.names("engine") if "all" in engines else [registry.find("engine", name).ref for name in engines]
    return list(dict.fromkeys([*CORE, *(name.removeprefix("bpframe/") for name in named)]))


def _checked(kind: str, name: str, engines: Sequence[str]) -> Report:
    return testing.check(kind, name, engines=engines, collect=True)


def _of(dist: str) -> list[Provider]:
    providers = registry.providers()
    if found := [provider for provider in providers if provider.dist == normalise(dist)]:
        return found
    known = ", ".join(sorted({provider.dist for provider in providers}))
    raise UnknownComponent(f"check needs KIND:NAME or a distribution, got '{dist}'. Those with components: {known}.")


def surveyed(provider: Provider, engines: Sequence[str]) -> Report:
    """One of many: a component that cannot be made does not keep the others from being checked."""
    component = f"{provider.kind}:{provider.ref}"
    try:
        return _checked(provider.kind, provider.ref, engines)
    except (PluginError, ConfigError) as error:
        if _lacking(error):
            return Report(component, skipped={LOADING: str(error)})
        return Report(component, (LOADING,), {LOADING: str(error)})


def _lacking(error: Exception) -> bool:
    """Whether a plugin noticed itself that an optional module is missing, and said what to install."""
    said = error.__cause__
    return isinstance(said, ModuleNotFoundError) and isinstance(said.__cause__, ModuleNotFoundError)
