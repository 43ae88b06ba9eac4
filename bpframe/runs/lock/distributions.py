"""Distributions in a lock: version, origin and digest of the code, from installers' records, without importing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution
from pathlib import Path
from typing import Any

from bpframe.registry import Registry
from bpframe.registry.code_digest import PREFIX, digest
from bpframe.registry.direct_url import direct_url, source_folder
from bpframe.registry.local_names import UNPACKAGED
from bpframe.registry.metadata_scan import core_distribution
from bpframe.registry.policy import CORE, LOCAL
from bpframe.registry.source_code import module_file

SOURCE, COMPILED = ".py", (".so", ".pyd", ".dll", ".dylib")
GIT_SECONDS = 10.0
FILE = "file"  # the origin of what plugin files hold


def describe_distribution(registry: Registry, dist: str) -> dict[str, Any] | None:
    """Name, version, digest of the code, and origin of an installed distribution; None if it is not installed.

    `origin` (PEP 610): "index", "archive", "vcs" (with url and commit), "folder", or "editable" (in a git repository
    with the commit, and whether tracked files were changed since).
    """
    installed = _distribution(dist)
    if installed is None:
        return None
    direct = direct_url(installed)
    state = {"name": dist, "version": installed.version, "code": _code(installed, _top_level_modules(registry, dist))}
    return {**state, **_origin(direct)}


def describe_plugin_files(entries: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The same of the plugin files that components of a lock came from: one digest, and that nobody can install it."""
    local = [entry for entry in entries if str(entry.get("name")).partition("/")[0] == LOCAL]
    digests = sorted({str(e.get("version")) for e in local if str(e.get("version")).startswith(PREFIX)})
    if digests:
        code = digests[0] if len(digests) == 1 else digest("\n".join(digests).encode())
        yield {"name": LOCAL, "version": UNPACKAGED, "code": code, "origin": FILE, "portable": False}


def editable_folder(dist: str) -> Path | None:
    """The source folder of an editable distribution; None for others."""
    installed = _distribution(dist)
    return None if installed is None else source_folder(direct_url(installed))


def _distribution(dist: str) -> Distribution | None:
    """bpframe's own by its files, others by their names; None if it is not installed."""
    if dist == CORE:
        return core_distribution()
    try:
        return distribution(dist)
    except PackageNotFoundError:
        return None


def _origin(direct: Mapping[str, Any]) -> dict[str, Any]:
    url = direct.get("url")
    if "vcs_info" in direct:
        return {"origin": "vcs", "url": url, "commit": direct["vcs_info"].get("commit_id")}
    if "archive_info" in direct:
        return {"origin": "archive", "url": url}
    if "dir_info" not in direct:
        return {"origin": "index"}
    place = source_folder(direct)
    return {"origin": "folder"} if place is None else {"origin": "editable", **_git(place)}


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
