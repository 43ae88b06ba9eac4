"""bpframe plugins doctor: what is wrong with installed plugins, each imported in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bpframe.cli.doctor.examination import Examination

HEADER = ("distribution", "version", "components", "CPU s", "MB", "faults", "notes")


@click.command()
@click.argument("distributions", nargs=-1, metavar="[DISTRIBUTION]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--seconds", type=float, default=60.0, show_default=True, help="How long an import may take at most.")
def doctor(distributions: Sequence[str], as_json: bool, seconds: float) -> None:
    """Look for faults of installed plugins, of all or of these distributions, without running them here.

    Metadata: unknown groups, hidden and clashing names, doubled or stale copies, entry points without target,
    requirements that are not met, files that are gone. Each distribution is then imported in a process of its own:
    time, memory, heavy modules, a wrong kind, global state that it changes, threads and files that it leaves, crashes.

    Lines with ! are faults, and make the exit code 1; lines with - are worth knowing.
    """
    from bpframe.cli.doctor.examination import examinations, policy_findings
    from bpframe.cli.output import print_json, print_table
    from bpframe.registry import registry

    found = list(examinations(registry, distributions, seconds))
    notes = policy_findings(registry)
    if as_json:
        record = {"distributions": [each.record() for each in found], "policies": [note.text for note in notes]}
        print_json(record)
    else:
        print_table(HEADER, [_row(each) for each in found], ["red" if each.faults else None for each in found])
        for line in (*_lines(found), *map(str, notes)):
            click.echo(line)
    if any(each.faults for each in found):
        click.get_current_context().exit(1)


def _row(one: Examination) -> tuple[str, ...]:
    numbers = (len(one.providers), f"{one.seconds:.2f}", f"{one.megabytes:.0f}", one.faults)
    return one.dist, one.version, *map(str, numbers), str(len(one.findings) - one.faults)


def _lines(found: Sequence[Examination]) -> Iterator[str]:
    """What was found of each distribution."""
    for one in found:
        if one.findings:
            yield f"\n{one.dist}"
            yield from (f"  {finding}" for finding in one.findings)
    faults = sum(one.faults for one in found)
    yield f"\n{len(found)} distribution{'' if len(found) == 1 else 's'}, {faults} fault{'' if faults == 1 else 's'}"
