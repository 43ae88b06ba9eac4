"""The section of the notes: what callbacks have said while a run trained, such as the sentences of monitor."""

from __future__ import annotations

from bpframe.report.markup import Html, details_if_long, fragment, tag
from bpframe.report.run_record import RunRecord
from bpframe.report.run_report import RunReport


def notes_section(report: RunReport) -> tuple[str, Html] | None:
    """The sentences of each run with their epochs; None where nothing was said."""
    told = [run for run in report.runs if run.notes]
    if not told:
        return None
    several = len(report.runs) > 1
    return "What was noticed", fragment([_of_run(run, several) for run in told])


def _of_run(run: RunRecord, named: bool) -> Html:
    items = [tag("li", tag("strong", f"Epoch {epoch:,}: "), sentence) for epoch, sentence in run.notes]
    notes = details_if_long(f"{len(items)} sentences", len(items), tag("ul", *items, class_="notes"))
    return fragment([tag("h3", run.name) if named else None, notes])
