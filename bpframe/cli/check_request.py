"""The request of `bpframe check`: which components are checked, on which engines, and whether in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import click

from bpframe.cli.check_result import CheckResult, result_of
from bpframe.cli.conformance import check_reports

FAST = ("numpy",)  # the engines of --fast


@final
@dataclass(frozen=True)
class CheckRequest:
    """What the arguments of the command ask for; UsageError where they name nothing."""

    targets: Sequence[str]
    everything: bool
    engines: Sequence[str]
    fast: bool
    stop: bool
    pyproject: Path | None
    in_pairs: bool

    def __post_init__(self) -> None:
        if not self.targets and not self.everything:
            example = "as in: bpframe check loss:huber."
            raise click.UsageError(f"check needs KIND:NAME, a distribution or --all, or FILE.py, {example}")

    def result(self) -> CheckResult:
        """What is found; in pairs unless it has to be fast, or has stopped at a failure."""
        engines = FAST if self.fast else self.engines
        found = check_reports(self.targets, self.everything, engines, self.pyproject, self.stop)
        stopped = self.stop and any(report.failed for report in found)
        pairs = self.in_pairs and not self.fast and not stopped
        whole = () if stopped else self.targets  # of which all was checked, so that records can be compared
        result = result_of(found, whole, self.everything and not stopped, engines, self.pyproject, pairs)
        return replace(result, stopped=stopped)
