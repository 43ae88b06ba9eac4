"""The result of `bpframe check`: reports, counts and pairs, as lines for a terminal and as a record for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, final

from bpframe.cli.conformance import engine_names, missing_engines, whole_distributions
from bpframe.cli.failure_groups import failure_groups
from bpframe.cli.pair_check import checked_pairs, pair_lines
from bpframe.testing.check_counts import TABLE, absent_groups, counts_of, lost_checks, recorded_counts
from bpframe.testing.expected_failures import recorded_failures, unknown_components
from bpframe.testing.pairs.table import Pair
from bpframe.testing.report import CheckReport


@final
@dataclass(frozen=True)
class CheckResult:
    """What a check has found. `counts` by distribution; `absent`: what cannot run.

    `lost`: what a distribution records and is not there. `stopped`: whether it ended at the first failure.
    """

    reports: Sequence[CheckReport]
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    lost: Sequence[str] = ()
    absent: Sequence[str] = ()
    pairs: Sequence[Pair] = ()
    not_tried: Mapping[str, str] = field(default_factory=dict)
    stopped: bool = False

    @property
    def good(self) -> bool:
        """Whether something was checked, and nothing failed or is lost."""
        broken = any(pair.status == "failed" for pair in self.pairs)
        failed = any(report.failed for report in self.reports)
        return any(report.run for report in self.reports) and not (failed or broken or self.lost)

    def record(self) -> dict[str, Any]:
        """All of it, for JSON."""
        components = [{**asdict(report), "passed": report.passed, "engines": report.engines} for report in self.reports]
        causes = [asdict(group) for group in failure_groups(self.reports)]
        statuses = [pair.status for pair in self.pairs]
        pairs = {
            "counts": {status: statuses.count(status) for status in dict.fromkeys(statuses)},
            "failed": [str(pair) for pair in self.pairs if pair.status == "failed"],
        }
        return {
            "good": self.good,
            "components": components,
            "causes": causes,
            "counts": self.counts,
            "lost": self.lost,
            "cannot_run": self.absent,
            "pairs": pairs,
            "engines_not_tried": self.not_tried,
            "stopped_at_first_failure": self.stopped,
        }

    def lines(self, verbose: bool, counts: bool) -> Iterator[str]:
        """What is to be said below the table of components."""
        for report in self.reports:
            yield from _details(report) if verbose else ()
            yield from (f"\n{report.component}, {name}: {message}" for name, message in report.remarks.items())
        yield from (line for group in failure_groups(self.reports) for line in group.lines())
        for dist, groups in self.counts.items() if counts else ():
            yield from (f"\n{dist}:", TABLE, *(f"{name} = {number}" for name, number in groups.items()))
        yield from (f"\n{line}" for line in (*self.absent, *self.lost))
        yield from pair_lines(self.pairs, verbose)
        yield from self._summary(verbose)

    def _summary(self, verbose: bool) -> Iterator[str]:
        """The last lines: how many checks ran, failed, and are unproven."""
        found = self.reports
        run, failed, unproven, expected = (
            sum(len(getattr(report, part)) for report in found) for part in ("run", "failed", "unproven", "expected")
        )
        parts = [f"{run} checks run, {failed} failed", *_some(expected, "as expected"), *_some(unproven, "unproven")]
        yield f"\n{len(found)} component{'' if len(found) == 1 else 's'}, {', '.join(parts)}"
        for engine in dict.fromkeys(engine for report in found for engine in report.seconds if engine != "numpy"):
            yield f"Engine {engine} took {sum(report.seconds.get(engine, 0.0) for report in found):.0f} s."
        if unproven and not verbose:
            yield "No law can tell whether what is unproven is right. -v says what would."
        if not run:
            yield "Nothing was checked, which counts as a failure. -v says why."
        if self.stopped:
            yield "Stopped at the first component that fails (-x)."
        yield from (f"Engine {name} was not tried: {reason}" for name, reason in self.not_tried.items())


def result_of(
    reports: Sequence[CheckReport],
    targets: Sequence[str],
    everything: bool,
    engines: Sequence[str],
    pyproject: Path | None,
    in_pairs: bool,
) -> CheckResult:
    """The result of these reports: their counts compared, and, where that is wanted, the components in pairs."""
    counts, lost, absent = {}, list[str](), list[str]()
    for dist, own in whole_distributions(targets, everything, reports).items():
        counts[dist] = counts_of(own)
        unknown = unknown_components([report.component for report in own], recorded_failures(dist, pyproject))
        lost += [f"{dist}: {line}" for line in unknown]
        if recorded := recorded_counts(dist, pyproject):
            cannot = absent_groups(recorded, own, engine_names(engines))
            lost += [f"{dist} has lost checks: {line}" for line in lost_checks(recorded, own, cannot)]
            absent += [
                f"{dist}: {recorded.groups[group]} recorded checks of '{group}' cannot run here: {why}."
                for group, why in cannot.items()
            ]
    pairs = checked_pairs(reports) if in_pairs else ()
    return CheckResult(reports, counts, lost, absent, pairs, {} if engines else missing_engines())


def _some(number: int, what: str) -> list[str]:
    return [f"{number} {what}"] if number else []


def _details(report: CheckReport) -> Iterator[str]:
    """A line a check: those that passed, then those that failed as expected, were skipped or unproven, and why."""
    yield f"\n{report.component}"
    yield from (f"  {name}: passed" for name in report.passed)
    yield from (f"  {name}: failed as expected, {reason}" for name, reason in report.expected.items())
    yield from (f"  {name}: skipped, {reason}" for name, reason in report.skipped.items())
    yield from (f"  {name}: unproven, {reason}" for name, reason in report.unproven.items())
