"""The section on caution: where the comparison is not to be believed, and what it could not conclude."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpframe.report.markup import Html, tag


def caution_section(summary: Mapping[str, Any]) -> tuple[str, Html] | None:
    """The notes of the summary; None where there are none."""
    notes = summary["notes"]
    return ("Be careful", tag("ul", *(tag("li", text) for text in notes))) if notes else None
