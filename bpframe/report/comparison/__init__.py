"""Sections of the page of a comparison, in its order.

A section is a function of the summary: it gives (title, contents), or None where it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bpframe.report.comparison.caution_section import caution_section
from bpframe.report.comparison.diagnoses_section import diagnoses_section
from bpframe.report.comparison.protocol_section import protocol_section
from bpframe.report.comparison.ranking_section import ranking_section
from bpframe.report.comparison.sensitivity_section import sensitivity_section
from bpframe.report.comparison.spaces_section import spaces_section
from bpframe.report.comparison.update_sizes_section import update_sizes_section
from bpframe.report.comparison.workloads_section import workloads_section
from bpframe.report.markup import Html

Section = Callable[[Mapping[str, Any]], tuple[str, Html] | None]

SECTIONS: tuple[Section, ...] = (
    ranking_section,
    caution_section,
    workloads_section,
    sensitivity_section,
    diagnoses_section,
    update_sizes_section,
    spaces_section,
    protocol_section,
)
