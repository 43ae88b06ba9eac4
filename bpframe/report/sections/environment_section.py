"""The section on the environment: the machine, the host and the folders, where a report may show them."""

from __future__ import annotations

from bpframe.report.markup import Html, fragment, scroll_table
from bpframe.report.run_report import RunReport


def environment_section(report: RunReport) -> tuple[str, Html] | None:
    """A table for each run; None unless that was asked for."""
    if not report.options.environment:
        return None
    tables = [
        scroll_table(["what", "which"], [*run.environment.items()], caption=f"Environment of {run.name}")
        for run in report.runs
        if run.environment
    ]
    return ("Environment", fragment(tables)) if tables else None
