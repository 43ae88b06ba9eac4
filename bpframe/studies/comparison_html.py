"""The HTML of a comparison: its report as a page, a function of the records of its file and of nothing else."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence

from bpframe.report.comparison_page import comparison_page
from bpframe.report.folders import without_folders
from bpframe.runs.config.toml_writer import dumps
from bpframe.studies.comparison_findings import comparison_summary
from bpframe.studies.trial_file import Record


def comparison_report(records: Sequence[Record]) -> str:
    """One page, which needs no network; of absolute paths in a config it has the names of files alone."""
    summary = comparison_summary(records)
    if summary.get("config"):
        summary["config"] = dumps(without_folders(tomllib.loads(summary["config"])))
    return comparison_page(summary)
