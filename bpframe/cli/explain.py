"""bpframe explain: the components of a config or a run, without importing a plugin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from bpframe import layout
from bpframe.cli.local_files import plugin_files

WIDE = 10_000  # columns, so that no line is broken if the output is not a terminal


@click.command()
@click.argument("target", metavar="CONFIG | RUN", type=click.Path(path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting: optimizer.lr=3e-4.")
@click.option(
    "--data/--no-data",
    "with_data",
    default=None,
    help="Read the data, by plugins too, or not at all. By default they are read where none has to run for it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("-v", "--verbose", is_flag=True, help="Show the target, file and digest of each component.")
@plugin_files
def explain(target: Path, settings: Sequence[str], with_data: bool | None, as_json: bool, verbose: bool) -> None:
    """Show where each component comes from, and what differs from the lock.

    That is the lock of a RUN, or the one beside a CONFIG, if there is one. No plugin is imported. Differences marked !
    may change the bits of a result; `bpframe train --frozen` refuses them. Of the data it says what is odd: rows that
    stand in two parts, a column that alone gives the target, constant and id-like columns.
    """
    from bpframe.cli.exit_codes import exit_code
    from bpframe.cli.explanation import explain_target, explanation_lines, explanation_record
    from bpframe.cli.output import print_json

    found = explain_target(target, settings, with_data)
    if as_json:
        print_json(explanation_record(found))
    else:
        width = layout.terminal_width() or WIDE
        for line in explanation_lines(found, width, verbose):
            click.echo(line)
    if found.resolved.problems:
        click.get_current_context().exit(exit_code(next(iter(found.resolved.problems.values()))))
