"""Sections of a report, in the order of the page.

A section is a function of the report: it gives (title, contents), or None where it has nothing to say. One more is a
line in `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable

from bpframe.report.markup import Html
from bpframe.report.run_report import RunReport
from bpframe.report.sections.curves_section import curves_section
from bpframe.report.sections.environment_section import environment_section
from bpframe.report.sections.models_section import models_section
from bpframe.report.sections.notes_section import notes_section
from bpframe.report.sections.reproduction_section import reproduction_section
from bpframe.report.sections.results_section import results_section
from bpframe.report.sections.times_section import times_section
from bpframe.report.sections.training_section import training_section

Section = Callable[[RunReport], tuple[str, Html] | None]

SECTIONS: tuple[Section, ...] = (
    results_section,
    notes_section,
    curves_section,
    models_section,
    training_section,
    reproduction_section,
    environment_section,
    times_section,
)
