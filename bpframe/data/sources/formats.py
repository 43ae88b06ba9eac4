"""Formats of files: the source that reads a file, by name or by the end of the file's name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bpframe.errors import DataError, PluginError
from bpframe.protocols import Source
from bpframe.registry import Provider, Spec, build, registry
from bpframe.registry.policy import CORE, LOCAL

PACKED = ".gz"  # a file that is unpacked while it is read


def source_of(path: Path, spec: Spec | None = None) -> Source:
    """The source of a specification; without one that which reads files of such a name.

    The program's own sources come first, then bpframe's, then those of other distributions. DataError for a name that
    nobody reads, or several distributions.
    """
    source: Source = build("source", source_name(path) if spec is None else spec)
    return source


def source_name(path: Path) -> str:
    """The name of the source that reads files of such a name; errors as of `source_of`."""
    ending = _name(path)
    claims = _claims(ending)
    if len(claims) > 1:
        names = " and ".join(f"'{ref}'" for ref in sorted(provider.ref for provider in claims))
        raise DataError(f"'{path}' needs one source that reads it, got {names}. Name one, as source = {{name, path}}.")
    if not claims:
        got = "".join(Path(ending).suffixes[-1:])
        raise DataError(f"'{path}' needs one of the suffixes {', '.join(suffixes())}, got '{got}'. Convert it.")
    return claims[0].ref


def suffixes() -> list[str]:
    """The suffixes of all files that can be read, sorted."""
    return sorted({suffix for provider in _providers() for suffix in _suffixes(provider)})


def is_packed(path: Path) -> bool:
    """Whether a file is unpacked while it is read."""
    return path.name.lower().endswith(PACKED)


def _name(path: Path) -> str:
    """The name by which a file's source is chosen."""
    return path.name.lower().removesuffix(PACKED)


def _claims(ending: str) -> list[Provider]:
    """The sources that read files of a name, of the first owner who has any; each stands once."""
    namesake = Path(ending).suffix.removeprefix(".")
    for offers in _by_owner():
        alike = [p for p in offers if p.name == namesake and _reads(p, ending)]
        if alike and len({p.dist for p in offers}) == 1:
            return alike  # without importing the owner's others
        if found := {registry.loaded(p): p for p in reversed(offers) if _reads(p, ending)}:
            return sorted(found.values())
    return []


def _by_owner() -> Iterator[list[Provider]]:
    """The program's own sources, bpframe's, and those of all others."""
    offers = _providers()
    for owners in ({LOCAL}, {CORE}, {p.dist for p in offers} - {LOCAL, CORE}):
        yield [provider for provider in offers if provider.dist in owners]


def _providers() -> list[Provider]:
    return [provider for provider in registry.providers("source") if registry.verdict(provider) is None]


def _reads(provider: Provider, ending: str) -> bool:
    return ending.endswith(tuple(_suffixes(provider)))


def _suffixes(provider: Provider) -> tuple[str, ...]:
    """The suffixes that a source's class declares; none where that fails, which is a matter of that source alone."""
    try:
        declared: Any = registry.loaded(provider)
        return tuple(map(str, declared.suffixes))
    except (PluginError, AttributeError, TypeError):
        return ()
