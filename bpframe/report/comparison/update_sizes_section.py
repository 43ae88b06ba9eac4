"""The section on update sizes: how far a step moves each layer, relative to the size of its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bpframe.report.markup import Html, details, fragment, scroll_table, tag

NOTE = "Root mean square of a step over that of the parameters before it, at the start, the middle and the end."


def update_sizes_section(summary: Mapping[str, Any]) -> tuple[str, Html] | None:
    """A table for each workload, those behind the first folded; None where no step was measured."""
    tables = [(w["name"], table) for w in summary["workloads"] if (table := _table(w)) is not None]
    if not tables:
        return None
    (_, first), *others = tables
    parts = [tag("p", NOTE, class_="hint"), first, *(details(name, table) for name, table in others)]
    return "Update norms by layer", fragment(parts)


def _table(workload: Mapping[str, Any]) -> Html | None:
    moved = {title: on["updates"] for title, on in workload["rules"].items() if on["updates"]}
    layers = list(dict.fromkeys(layer for updates in moved.values() for layer in updates))
    if not layers:
        return None
    rows = [[title, *(_relative(updates.get(layer, ())) for layer in layers)] for title, updates in moved.items()]
    caption = f"{workload['name']}: size of a step over that of the parameters"
    return scroll_table(["rule", *layers], rows, caption=caption)


def _relative(pairs: Sequence[Sequence[float]]) -> str:
    return ", ".join(f"{change / size:.1e}" if size else "-" for change, size in pairs)
