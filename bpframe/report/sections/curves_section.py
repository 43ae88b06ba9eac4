"""The section of the curves, which the page draws from its data."""

from __future__ import annotations

from bpframe.report.markup import Html, fragment, tag
from bpframe.report.run_report import RunReport

KEYS = (
    "Drag to zoom, drag with Shift to pan, double-click to see all. With the keyboard: Tab to a plot, then the arrows "
    "move the cursor, + and - zoom, Page Up and Page Down pan, Home and End go to the ends, 0 shows all."
)


def curves_section(report: RunReport) -> tuple[str, Html] | None:
    """The place of the plots; None where no run has an epoch."""
    if not report.live and not any(run.epochs for run in report.runs):
        return None
    none = tag("noscript", tag("p", "The curves are drawn by JavaScript, which is switched off here."))
    return "Curves", fragment([tag("p", KEYS, class_="hint"), tag("div", none, id="charts")])
