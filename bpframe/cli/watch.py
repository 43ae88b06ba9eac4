"""bpframe watch: runs of other processes, live in the terminal or on a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click


@click.command()
@click.argument("runs", metavar="[RUN...]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--serve", is_flag=True, help="Serve the page of a report instead, to this machine alone.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of --serve: the port, by default a free one.")
def watch(runs: Sequence[Path], serve: bool, port: int) -> None:
    """Watch RUN folders, or all runs in a folder, by default runs/, while other processes train them.

    It reads their history files, and ends when no run trains any more, or by Ctrl-C. Where the output is no terminal,
    the table is printed once.
    """
    import sys

    from bpframe.cli.watching import print_once, serve_page, show_live
    from bpframe.runs.run_search import find_runs

    found = find_runs(runs or [Path("runs")])
    try:
        if serve:
            serve_page(found, port)
        elif sys.stdout.isatty():
            show_live(found)
        else:
            print_once(found)
    except KeyboardInterrupt:  # it is the way to end it
        click.echo()
