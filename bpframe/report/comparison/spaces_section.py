"""The section on spaces: where the settings of each rule were searched, why there, and whose code it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpframe.report.markup import Child, Html, scroll_table, words_cell
from bpframe.report.number_text import number_text


def spaces_section(summary: Mapping[str, Any]) -> tuple[str, Html] | None:
    """A row for each rule."""
    rows = [_row(rule) for rule in summary["rules"]]
    header = ["rule", "from", "searched", "rate", "source of the space"]
    return "Tuning spaces", scroll_table(header, rows, caption="Every rule gets the same number of points in its space")


def _row(rule: Mapping[str, Any]) -> list[Child]:
    space, source = words_cell(_space(rule["space"])), words_cell(rule["source"])
    return [rule["title"], f"{rule['dist']} {rule['version']}", space, _schedule(rule), source]


def _space(space: Mapping[str, Any]) -> str:
    """ "lr 1e-05 to 0.01, beta1 0.9 or 0.95"; of two ends those between are even in the logarithm."""
    return "; ".join(f"{path} {_spread(spread)}" for path, spread in space.items()) or "nothing"


def _spread(spread: Any) -> str:
    pair = len(spread) == 2 and all(isinstance(end, int | float) and not isinstance(end, bool) for end in spread)
    return " to ".join(map(number_text, spread)) if pair else " or ".join(map(str, spread))


def _schedule(rule: Mapping[str, Any]) -> str:
    return "falls to 0 in the last quarter" if rule["scheduled"] else "stays"
