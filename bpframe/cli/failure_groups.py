"""Failure groups: failures of many checks joined by their cause, each with what would help."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from bpframe.testing.report import CheckReport

REMEDY = re.compile(r"(?<=[.!?]) (?=If .+?, add )")  # how a message of the kit goes on with what may be missing
NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?")
INNER = re.compile(r"^raises BrokenComponent: .*? fails in \w+: ")  # a training says whose code failed
UNWRITTEN, WRITE_IT = "NotImplementedError", "Write that part of the component; these checks need it."
MOST = 8  # checks that a line names


@final
@dataclass
class FailureGroup:
    """What failed for one cause: the checks by component, the message of the first, and all remedies."""

    cause: str
    checks: dict[str, list[str]] = field(default_factory=dict)
    remedies: list[str] = field(default_factory=list)

    @property
    def number(self) -> int:
        """How many checks."""
        return sum(map(len, self.checks.values()))

    def lines(self) -> Iterator[str]:
        """What failed, and why; then what would help."""
        shown = [f"{component} fails {_listing(names)}" for component, names in self.checks.items()]
        if len(shown) == 1:
            yield f"\n{shown[0]}: {self.cause}"
        else:
            yield f"\n{len(shown)} components fail for one cause: {self.cause}"
            yield from (f"  {line}" for line in shown)
        yield from (f"  Remedy: {remedy}" for remedy in self.remedies)


def _listing(names: list[str]) -> str:
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")


def failure_groups(reports: Iterable[CheckReport]) -> list[FailureGroup]:
    """The failures of all reports, those of one cause together; the cause of most checks first."""
    found: dict[str, FailureGroup] = {}
    for report in reports:
        for check, message in report.failed.items():
            cause, *remedies = REMEDY.split(message)
            remedies = [WRITE_IT] if UNWRITTEN in cause else remedies
            group = found.setdefault(_key(cause), FailureGroup(cause))
            group.checks.setdefault(report.component, []).append(check)
            group.remedies += [remedy for remedy in remedies if remedy not in group.remedies]
    return sorted(found.values(), key=lambda group: -group.number)


def _key(cause: str) -> str:
    """What messages of one cause have in common: not the numbers in them, nor who says so."""
    return NUMBER.sub("0", INNER.sub("raises ", cause)).rstrip(". ")
