"""The examination of distributions: their metadata, then their imports, and what was found of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution
from typing import Any, final

from bpframe.cli.doctor import metadata_faults as metadata
from bpframe.cli.doctor.finding import Finding
from bpframe.cli.doctor.import_faults import Record, import_faults, import_records
from bpframe.errors import UnknownComponent
from bpframe.registry import Provider, Registry
from bpframe.registry.metadata_scan import copies_of
from bpframe.registry.policy import CORE, LOCAL, normalise
from bpframe.registry.safe_text import error_text

PLUGINS = "plugins"  # what findings are of that are of no distribution


@final
@dataclass(frozen=True)
class Examination:
    """A distribution, its components, what importing them does, and what is the matter with it."""

    dist: str
    version: str
    providers: Sequence[Provider]
    records: Sequence[Record]
    findings: Sequence[Finding]

    @property
    def seconds(self) -> float:
        """CPU seconds of all its imports."""
        return float(sum(record.get("seconds", 0.0) for record in self.records))

    @property
    def megabytes(self) -> float:
        """Memory that they take."""
        return float(sum(record.get("megabytes", 0.0) for record in self.records))

    @property
    def faults(self) -> int:
        """How many findings are serious."""
        return sum(finding.serious for finding in self.findings)

    def record(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "distribution": self.dist,
            "version": self.version,
            "components": [f"{p.kind}:{p.ref}" for p in self.providers],
            "seconds": self.seconds,
            "megabytes": self.megabytes,
            "imports": list(self.records),
            "findings": [asdict(finding) for finding in self.findings],
        }


def examinations(registry: Registry, dists: Sequence[str], seconds: float) -> Iterator[Examination]:
    """Of each of these distributions, or of all but bpframe's own; UnknownComponent for one that is not there."""
    providers = [p for p in registry.providers() if p.dist != LOCAL]
    over = list(metadata.passed_over(registry.unreadable()))
    names = dict.fromkeys([*(p.dist for p in providers), *(finding.dist for finding in over)])
    wanted = [normalise(each) for each in dists] or [name for name in names if name != CORE]
    for name in wanted:
        titles = [title for title in names if title.partition(" in ")[0] == name or title == name]
        if not titles:
            known = ", ".join(sorted(names))
            raise UnknownComponent(
                f"plugins doctor needs a distribution with components, got '{name}'. There: {known}."
            )
        own = [p for p in providers if p.dist == name]
        found = [finding for finding in over if finding.dist in titles]
        yield _examine(registry, titles[0], own, found, seconds)


def _examine(
    registry: Registry, name: str, own: Sequence[Provider], over: Sequence[Finding], seconds: float
) -> Examination:
    findings = [*over, *metadata.names_of_others(registry, own), *metadata.blocked(registry, own)]
    lost = list(metadata.targets(own))
    findings += lost
    for look in (metadata.unmet_requirements, metadata.installed_files, metadata.editable_source):
        findings += _looked(look, name) if own and name != CORE else []
    findings += metadata.private_imports(own) if name != CORE else []
    allowed = [p for p in own if registry.verdict(p) is None and not any(p.target in each.text for each in lost)]
    records = import_records(allowed, seconds)
    findings += [finding for record in records for finding in import_faults(name, record)]
    unique = sorted(dict.fromkeys(findings), key=lambda finding: not finding.serious)
    return Examination(name, own[0].version if own else "", own, records, unique)


def _looked(look: Callable[[Distribution, str], Iterator[Finding]], name: str) -> list[Finding]:
    """What one look at a distribution's metadata finds; damage that stops it is a finding too."""
    every = copies_of(name)
    try:
        found = list(look(every[0], name)) if every else []
        return found + (list(metadata.copies(every[0], name, every[1:])) if look is metadata.unmet_requirements else [])
    except Exception as error:
        return [Finding(name, "damaged metadata", f"its metadata cannot be read: {error_text(error)}")]


def policy_findings(registry: Registry) -> list[Finding]:
    """Names in policies that no distribution has."""
    return [
        Finding(PLUGINS, "unknown name in a policy", sentence, serious=False) for sentence in registry.policy_notes()
    ]
