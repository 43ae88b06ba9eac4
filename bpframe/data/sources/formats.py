"""Formats of files: the source that reads a file, by name or by the end of the file's name."""

from __future__ import annotations

from pathlib import Path

from bpframe.errors import DataError
from bpframe.protocols import Source
from bpframe.registry import Spec, build, by_suffix

PACKED = ".gz"  # a file that is unpacked while it is read


def source_of(path: Path, spec: Spec | None = None) -> Source:
    """The source of a specification; without one that which reads files of such a name.

    The program's own sources come first, then bpframe's, then those of other distributions that are called as the
    suffix: `foo` reads rows.foo. DataError for a name that nobody reads, or several distributions.
    """
    source: Source = build("source", source_name(path) if spec is None else spec)
    return source


def source_name(path: Path) -> str:
    """The name of the source that reads files of such a name; errors as of `source_of`."""
    ending = _name(path)
    claims = by_suffix.claims("source", ending)
    if len(claims) > 1:
        names = " and ".join(f"'{ref}'" for ref in sorted(provider.ref for provider in claims))
        raise DataError(f"'{path}' needs one source that reads it, got {names}. Name one, as source = {{name, path}}.")
    if not claims:
        got = unpacked_suffix(path)
        raise DataError(f"'{path}' needs one of the suffixes {', '.join(suffixes())}, got '{got}'. Convert it.")
    return claims[0].ref


def foreign_source(path: Path) -> str | None:
    """The name of another distribution's source that reads a file by its suffix, found without importing it, if any."""
    ending = _name(path)
    offers = by_suffix.usable_providers("source")
    namesakes = [p.ref for p in offers if p.dist not in by_suffix.OWNERS and f".{p.name}" == unpacked_suffix(path)]
    own = any(p.dist in by_suffix.OWNERS and by_suffix.is_for(p, ending) for p in offers) if namesakes else True
    return namesakes[0] if len(namesakes) == 1 and not own else None


def suffixes() -> list[str]:
    """The suffixes of files that can be read, sorted: those of other distributions go by the names of their sources."""
    return by_suffix.known_suffixes("source")


def is_packed(path: Path) -> bool:
    """Whether a file is unpacked while it is read."""
    return path.name.lower().endswith(PACKED)


def unpacked_suffix(path: Path) -> str:
    """The suffix of a file, of a packed one that of what is in it: ".csv" of rows.csv.gz."""
    return Path(_name(path)).suffix


def _name(path: Path) -> str:
    """The name by which a file's source is chosen."""
    return path.name.lower().removesuffix(PACKED)
