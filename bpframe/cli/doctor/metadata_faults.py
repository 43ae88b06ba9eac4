"""Metadata faults: what is wrong with a distribution's metadata and files, found without importing it."""

from __future__ import annotations

import ast
import csv
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from bpframe.cli.doctor.finding import Finding
from bpframe.cli.doctor.requirements import satisfies, unmet
from bpframe.registry import Provider, Registry
from bpframe.registry.code_digest import PREFIX, digest
from bpframe.registry.direct_url import direct_url, source_folder
from bpframe.registry.group_names import GROUPS
from bpframe.registry.import_target import TARGET
from bpframe.registry.metadata_scan import TWICE, Unreadable
from bpframe.registry.policy import CORE, LOCAL
from bpframe.registry.source_code import find_definition, module_spec

REINSTALL = "Install it again: pip install --force-reinstall {dist}"
EDITABLE = "Run pip install -e {folder} again: entry points are read when a distribution is installed"
NAMES = {  # what a distribution that is passed over has, by the words of its reason
    "nobody reads its group": ("unknown group", "Rename the group in its pyproject.toml, and install it again."),
    TWICE: ("doubled metadata", "Remove the folder that is too many."),
    "nobody can name its component": ("impossible name", "Its author must take a name without '/'."),
    "it says that it is": ("name of another", "Uninstall it, or have its author rename it."),
    "its metadata has no name": ("no name", "Remove what an interrupted uninstall has left."),
    "that name means": ("reserved name", "Have its author rename it."),
}
PUBLIC = {"plugin", "testing", "errors", "types", "ops", "protocols", "checks", "sklearn", "datasets"}


def passed_over(found: Iterable[Unreadable]) -> Iterator[Finding]:
    """What is passed over when components are looked for."""
    for each in found:
        name, remedy = next((names for words, names in NAMES.items() if words in each.reason), ("damaged metadata", ""))
        yield Finding(each.dist, name, each.reason, remedy or REINSTALL.format(dist=each.dist.partition(" in ")[0]))


def names_of_others(registry: Registry, providers: Iterable[Provider]) -> Iterator[Finding]:
    """Names that bpframe's own hide, that several distributions give, or that one gives twice."""
    hidden = registry.hidden_of()
    third = [p for p in registry.providers() if p.dist not in (CORE, LOCAL)]
    for p in providers:
        what = f"{p.kind} '{p.name}'"
        others = sorted({o.dist for o in third if (o.kind, o.name) == (p.kind, p.name)} - {p.dist})
        if p in hidden:
            yield Finding(p.dist, "hidden name", f"{what} is bpframe's own", f"'{p.ref}' alone means it: rename it.")
        elif others:
            clash = f"{what} is given by {', '.join(others)}, too, so that it alone is an error"
            yield Finding(p.dist, "clashing name", clash, f"Write '{p.ref}'.")
    for (kind, name, dist), number in Counter((p.kind, p.name, p.dist) for p in providers).items():
        if number > 1:
            text = f"{kind} '{name}' is given {number} times by one distribution"
            yield Finding(dist, "name given twice", text, "Its author must take one of them away.")


def blocked(registry: Registry, providers: Iterable[Provider]) -> Iterator[Finding]:
    """Distributions that a policy forbids."""
    for dist, reason in {p.dist: reason for p in providers if (reason := registry.verdict(p))}.items():
        yield Finding(dist, "blocked", f"it is not imported here: {reason}", serious=False)


def targets(providers: Iterable[Provider]) -> Iterator[Finding]:
    """Entry points that lead nowhere."""
    for p in providers:
        module, _, attribute = (part.strip() for part in p.target.partition(":"))
        what = f"{p.kind} '{p.name}' needs {p.target}"
        if not TARGET.fullmatch(p.target):
            yield Finding(p.dist, "malformed entry point", f"{what}, which is not module:Class", "Tell its author.")
            continue
        definition = find_definition(p.target)
        if module_spec(module) is None:
            text = f"{what}, but there is no module {module}"
            yield Finding(p.dist, "entry point without module", text, REINSTALL.format(dist=p.dist) + ".")
        elif definition is not None and definition.node is None and attribute not in _names(definition.tree):
            text = f"{what}, but {definition.file.name} has no {attribute}"
            yield Finding(p.dist, "entry point without target", text, REINSTALL.format(dist=p.dist) + ".")


