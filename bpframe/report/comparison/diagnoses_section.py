"""The section on diagnoses: small problems that rules are known to fail at, passed or failed at each point tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpframe.report.markup import Child, Html, fragment, scroll_table, tag
from bpframe.report.number_text import number_text

NOTE = (
    "A square is a training at one point of the tuning space, the smallest learning rate first: full where it passed. "
    "The same training with a loss 1,000 times as large passes if it ends alike. This is a map, and no score."
)


def diagnoses_section(summary: Mapping[str, Any]) -> tuple[str, Html] | None:
    """A row for each rule, a column for each diagnosis; None where none was tried."""
    rules = [rule for rule in summary["rules"] if rule["diagnoses"]]
    if not rules:
        return None
    names = sorted({name for rule in rules for name in rule["diagnoses"]})
    rows = [[rule["title"], *(_cell(rule["diagnoses"].get(name)) for name in names)] for rule in rules]
    header = ["rule", *(name.replace("_", " ") for name in names)]
    table = scroll_table(header, rows, caption="Passed at so many of the points that were tried")
    return "Diagnoses", fragment([tag("p", NOTE, class_="hint"), tag("div", table, class_="diagnoses")])


def _cell(counts: Mapping[str, Any] | None) -> Child:
    if counts is None:
        return ""
    word = "pass" if counts["passed"] else "FAIL"
    points = sorted(counts["points"], key=lambda point: _rate(point[0]))
    squares = [tag("i", class_="passed" if passed else None, title=_settings(point)) for point, passed in points]
    text = tag("span", f"{word} {counts['passed']}/{counts['tried']}", class_="verdict")
    return fragment([text, tag("span", *squares, class_="squares", aria_hidden="true")])


def _rate(settings: Mapping[str, Any]) -> float:
    return next((float(value) for path, value in settings.items() if path.rpartition(".")[2] == "lr"), 0.0)


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} {_value(value)}" for path, value in settings.items())


def _value(value: Any) -> str:
    return number_text(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
