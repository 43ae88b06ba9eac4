"""The counts of checks that a distribution records, so that a run which has lost some of them fails.

    [tool.bpframe.check]            # in the pyproject.toml of the distribution
    laws = 40                       # checks that need nothing besides bpframe
    numpy = 2                       # trainings on an engine, by its name
    jax = 2
    array-api-strict = 2            # the same computations on that library's arrays

A check counts if it ran, passed or not; one that was skipped, or that is unproven, does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from bpframe.errors import CheckFailed
from bpframe.testing.laws.array_api import NO_STRICT
from bpframe.testing.project_file import project_table
from bpframe.testing.report import ENGINE, CheckReport

LAWS, STRICT = "laws", "array-api-strict"  # groups of checks besides the engines
STRICT_CHECK = "array api"
TABLE = "[tool.bpframe.check]"


class CheckCounts(NamedTuple):
    """Counts of checks by group, and the file that records them."""

    file: Path
    groups: Mapping[str, int]


def counts_of(reports: Iterable[CheckReport]) -> dict[str, int]:
    """How many checks of each group ran."""
    return dict(sorted(Counter(_group(name) for report in reports for name in report.run).items()))


def recorded_counts(dist: str, file: Path | None = None) -> CheckCounts | None:
    """What a distribution records: in `file`, or the pyproject.toml of an editable install, or that of this folder.

    None where there is none; CheckFailed where it cannot be read.
    """
    found = project_table(dist, "check", file)
    if found is None:
        return None
    place, groups = found
    if not isinstance(groups, dict) or not all(type(n) is int and n >= 0 for n in groups.values()):
        raise CheckFailed(f"{place}: {TABLE} needs a number of checks for each group, got {groups!r}")
    return CheckCounts(place, groups)


def lost_checks(counts: CheckCounts, reports: Collection[CheckReport], absent: Mapping[str, str]) -> list[str]:
    """A line for each group that could run here, but of which fewer checks ran than are recorded."""
    ran = counts_of(reports)
    return [
        f"{ran.get(group, 0)} checks of '{group}' ran, {wanted} are recorded in {counts.file}. -v says which were "
        "skipped or are unproven; if they are meant to be fewer, record that."
        for group, wanted in counts.groups.items()
        if ran.get(group, 0) < wanted and group not in absent
    ]


def absent_groups(counts: CheckCounts, reports: Iterable[CheckReport], engines: Collection[str]) -> dict[str, str]:
    """The recorded groups that cannot run here, and why: an engine that is not tried, a library that is not there."""
    absent = {
        group: "this engine is not installed, or was not tried"
        for group in counts.groups
        if group not in (LAWS, STRICT, *engines)
    }
    reasons = {why for report in reports for name, why in report.skipped.items() if _group(name) == STRICT}
    return absent | ({STRICT: NO_STRICT} if NO_STRICT in reasons and STRICT in counts.groups else {})


def require_counts(dist: str, reports: Collection[CheckReport], engines: Collection[str]) -> None:
    """CheckFailed where a distribution records more checks than ran."""
    counts = recorded_counts(dist)
    if counts and (lost := lost_checks(counts, reports, absent_groups(counts, reports, engines))):
        raise CheckFailed("\n".join(f"{dist}: {line}" for line in lost))


def _group(check: str) -> str:
    """The group of a check by its name, which may end in settings."""
    if check.startswith(ENGINE):
        return check.split()[1]
    return STRICT if check.startswith(STRICT_CHECK) else LAWS
