"""The report on runs: which they are, how they belong together, and what may be shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from bpframe.report.report_options import ReportOptions
from bpframe.report.run_record import RunRecord
from bpframe.report.seed_groups import SeedGroup


@final
@dataclass(frozen=True)
class RunReport:
    """What the sections of a page are made of.

    `groups`: the runs of each config. `live`: of runs that train, whose curves come from the page's own server.
    """

    runs: Sequence[RunRecord]
    groups: Sequence[SeedGroup]
    options: ReportOptions = field(default_factory=ReportOptions)
    live: bool = False

    @property
    def title(self) -> str:
        """ "small", "small and large", "250 runs"."""
        names = [run.name for run in self.runs]
        if len(names) > 3:
            return f"{len(names)} runs"
        *first, last = names
        return f"{', '.join(first)} and {last}" if first else last
