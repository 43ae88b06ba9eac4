"""Where the code of a distribution came from, and what it is: asked of installers' records, nothing is imported."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from bpframe.registry import Registry
from bpframe.registry.policy import CORE
from bpframe.runs.lock.source_code import digest, module_file

SOURCE, COMPILED = ".py", (".so", ".pyd", ".dll", ".dylib")
GIT_SECONDS = 10.0


def described(registry: Registry, dist: str) -> dict[str, Any] | None:
    """Name, version, digest of the code, and where from, of an installed distribution; None if it is not installed.

    `origin` (PEP 610): "index", "archive", "vcs" (with url and commit), "folder", or "editable" (where git tells:
    the commit, and whether files that it tracks were changed since).
    """
    try:
        found = distribution(dist)
    except PackageNotFoundError:
        return None
    direct = _direct(found)
    state = {"name": dist, "version": found.version, "code": _code(found, _tops(registry, dist))}
    return {**state, **_origin(direct)}


def folder(dist: str) -> Path | None:
    """The folder that an editable distribution's code is edited in."""
    try:
        direct = _direct(distribution(dist))
    except PackageNotFoundError:
        return None
    return _local(direct) if direct.get("dir_info", {}).get("editable") else None


def _direct(found: Distribution) -> Mapping[str, Any]:
    """The record of a distribution that was not taken from an index by name; empty for others."""
    try:
        direct = json.loads(found.read_text("direct_url.json") or "{}")
    except ValueError:
        return {}
    return direct if isinstance(direct, Mapping) else {}


def _origin(direct: Mapping[str, Any]) -> dict[str, Any]:
    url = direct.get("url")
    if "vcs_info" in direct:
        return {"origin": "vcs", "url": url, "commit": direct["vcs_info"].get("commit_id")}
    if "archive_info" in direct:
        return {"origin": "archive", "url": url}
    if "dir_info" not in direct:
        return {"origin": "index"}
    place = _local(direct) if direct["dir_info"].get("editable") else None
    return {"origin": "folder"} if place is None else {"origin": "editable", **_git(place)}


def _local(direct: Mapping[str, Any]) -> Path | None:
    parts = urlsplit(str(direct.get("url", "")))
    path = unquote(parts.path).removeprefix("/" if os.name == "nt" else "")  # file:///C:/folder
    return Path(path) if parts.scheme == "file" else None


def _git(place: Path) -> dict[str, Any]:
    """The commit checked out, and whether tracked files differ from it; nothing where git cannot tell."""
    commit, changed = _ask(place, "rev-parse", "HEAD"), _ask(place, "status", "--porcelain", "--untracked-files=no")
    return {} if commit is None or changed is None else {"commit": commit, "dirty": bool(changed)}


def _ask(place: Path, *question: str) -> str | None:
    """git's answer; it takes no locks, so that it never disturbs another git at work there."""
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(place), *question]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()


def _tops(registry: Registry, dist: str) -> set[str]:
    """The outermost modules that a distribution's components are in, and for bpframe its own."""
    tops = {
        provider.target.partition(":")[0].partition(".")[0]
        for provider in registry.providers()
        if provider.dist == dist
    }
    return tops | ({CORE} if dist == CORE else set())


def _code(found: Distribution, tops: Iterable[str]) -> str | None:
    """One digest over the distribution's code; the same for the same code, however it was installed."""
    recorded = [file for file in found.files or () if file.suffix in (SOURCE, *COMPILED)]
    lines = sorted(_installed(recorded) if recorded else _edited(tops))
    return digest("".join(f"{line}\n" for line in lines).encode()) if lines else None


def _installed(files: Iterable[PackagePath]) -> Iterator[str]:
    """A line a file: sources are read, which shows changes since; compiled ones, which may be huge, as recorded."""
    for file in files:
        if file.suffix == SOURCE:
            yield _line(file.as_posix(), Path(str(file.locate())))
        elif file.hash is not None:
            yield f"{file.as_posix()} {file.hash.mode}={file.hash.value}"


def _edited(tops: Iterable[str]) -> Iterator[str]:
    """The same lines for code that is installed in place: of whole packages, and of modules that are one file."""
    for top in tops:
        file = module_file(top)
        if file is None:
            continue
        package = file.name == "__init__.py"
        for path in file.parent.rglob(f"*{SOURCE}") if package else [file]:
            yield _line(path.relative_to(file.parent.parent if package else file.parent).as_posix(), path)


def _line(name: str, path: Path) -> str:
    try:
        return f"{name} {digest(path.read_bytes())}"
    except OSError:
        return f"{name} unreadable"
