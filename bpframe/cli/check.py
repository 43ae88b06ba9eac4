"""bpframe check: run the conformance checks of components."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
@click.option("--fast", is_flag=True, help="On engine numpy alone, and without pairs: what takes least time.")
@click.option("-x", "stop", is_flag=True, help="Stop at the first component that fails.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
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
def check(targets: Sequence[str], as_json: bool, counts: bool, verbose: bool, **selection: Any) -> None:
    """Check components, all of a distribution, or those of a Python file: gradients, dtypes, purity, laws of the kind.

    The column of engines shows those on which a short training with the component was tried, ran, and gave the losses
    of engine numpy. An engine that compiles takes seconds for each component: --fast leaves it out.

    Two components in one training keep laws of their own (bpframe docs, "Where components meet"), or are refused.

    A distribution may record in [tool.bpframe.check] of its pyproject.toml how many checks ran (--counts). A later run
    of which fewer run then fails. In [tool.bpframe.xfail] it may record which checks are expected to fail, and why; one
    that passes nevertheless then fails.
    """
    from bpframe.cli.check_request import CheckRequest
    from bpframe.cli.output import print_json

    result = CheckRequest(targets, **selection).result()
    if as_json:
        print_json(result.record())
    else:
        _print(result.reports, result.lines(verbose, counts))
    if not result.good:
        click.get_current_context().exit(1)


def _print(reports: Sequence[CheckReport], lines: Iterable[str]) -> None:
    """The table of components, and what is to be said below it."""
    from bpframe.cli.output import print_table

    print_table(HEADER, [_row(report) for report in reports], ["red" if report.failed else None for report in reports])
    for line in lines:
        click.echo(line)


def _row(report: CheckReport) -> tuple[str, ...]:
    counts = (str(len(part)) for part in (report.run, report.passed, report.failed, report.skipped, report.unproven))
    return report.component, *counts, ", ".join(report.engines) or "none"
