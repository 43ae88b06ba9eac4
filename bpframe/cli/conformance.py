"""Which components a `bpframe check` means, and what the checks say about them."""

from __future__ import annotations

from collections.abc import Sequence

from bpframe import testing
from bpframe.cli.listing import split
from bpframe.errors import ConfigError, PluginError, UnknownComponent
from bpframe.registry import Provider, registry
from bpframe.registry.policy import normalise
from bpframe.testing.report import Report


def reports(targets: Sequence[str], everything: bool) -> list[Report]:
    """A report for each component named, or of each distribution named, or of all; none twice."""
    if everything:
        return [_surveyed(provider) for provider in registry.providers()]
    found: dict[str, Report] = {}
    for target in targets:
        if ":" in target:
            kind, name = split(target)
            found.setdefault(f"{kind}:{registry.find(kind, name).ref}", testing.check(kind, name, collect=True))
        else:
            found |= {f"{p.kind}:{p.ref}": _surveyed(p) for p in _of(target)}
    return list(found.values())


def _of(dist: str) -> list[Provider]:
    providers = registry.providers()
    if found := [provider for provider in providers if provider.dist == normalise(dist)]:
        return found
    known = ", ".join(sorted({provider.dist for provider in providers}))
    raise UnknownComponent(f"check needs KIND:NAME or a distribution, got '{dist}'. Those with components: {known}.")


def _surveyed(provider: Provider) -> Report:
    """One of many: a component that cannot be made does not keep the others from being checked."""
    try:
        return testing.check(provider.kind, provider.ref, collect=True)
    except (PluginError, ConfigError) as error:
        return Report(f"{provider.kind}:{provider.ref}", ("loading",), {"loading": str(error)})
