"""Distributions in a lock: version, origin and digest of the code, from installers' records, without importing."""

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


def describe_distribution(registry: Registry, dist: str) -> dict[str, Any] | None:
    """Name, version, digest of the code, and origin of an installed distribution; None if it is not installed.

    `origin` (PEP 610): "index", "archive", "vcs" (with url and commit), "folder", or "editable" (in a git repository
    with the commit, and whether tracked files were changed since).
    """
    try:
        installed = distribution(dist)
    except PackageNotFoundError:
        return None
    direct = _direct(installed)
    state = {"name": dist, "version": installed.version, "code": _code(installed, _top_level_modules(registry, dist))}
    return {**state, **_origin(direct)}


def editable_folder(dist: str) -> Path | None:
    """The source folder of an editable distribution; None for others."""
    try:
        direct = _direct(distribution(dist))
    except PackageNotFoundError:
        return None
    return _local(direct) if direct.get("dir_info", {}).get("editable") else None


def _direct(installed: Distribution) -> Mapping[str, Any]:
    """direct_url.json, the record of a distribution that did not come from an index; empty for others."""
    try:
        direct = json.loads(installed.read_text("direct_url.json") or "{}")
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
    """The current commit, and whether tracked files differ from it; empty outside a git repository."""
    commit = _git_output(place, "rev-parse", "HEAD")
    changed = _git_output(place, "status", "--porcelain", "--untracked-files=no")
    return {} if commit is None or changed is None else {"commit": commit, "dirty": bool(changed)}


def _git_output(place: Path, *arguments: str) -> str | None:
    """The output of a git command, run without locks, so that it does not disturb another git process."""
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(place), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()


def _top_level_modules(registry: Registry, dist: str) -> set[str]:
    """The top-level modules of a distribution's components, and of bpframe itself."""
    tops = {
        provider.target.partition(":")[0].partition(".")[0]
        for provider in registry.providers()
        if provider.dist == dist
    }
    return tops | ({CORE} if dist == CORE else set())


def _code(installed: Distribution, tops: Iterable[str]) -> str | None:
    """One digest over the distribution's code, independent of how it was installed."""
    recorded = [file for file in installed.files or () if file.suffix in (SOURCE, *COMPILED)]
    lines = sorted(_installed_files(recorded) if recorded else _editable_files(tops))
    return digest("".join(f"{line}\n" for line in lines).encode()) if lines else None


def _installed_files(files: Iterable[PackagePath]) -> Iterator[str]:
    """One line for each file: the digest of a source file as it is now, of a compiled (large) file as recorded."""
    for file in files:
        if file.suffix == SOURCE:
            yield _line(file.as_posix(), Path(str(file.locate())))
        elif file.hash is not None:
            yield f"{file.as_posix()} {file.hash.mode}={file.hash.value}"


def _editable_files(tops: Iterable[str]) -> Iterator[str]:
    """The same lines for an editable installation: all files of packages, and modules of one file."""
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
