"""The section on times, the one block in which reports of a run and of the same run resumed differ.

It stands between the comments `BEGIN` and `END`, and nothing else of a report depends on a clock.
"""

from __future__ import annotations

from bpframe.report.markup import Html, details_if_long, fragment, scroll_table
from bpframe.report.number_text import number_text
from bpframe.report.run_report import RunReport

BEGIN, END = Html("<!-- times: begin -->"), Html("<!-- times: end -->")


def times_section(report: RunReport) -> tuple[str, Html] | None:
    """A row for each run: what its epochs took, and when its files were written; None while they train."""
    if report.live:
        return None
    names = list(dict.fromkeys(name for run in report.runs for name in run.times))
    rows = [
        [run.name, f"{number_text(run.seconds)} s", f"{_milliseconds(run.seconds, run.epochs)} ms"]
        + [run.times.get(name, "") for name in names]
        for run in report.runs
    ]
    header = ["run", "epochs took", "an epoch", *names]
    times = scroll_table(header, rows, numbers=[1, 2], caption="Times by run")
    return "Times", fragment([BEGIN, details_if_long("Times of each run", len(rows), times), END])


def _milliseconds(seconds: float, epochs: int) -> str:
    return number_text(1000 * seconds / epochs) if epochs else ""
