"""The options of a report: what it may show, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class ReportOptions:
    """rows: worst rows may be shown; environment: machine, host and paths may; full: every point of every curve."""

    rows: bool = False
    environment: bool = False
    full: bool = False
