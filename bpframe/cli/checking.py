"""bpframe check: does a component keep the laws of its kind?"""

from __future__ import annotations

from collections.abc import Sequence

import click


@click.command()
@click.argument("targets", nargs=-1, metavar="[KIND:NAME | DISTRIBUTION]...")
@click.option("--all", "everything", is_flag=True, help="Check every installed component.")
def check(targets: Sequence[str], everything: bool) -> None:
    """Check components, or all of a distribution: gradients, dtypes, purity and the laws of their kind."""
    if not targets and not everything:
        raise click.UsageError("check needs KIND:NAME, a distribution or --all, as in: bpframe check loss:huber.")
    from bpframe.cli.columns import show
    from bpframe.cli.conformance import reports

    found = reports(targets, everything)
    rows = [(r.component, *(str(len(part)) for part in (r.run, r.passed, r.failed, r.skipped))) for r in found]
    show(("component", "run", "passed", "failed", "skipped"), rows, ["red" if r.failed else "" for r in found])
    for report in found:
        for name, message in report.failed.items():
            click.echo(f"\n{report.component} fails {name}: {message}")
    run, failed = sum(len(r.run) for r in found), sum(len(r.failed) for r in found)
    click.echo(f"\n{len(found)} component{'' if len(found) == 1 else 's'}, {run} checks run, {failed} failed")
    if failed:
        click.get_current_context().exit(1)
