"""The section on the training: the layers, the config, and the lock of each config, which says by which code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bpframe.report.markup import Html, details, fragment, scroll_table, tag
from bpframe.report.run_record import RunRecord
from bpframe.report.run_report import RunReport

MOST_CONFIGS = 20


def training_section(report: RunReport) -> tuple[str, Html] | None:
    """What was trained, by config; of runs that differ in seeds alone, the first."""
    groups = report.groups[:MOST_CONFIGS]
    if len(report.groups) == 1:
        return "What was trained", fragment(_parts(report.runs[groups[0].runs[0]]))
    parts: list[Html] = [
        tag("details", tag("summary", group.name), *_parts(report.runs[group.runs[0]]), open=i == 0, class_="run")
        for i, group in enumerate(groups)
    ]
    left = len(report.groups) - len(groups)
    return "What was trained", fragment([*parts, tag("p", f"{left:,} more configs are left out.") if left else None])


def _parts(run: RunRecord) -> Iterator[Html]:
    if run.layers:
        yield scroll_table(["layer", "component", "output", "parameters"], run.layers, numbers=[3], caption="Layers")
    if config := run.texts.get("config"):
        yield details("Config, with every default", tag("pre", config, tabindex="0"))
    yield from _lock(run.lock)


def _lock(lock: Any) -> Iterator[Html]:
    """The tables of a lock that say by which code, on which data."""
    components = lock.get("components", ())
    if not components:
        return
    rows = [[one["path"], one.get("name", ""), one.get("version", ""), one.get("hash", "")] for one in components]
    code = scroll_table(["place", "component", "version", "digest of its code"], rows, caption="Components")
    dists = [[one["name"], one.get("version", ""), one.get("code", "")] for one in lock.get("distributions", ())]
    installed = scroll_table(["distribution", "version", "digest of all its code"], dists, caption="Distributions")
    versions = tag("p", ", ".join(f"{name} {version}" for name, version in lock.get("versions", {}).items()))
    yield details("Lock: the code of every component", versions, code, installed)
    parts = [
        [name, f"{one.get('rows', ''):,}", one.get("x", ""), one.get("y", "")]
        for name, one in lock.get("data", {}).items()
        if isinstance(one, dict)
    ]
    if parts:
        digests = scroll_table(
            ["part", "rows", "digest of x", "digest of y"], parts, numbers=[1], caption="Data by part"
        )
        columns = lock["data"].get("columns", ())
        named = tag("p", f"Columns: {', '.join(map(str, columns))}.") if columns else None
        yield details("Data: rows and digests", digests, named)