def unmet_requirements(dist: Distribution, name: str) -> Iterator[Finding]:
    """Requirements that are not met; and that of bpframe, where it is missing."""
    asked = dist.requires or []
    for requirement in asked:
        if (instead := unmet(requirement)) is not None:
            text = f"it needs {requirement}, there is {instead}"
            which = "unmet version of bpframe" if requirement.lower().startswith(f"{CORE}>") else "unmet requirement"
            yield Finding(name, which, text, f"pip install '{requirement.partition(';')[0].strip()}'.")
    metadata: Any = dist.metadata
    python = metadata.get("Requires-Python")
    running = ".".join(map(str, sys.version_info[:3]))
    if python and not satisfies(running, python):
        yield Finding(name, "unmet version of Python", f"it needs {python}, this is {running}", "Take another Python.")
    if not any(requirement.lower().startswith(CORE) for requirement in asked):
        text = "it does not say which bpframe it needs"
        yield Finding(name, "no requirement of bpframe", text, f'Add "{CORE}>=..." to its dependencies.', serious=False)


def copies(own: Distribution, name: str, every: Iterable[Distribution]) -> Iterator[Finding]:
    """Other copies of a distribution, further down the path, whose modules may be those that are imported."""
    here = str(own.locate_file(""))
    for other in every:
        place = str(other.locate_file(""))
        if place != here:
            text = f"{own.version} in {here} hides {other.version} in {place}"
            yield Finding(name, "stale copy", text, "Uninstall the one that is too many.")


def installed_files(dist: Distribution, name: str) -> Iterator[Finding]:
    """Source files that the record of the installation has, and that are gone or were changed since."""
    gone, changed = [], []
    for file, recorded in _recorded(dist):
        path = Path(str(dist.locate_file(file)))
        if not path.is_file():
            gone.append(file)
        elif digest(path.read_bytes()) != recorded:
            changed.append(file)
    if gone:
        text = f"of the files that were installed {_listing(gone)} {'is' if len(gone) == 1 else 'are'} gone"
        yield Finding(name, "missing files", text, REINSTALL.format(dist=name) + ".")
    if changed:
        yield Finding(name, "changed files", f"since it was installed, {_listing(changed)} changed", serious=False)


def _recorded(dist: Distribution) -> Iterator[tuple[str, str]]:
    """(source file, its digest) of the record; `Distribution.files` leaves out what is gone, from Python 3.12 on."""
    for row in csv.reader((dist.read_text("RECORD") or "").splitlines()):
        file, recorded = (*row, "", "")[:2]
        if file.endswith(".py") and recorded.startswith(PREFIX):
            yield file, recorded


def editable_source(dist: Distribution, name: str) -> Iterator[Finding]:
    """Where it is edited: a folder that is gone, or whose project has other entry points or another version now."""
    folder = source_folder(direct_url(dist))
    if folder is None:
        return
    if not folder.is_dir():
        yield Finding(name, "source folder gone", f"it is edited in {folder}, which is not there", "Install it anew.")
        return
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        now = {(group, n): t for group, found in project.get("entry-points", {}).items() for n, t in found.items()}
    except (OSError, ValueError, AttributeError):
        return
    then = {(point.group, point.name): point.value for point in dist.entry_points}
    differ = sorted({each for each in {**now, **then} if each[0] in GROUPS and now.get(each) != then.get(each)})
    again = EDITABLE.format(folder=folder) + "."
    if differ:
        what = ", ".join(f"{GROUPS[group]} '{n}'" for group, n in differ)
        yield Finding(name, "stale entry points", f"pyproject.toml of {folder} says otherwise of {what}", again)
    if project.get("version") not in (None, dist.version):
        text = f"{folder} has version {project['version']}, installed is {dist.version}"
        yield Finding(name, "stale version", text, again, serious=False)


def private_imports(providers: Iterable[Provider]) -> Iterator[Finding]:
    """Modules of bpframe that it imports although they may move."""
    found: dict[str, set[str]] = {}
    for p in providers:
        definition = find_definition(p.target)
        for node in ast.walk(definition.tree) if definition else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            private = {name for name in names if name.startswith(f"{CORE}.") and name.split(".")[1] not in PUBLIC}
            found.setdefault(p.dist, set()).update(private)
    for dist, modules in found.items():
        if modules:
            text = f"it imports {_listing(sorted(modules))}, which may move"
            yield Finding(dist, "private imports", text, "bpframe.plugin has what plugins need.", serious=False)


def _names(tree: ast.Module) -> set[str]:
    """Every name that a module may bind: assigned, imported, or told of by a star."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
    return found


def _listing(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
