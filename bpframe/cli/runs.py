"""bpframe runs: a table of runs, grouped by their configs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bpframe import layout
from bpframe.errors import BpframeError

if TYPE_CHECKING:
    from bpframe.runs.run import Run


@click.command()
@click.argument("folders", metavar="[FOLDER...]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--sort", metavar="COLUMN", help="Rows rise by this column; -COLUMN: they fall.")
@click.option("--each", is_flag=True, help="A row for each run.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a CSV file: every digit, every column.")
def runs(folders: Sequence[Path], sort: str | None, each: bool, as_csv: bool) -> None:
    """Compare the runs in FOLDERs, by default those in runs/.

    A row for each config: its runs, which differ by their seed alone, the mean of each result with its interval over
    them, and the settings by which the configs differ.
    """
    from bpframe.runs.run_search import find_runs
    from bpframe.runs.run_table import INTERVAL, group_table, run_table

    found = [run for run in find_runs(folders or [Path("runs")]) if _is_readable(run)]
    table = (run_table if each else group_table)(found)
    if sort is not None:
        table = table.sorted_by(sort)
    if as_csv:
        _print_csv([table.columns, *([row.get(name) for name in table.columns] for row in table.rows)])
        return
    header, rows = table.text_rows()
    for line in layout.text_table(header, rows, layout.terminal_width()):
        click.echo(line)
    if any("±" in cell for row in rows for cell in row):
        click.echo(f"\n{INTERVAL}.")


def _is_readable(run: Run) -> bool:
    """Whether the files of a run can be read; a line on stderr where one is damaged."""
    try:
        return bool(run.config and run.lock) and run.results is not None
    except BpframeError as error:
        click.echo(f"left out: {error}", err=True)
        return False


def _print_csv(rows: Sequence[Sequence[object]]) -> None:
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    click.echo(text.getvalue(), nl=False)
