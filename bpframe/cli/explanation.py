"""The explanation of a config or a run: its components, code and differences from a lock, as JSON and as lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import click

from bpframe import layout
from bpframe.errors import ConfigError
from bpframe.registry import registry
from bpframe.registry.source_code import find_source
from bpframe.runs.config import parse_override
from bpframe.runs.config.base_config import read_tables
from bpframe.runs.config.overrides import apply_overrides
from bpframe.runs.config.run_config import start_folder
from bpframe.runs.config.toml_writer import inline
from bpframe.runs.folder import RunFolder
from bpframe.runs.lock import distributions, lock
from bpframe.runs.lock.compare import DISPLAY_NAMES, Difference, compare_locks, is_component
from bpframe.runs.lock.resolve import Entry, Resolution, resolve_components
from bpframe.runs.lock.settings import LEFT_OUT, lock_settings

if TYPE_CHECKING:
    from bpframe.cli.data_notes import DataNotes


@final
@dataclass(frozen=True)
class Explanation:
    """A config, its resolved components, its lock as of now; and the differences from an existing lock file.

    data: what is odd about the data; None where nobody asked.
    """

    config: Path
    resolved: Resolution
    now: lock.Lock
    lock: Path | None
    differences: list[Difference]
    data: DataNotes | None = None


def explain_target(target: Path, settings: Sequence[str], with_data: bool | None = False) -> Explanation:
    """The explanation of a config file, or of the folder of a run.

    `with_data`: whether the data are read; None: if no code of a plugin has to run for it.
    """
    run = RunFolder(target) if target.is_dir() else None
    config = run.config if run else target
    tables, places = read_tables(config)
    if problems := apply_overrides([parse_override(setting) for setting in settings], tables, places):
        raise ConfigError("\n".join(map(places.message, problems)), tuple(problems))
    found = resolve_components(registry, tables, f"[plugins] of {config}", None if run else config.parent)
    known = lock_settings(tables, start_folder(config, places))
    now, file = lock.build_lock(found.entries, known), run.lock if run else lock.find_lock(config)
    file = file if file and file.is_file() else None
    differences = compare_locks(lock.read_lock(file), now, found.partial) if file else []
    data = None
    if with_data is not False and not found.problems:
        from bpframe.cli import data_notes  # imported by those who have the data read

        if with_data:
            data = data_notes.notes_by_any_source(config, settings, run is None)
        else:
            data = data_notes.notes_by_own_sources(config, tables, found)
    return Explanation(config, found, now, file, differences, data)


def explanation_record(found: Explanation) -> dict[str, Any]:
    """The explanation for JSON: the lock as of now, problems by path, and differences."""
    differences = [{"what": one.text, "breaks": one.breaks, "remedy": one.remedy} for one in found.differences]
    problems = {path: str(error) for path, error in found.resolved.problems.items()}
    return {
        "config": str(found.config),
        **found.now,
        "problems": problems,
        "lock": found.lock and str(found.lock),
        "differences": differences,
        "left_out": LEFT_OUT,
        **({} if found.data is None else {"data_check": found.data.sentences}),
        **({"data_unread": found.data.unread} if found.data and found.data.sentences is None else {}),
    }


def explanation_lines(found: Explanation, width: int, verbose: bool) -> Iterator[str]:
    """The explanation for a terminal, in lines of at most `width` columns, except for paths and digests."""
    yield from _rows(("component", "from", "arguments"), list(_components(found)), width)
    yield ""
    if verbose:
        yield from _code(found.resolved.entries)
    yield from _rows(("distribution", "version", "where from"), list(_distributions(found.now)), width)
    yield ""
    yield from textwrap.wrap(_computing_line(found.now), width)
    for path, error in found.resolved.problems.items():
        yield ""
        yield from (click.style(line, "red") for line in textwrap.wrap(f"{path}: {error}", width))
    if found.data is not None:
        yield ""
        yield from _data(found.data, width)
    if found.lock:
        yield ""
        yield from _differences(found.lock, found.differences, width)
        yield ""
        yield from _not_compared(width)


def _components(found: Explanation) -> Iterator[tuple[str, str, str]]:
    """One row for each component; nested components are indented below their parent."""
    around: list[str] = []
    for entry in found.resolved.entries:
        path = entry["path"]
        while around and not path.startswith((f"{around[-1]}.", f"{around[-1]}[")):
            around.pop()
        own = path[len(around[-1]) :].removeprefix(".") if around else path
        arguments = _arguments(entry) + (["..."] if path in found.resolved.partial else [])
        if path in found.resolved.problems:
            arguments = ["cannot be found"]
        yield "  " * len(around) + own, entry["name"], ", ".join(arguments)
        around.append(path)


def _arguments(entry: Entry) -> list[str]:
    """The arguments that are not components; those have their own rows."""
    given = entry.get("arguments", {}).items()
    return [f"{name}={inline(value)}" for name, value in given if not is_component(value)]


def _code(entries: Sequence[Entry]) -> Iterator[str]:
    """For each target once: its import path, file and digest."""
    for target, digest in {entry["target"]: entry["hash"] for entry in entries if "target" in entry}.items():
        place = find_source(target)
        yield target
        yield from (f"  {place.file}:{place.line}", f"  {digest}") if place else ("  no source",)
    yield ""


def _distributions(now: lock.Lock) -> Iterator[tuple[str, str, str]]:
    for dist in now["distributions"]:
        place = distributions.editable_folder(dist["name"]) or dist.get("url")
        changed = ", changed since" if dist.get("dirty") else ""
        commit = f"commit {dist['commit'][:8]}{changed}" if "commit" in dist else ""
        portable = "" if dist.get("portable", True) else "not portable"
        where = ", ".join(filter(None, (f"{dist['origin']} {place or ''}".strip(), commit, portable)))
        yield dist["name"], dist["version"], f"{where}; code {dist.get('code', 'not found')}"


def _computing_line(now: lock.Lock) -> str:
    """ "Python 3.11.7, NumPy 2.4.6; OpenBLAS 0.3.31, Haswell, 2 threads; CPU"."""
    versions, machine = now["versions"], now["machine"]
    libraries = [
        f"{DISPLAY_NAMES.get(name, name)} {version}" for name, version in versions.items() if name != "bpframe"
    ]
    threads = f"{machine['threads']} thread{'' if machine['threads'] == 1 else 's'}"
    blas = [machine["blas"], *([machine["kernel"]] if "kernel" in machine else []), threads]
    return f"On {', '.join(libraries)}; {', '.join(blas)}; {machine['cpu']}, {machine['platform']}."


def _differences(file: Path, found: Sequence[Difference], width: int) -> Iterator[str]:
    if not found:
        yield f"Nothing differs from {file}."
        return
    yield f"Different from {file}{' (! may change bits)' if any(one.breaks for one in found) else ''}:"
    for one in found:
        text = textwrap.wrap(one.text, width, initial_indent="! " if one.breaks else "- ", subsequent_indent="  ")
        yield from (click.style(line, "red" if one.breaks else None) for line in text)


def _data(notes: DataNotes, width: int) -> Iterator[str]:
    """What is odd about the data, or why they were not read."""
    if notes.sentences is None:
        yield from textwrap.wrap(f"The data were not looked at: {notes.unread.rstrip('.')}.", width)
        return
    yield "Odd about the data:" if notes.sentences else "The data: nothing odd was found."
    for text in notes.sentences:
        lines = textwrap.wrap(text, width, initial_indent="- ", subsequent_indent="  ")
        yield from (click.style(line, "red") for line in lines)


def _not_compared(width: int) -> Iterator[str]:
    """What of a config no lock holds, and why; the data, which are not read here."""
    yield "Not compared:"
    for path, why in {**LEFT_OUT, "data": "what the rows are; `bpframe train --frozen` compares their digests"}.items():
        yield from textwrap.wrap(f"- {path}: {why}", width, subsequent_indent="  ")


def _rows(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    """The lines of a table, whose last column is wrapped if it is too wide."""
    heading, *blocks = layout.text_blocks(header, rows, width, wrap=len(header) - 1)
    yield from (click.style(line, bold=True) for line in heading)
    yield from (line for block in blocks for line in block)
