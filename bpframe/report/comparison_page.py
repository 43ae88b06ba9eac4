"""The page of a comparison of rules: one HTML file, a function of the summary that a terminal has as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpframe.report.comparison import SECTIONS
from bpframe.report.html_page import HtmlPage
from bpframe.report.markup import tag

NO_CURVES = {"live": False, "charts": []}


def comparison_page(summary: Mapping[str, Any]) -> str:
    """The page of a summary, {} where no trial has ended, as a text."""
    if not summary:
        nothing = [("Ranking", tag("p", "No trial has ended."))]
        return HtmlPage("Comparison of", "rules", nothing, NO_CURVES, curves=False).text()
    sections = list(filter(None, (section(summary) for section in SECTIONS)))
    return HtmlPage("Comparison of", _title(summary), sections, NO_CURVES, curves=False).text()


def _title(summary: Mapping[str, Any]) -> str:
    """ "adam and lion": what was asked for, the reference first."""
    asked = [rule["title"] for rule in summary["rules"] if not rule["row"]]
    asked.sort(key=lambda title: (title != summary["reference"], title))
    *first, last = asked
    return f"{', '.join(first)} and {last}" if first else last
