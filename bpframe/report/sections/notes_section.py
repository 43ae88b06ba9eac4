"""The section on notes: what callbacks said of the training of each run, and what is odd about its data."""

from __future__ import annotations

from bpframe.report.markup import Html, details_if_long, fragment, scroll_table, tag
from bpframe.report.run_record import RunRecord
from bpframe.report.run_report import RunReport


def notes_section(report: RunReport) -> tuple[str, Html] | None:
    """A table of notes by epoch, and lists of what is odd; None where nobody had anything to say."""
    several = len(report.runs) > 1
    said = [[*([run.name] if several else []), f"{epoch:,}", text] for run in report.runs for epoch, text in run.notes]
    parts = [_odd(run, several) for run in report.runs if run.oddities]
    if said:
        header = [*(["run"] if several else []), "epoch", "note"]
        notes = scroll_table(header, said, numbers=[several], caption="Said while it trained")
        parts.insert(0, details_if_long(f"All {len(said)} notes", len(said), notes))
    return ("Notes", fragment(parts)) if parts else None


def _odd(run: RunRecord, several: bool) -> Html:
    title = f"Odd about the data of {run.name}" if several else "Odd about the data"
    return fragment([tag("h3", title), tag("ul", *(tag("li", text) for text in run.oddities))])
