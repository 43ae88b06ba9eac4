"""The page of a report on runs: one HTML file, whose curves a script draws."""

from __future__ import annotations

from typing import Any

from bpframe.report.charts import chart_data
from bpframe.report.html_page import HtmlPage, script_json
from bpframe.report.run_report import RunReport
from bpframe.report.sections import SECTIONS
from bpframe.report.thinning import MOST_POINTS

__all__ = ["page_data", "report_page", "script_json"]


def report_page(report: RunReport) -> str:
    """The page as a text."""
    what = "Live report of" if report.live else "Report of"
    sections = list(filter(None, (section(report) for section in SECTIONS)))
    return HtmlPage(what, report.title, sections, page_data(report), live=report.live).text()


def page_data(report: RunReport) -> dict[str, Any]:
    """What the page draws."""
    most = None if report.options.full else MOST_POINTS
    return {"live": report.live, **chart_data(report.runs, report.groups, most)}
