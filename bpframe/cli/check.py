"""bpframe check: run the conformance checks of components."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bpframe.testing.report import CheckReport

HEADER = ("component", "run", "passed", "failed", "skipped", "unproven", "engines")


@click.command()
@click.argument("targets", nargs=-1, metavar="[KIND:NAME | DISTRIBUTION | FILE.py[:Class]]...")
@click.option("--all", "everything", is_flag=True, help="Check every installed component.")
@click.option(
    "--engine",
    "engines",
    multiple=True,
    metavar="NAME",
    help="Train on this engine alone, besides numpy; may be repeated. All that are installed are tried by default.",
)
@click.option("--counts", is_flag=True, help="Show how many checks of each distribution ran, as it may record them.")
@click.option(
    "--pyproject",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The pyproject.toml that records counts, where it is neither here nor where the distribution is edited.",
)
@click.option(
    "--pairs/--no-pairs",
    "in_pairs",
    default=True,
    help="Check components beside each other, and beside bpframe's own, too; on by default.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say what each check found, and why some were skipped or unproven.")
def check(
    targets: Sequence[str],
    everything: bool,
    engines: Sequence[str],
    counts: bool,
    pyproject: Path | None,
    in_pairs: bool,
    verbose: bool,
) -> None:
    """Check components, all of a distribution, or those of a Python file: gradients, dtypes, purity, laws of the kind.

    The column of engines shows those on which a short training with the component was tried, ran, and gave the losses
    of engine numpy. An engine that compiles takes seconds for each component: --engine numpy leaves it out.

    Two components in one training keep laws of their own (bpframe docs, "Where components meet"), or are refused.

    A distribution may record in [tool.bpframe.check] of its pyproject.toml how many checks ran (--counts). A later run
    of which fewer run then fails.
    """
    if not targets and not everything:
        raise click.UsageError(
            "check needs KIND:NAME, a distribution, FILE.py or --all, as in: bpframe check loss:huber."
        )
    from bpframe.cli.conformance import check_reports, missing_engines
    from bpframe.cli.output import print_table

    found = check_reports(targets, everything, engines)
    print_table(HEADER, [_row(report) for report in found], ["red" if report.failed else None for report in found])
    for line in (line for report in found for line in _lines(report, verbose)):
        click.echo(line)
    lost = _count(targets, everything, engines, found, counts, pyproject)
    broken = in_pairs and _pairs_fail(found, verbose)
    for line in _summary(found, verbose):
        click.echo(line)
    for name, reason in missing_engines().items() if not engines else ():
        click.echo(f"Engine {name} was not tried: {reason}")
    if lost or broken or any(report.failed for report in found) or not any(report.run for report in found):
        click.get_current_context().exit(1)


def _lines(report: CheckReport, verbose: bool) -> Iterator[str]:
    """What is to be said of a component below the table."""
    yield from _details(report) if verbose else ()
    yield from (f"\n{report.component}, {name}: {message}" for name, message in report.remarks.items())
    yield from (f"\n{report.component} fails {name}: {message}" for name, message in report.failed.items())


def _summary(found: Sequence[CheckReport], verbose: bool) -> Iterator[str]:
    """The last lines: how many checks ran, failed, and are unproven."""
    run, failed, unproven = (sum(len(getattr(r, part)) for r in found) for part in ("run", "failed", "unproven"))
    counts = f"{run} checks run, {failed} failed" + (f", {unproven} unproven" if unproven else "")
    yield f"\n{len(found)} component{'' if len(found) == 1 else 's'}, {counts}"
    for engine in dict.fromkeys(engine for report in found for engine in report.seconds if engine != "numpy"):
        yield f"Engine {engine} took {sum(report.seconds.get(engine, 0.0) for report in found):.0f} s."
    if unproven and not verbose:
        yield "No law can tell whether what is unproven is right. -v says what would."
    if not run:
        yield "Nothing was checked, which counts as a failure. -v says why."


def _count(
    targets: Sequence[str],
    everything: bool,
    engines: Sequence[str],
    found: Sequence[CheckReport],
    shown: bool,
    pyproject: Path | None,
) -> bool:
    """Compare the counts of each distribution of which all was checked; whether one has lost checks."""
    from bpframe.cli.conformance import engine_names, whole_distributions
    from bpframe.testing.check_counts import TABLE, absent_groups, counts_of, lost_checks, recorded_counts

    any_lost = False
    for dist, reports in whole_distributions(targets, everything, found).items():
        for line in (f"\n{dist}:", TABLE, *(f"{k} = {n}" for k, n in counts_of(reports).items())) if shown else ():
            click.echo(line)
        if (recorded := recorded_counts(dist, pyproject)) is None:
            continue
        absent = absent_groups(recorded, reports, engine_names(engines))
        for group, why in absent.items():
            click.echo(f"\n{dist}: {recorded.groups[group]} recorded checks of '{group}' cannot run here: {why}.")
        for line in lost_checks(recorded, reports, absent):
            click.echo(f"\n{dist} has lost checks: {line}")
            any_lost = True
    return any_lost


def _pairs_fail(reports: Sequence[CheckReport], verbose: bool) -> bool:
    """Show what becomes of pairs; whether one fails."""
    from bpframe.cli.pair_check import checked_pairs, pair_lines

    found = checked_pairs(reports)
    for line in pair_lines(found, verbose):
        click.echo(line)
    return any(pair.status == "failed" for pair in found)


def _row(report: CheckReport) -> tuple[str, ...]:
    counts = (str(len(part)) for part in (report.run, report.passed, report.failed, report.skipped, report.unproven))
    return report.component, *counts, ", ".join(report.engines) or "none"


def _details(report: CheckReport) -> Iterator[str]:
    """A line a check: those that passed, then those that were skipped or unproven, and why."""
    yield f"\n{report.component}"
    yield from (f"  {name}: passed" for name in report.passed)
    yield from (f"  {name}: skipped, {reason}" for name, reason in report.skipped.items())
    yield from (f"  {name}: unproven, {reason}" for name, reason in report.unproven.items())
