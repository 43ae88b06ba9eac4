"""The pair check of `bpframe check`: the components that it checked, beside each other and beside bpframe's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bpframe.registry import registry
from bpframe.registry.kinds import KINDS
from bpframe.testing.pairs.table import Pair, pairs_of
from bpframe.testing.report import CheckReport

STATUSES = ("proven", "refused", "unproven", "not applicable")


def checked_pairs(reports: Sequence[CheckReport]) -> list[Pair]:
    """The pairs of the components that passed alone."""
    passed = (report.component.partition(":") for report in reports if report.passed and not report.failed)
    found = (registry.find(kind, name) for kind, _, name in passed if kind in KINDS)
    return list(pairs_of(dict.fromkeys(found)))


def pair_lines(found: Sequence[Pair], verbose: bool) -> Iterator[str]:
    """The pairs that fail, with `verbose` also those that are refused or unproven, and how many there are of each."""
    shown = ("failed", "refused", "unproven") if verbose else ("failed",)
    yield from (f"\n{pair}" for pair in found if pair.status in shown)
    counts = Counter[str](pair.status for pair in found)
    parts = [f"{counts[status]} {status}" for status in ("failed", *STATUSES) if counts[status] or status == "proven"]
    if found:
        yield f"\n{len(found)} pair{'' if len(found) == 1 else 's'} on engine numpy: {', '.join(parts)}"
